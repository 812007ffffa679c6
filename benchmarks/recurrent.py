"""A recurrent layer, forward and back, against PyTorch's, in turns: RNN, GRU, LSTM by width.

    python benchmarks/recurrent.py                          # all widths and layers, both precisions
    python benchmarks/recurrent.py --kinds LSTM --widths 512 --turns 9 --json

A step goes over (T, B, C) and back to the gradients of the weights and of the input. "best" is each
side's faster precision. The figures are medians of turns; see weft/cli/bench_turns.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from weft.cli.bench_turns import Side, take_turns
from weft.errors import WeftError
from weft.machine import usable_processors

FOLDER = Path(__file__).parent
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
SIZES = {128: (64, 12), 256: (128, 32), 512: (64, 64)}  # width to T, B
PRECISIONS = ("float32", "bfloat16")
HEAD = """\
                       milliseconds a step               torch / weft     share of peak
                       float32           bfloat16
layer    C    T   B    weft    torch    weft    torch  float32   best     f32    bf16"""


def flop(kind: str, T: int, B: int, C: int) -> float:
    """Of the products: with x and with h, forward, and both gradients of each."""
    return 12.0 * GATES[kind] * T * B * C * C


def compare(
    kind: str, T: int, B: int, C: int, turns: int, threads: int, seconds: float
) -> dict[str, Any]:
    """Milliseconds of a step of each side and precision, GFLOP/s and the machine's peak."""
    sizes = {"kind": kind, "T": T, "B": B, "C": C}
    sides = [
        Side(
            f"{who}-{precision}", FOLDER / f"recurrent_{who}.py", {**sizes, "precision": precision}
        )
        for precision in PRECISIONS
        for who in ("weft", "torch")
    ]
    outcomes = take_turns(sides, turns, threads, seconds)
    result: dict[str, Any] = {**sizes, "threads": threads, "milliseconds": {}, "peaks": {}}
    for name, outcome in outcomes.items():
        result["milliseconds"][name] = outcome.median
        result["peaks"] |= {k: max(v, result["peaks"].get(k, 0)) for k, v in outcome.peaks.items()}
    times = result["milliseconds"]
    result["float32"] = times["torch-float32"] / times["weft-float32"]
    best = {who: min(times[f"{who}-{p}"] for p in PRECISIONS) for who in ("weft", "torch")}
    result["best"] = best["torch"] / best["weft"]
    result["gflops"] = {p: flop(kind, T, B, C) / times[f"weft-{p}"] / 1e6 for p in PRECISIONS}
    return result


def text(result: dict[str, Any]) -> str:
    times = result["milliseconds"]
    share = {p: result["gflops"][p] / result["peaks"].get(p, float("inf")) for p in PRECISIONS}
    size = f"{result['kind']:5}{result['C']:5}{result['T']:5}{result['B']:4}"
    figures = "".join(f"{times[f'{w}-{p}']:9.2f}" for p in PRECISIONS for w in ("weft", "torch"))
    return (
        f"{size}{figures}{result['float32']:9.2f}{result['best']:7.2f}"
        f"{share['float32']:8.0%}{share['bfloat16']:8.0%}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--widths", nargs="+", type=int, choices=SIZES, default=list(SIZES))
    parser.add_argument("--turns", type=int, default=5, help="turns of each side (default 5)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of a turn")
    parser.add_argument("--threads", type=int, default=usable_processors(), help="of each side")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    options = parser.parse_args()
    if not options.json:
        print(HEAD)
    try:
        for kind in options.kinds:
            for C in options.widths:
                T, B = SIZES[C]
                result = compare(kind, T, B, C, options.turns, options.threads, options.seconds)
                print(json.dumps(result) if options.json else text(result), flush=True)
    except WeftError as error:
        print(f"recurrent.py: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
