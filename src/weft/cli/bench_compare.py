"""A whole training step of Weft against peers that take turns with it.

The ratios are of medians of one run, and the machine's peak is measured between its turns. Only
GPT-2's architecture has peers.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weft.cli import output
from weft.cli.bench_train import Precision
from weft.cli.bench_turns import TURN_SECONDS, Outcome, Side, take_turns
from weft.cli.machine import bytes_text
from weft.config import ModelConfig, TrainConfig
from weft.errors import ConfigError, WeftError
from weft.training.memory import check_memory
from weft.training.work import flop_per_token

FOLDER = Path(__file__).parent
TORCH: dict[str, dict[str, dict[str, bool]]] = {  # groups of sides, and their options
    "torch": {"torch float32": {}, "torch bfloat16": {"bf16": True}},
    "compiled": {
        "torch float32 compiled": {"compiled": True},
        "torch bfloat16 compiled": {"bf16": True, "compiled": True},
    },
    "nanogpt": {"nanoGPT float32": {"nanogpt": True}},
}


def weft_sides(config: ModelConfig, batch_size: int, precisions: Sequence[Precision]) -> list[Side]:
    """Weft in each of these precisions."""
    return [
        Side(f"weft {precision}", FOLDER / "peer_weft.py", _options(config, batch_size, precision))
        for precision in precisions
    ]


_AS_IN_GPT2 = {"positions": "learned", "window": 0, "activation": "gelu", "n_expert": 0}


def torch_sides(
    config: ModelConfig, batch_size: int, groups: Sequence[str] = ("torch",)
) -> list[Side]:
    """PyTorch in float32 and with bfloat16 autocast, compiled too, and nanoGPT as it is shipped.

    Raises `WeftError` where PyTorch is not installed, `ConfigError` for another architecture.
    """
    if config.arch != "gpt2":
        raise ConfigError(
            f"only --arch gpt2 has a peer to compare with, not {config.arch}; "
            "bench train --compare; leave --compare out"
        )
    for name, value in _AS_IN_GPT2.items():
        if getattr(config, name) != value:
            raise ConfigError(
                f"the peers have {name} {value}, not {getattr(config, name)}; "
                "bench train --compare; leave --compare out"
            )
    if importlib.util.find_spec("torch") is None:
        raise WeftError(
            "PyTorch is not installed; bench train --compare torch; pip install torch, "
            "or leave --compare out"
        )
    options = _options(config, batch_size)
    return [
        Side(name, FOLDER / "peer_torch.py", {**options, **variant})
        for group in groups
        for name, variant in TORCH[group].items()
    ]


def compare(
    config: ModelConfig,
    batch_size: int,
    sides: Sequence[Side],
    turns: int,
    threads: int,
    seconds: float = TURN_SECONDS,
) -> dict[str, Any]:
    """Take turns; the numbers of `weft bench train --compare torch --json`."""
    check_memory(config, TrainConfig(data="made-up", out="bench", steps=1, batch_size=batch_size))
    outcomes = take_turns(sides, turns, threads, seconds)
    peaks: dict[str, float] = {}
    for outcome in outcomes.values():
        for kind, rate in outcome.peaks.items():
            peaks[kind] = max(peaks.get(kind, 0.0), rate)
    flop = batch_size * config.block_size * flop_per_token(config)
    return {
        "configuration": {**dataclasses.asdict(config), "batch_size": batch_size},
        "turns": turns,
        "threads": threads,
        "sides": {name: _side(name, o, flop, peaks) for name, o in outcomes.items()},
        "peak_gflops": peaks,
        "ratios": ratios({name: outcome.median for name, outcome in outcomes.items()}),
    }


def ratios(milliseconds: dict[str, float]) -> dict[str, dict[str, float]]:
    """How many times faster than each peer Weft is, in each of its precisions."""
    ours = {name: ms for name, ms in milliseconds.items() if _is_ours(name)}
    return {
        peer: {name: ms / mine for name, mine in ours.items()}
        for peer, ms in milliseconds.items()
        if not _is_ours(peer)
    }


def precision_of(side: str) -> Precision:
    """The precision that a side's name speaks of."""
    return "bfloat16" if "bfloat16" in side else "float32"


def text(result: dict[str, Any]) -> str:
    """The comparison as a table, and the peaks below it."""
    ours = [name for name in result["sides"] if _is_ours(name)]
    titles = ("", "ms a step", "GFLOP/s", "of peak", "memory", *(f"to {name}" for name in ours))
    rows: list[tuple[str, ...]] = [titles]
    for name, side in result["sides"].items():
        share, memory = side["peak_fraction"], side["memory_bytes"]
        rows.append((
            name,
            f"{side['milliseconds']:,.2f}",
            f"{side['gflops']:,.0f}",
            "" if share is None else f"{100 * share:.0f} %",
            "" if memory is None else bytes_text(memory),
            *(f"{ratio:.2f} x" for ratio in result["ratios"].get(name, {}).values()),
            *([""] * (0 if name in result["ratios"] else len(ours))),
        ))  # fmt: skip
    lines = [output.table(rows, "l" + "r" * len(titles))]
    for kind, rate in result["peak_gflops"].items():
        lines.append(f"peak in {kind}, measured in this run: {rate:,.0f} GFLOP/s")
    return "\n".join(lines)


def _side(name: str, outcome: Outcome, flop: float, peaks: dict[str, float]) -> dict[str, Any]:
    gflops = flop / outcome.median / 1e6
    peak = peaks.get(precision_of(name))
    return {
        "milliseconds": outcome.median,
        "fastest_turn": min(outcome.milliseconds),
        "slowest_turn": max(outcome.milliseconds),
        "steps": outcome.steps,
        "gflops": gflops,
        "peak_fraction": gflops / peak if peak else None,
        "memory_bytes": outcome.memory_bytes,
    }


def _options(
    config: ModelConfig, batch_size: int, precision: Precision | None = None
) -> dict[str, Any]:
    options = {"config": dataclasses.asdict(config), "batch_size": batch_size}
    return options if precision is None else {**options, "precision": precision}


def _is_ours(side: str) -> bool:
    return side.startswith("weft")
