"""Time per token of a training step against width, depth, context, batch and vocabulary.

    python benchmarks/scaling.py                  # all of it, some 6 minutes
    python benchmarks/scaling.py --only context   # one; the others' figures stay
    python benchmarks/scaling.py --render         # none, only the document and the plots again

Writes scaling.json, scaling.md and, where matplotlib is installed, scaling-*.svg into docs/.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaling_document import document, plot
from weft.cli.bench_train import Precision, TrainingStep
from weft.config import ModelConfig
from weft.machine import kernels, processor
from weft.training.work import flop_per_token, peak

DOCS = Path(__file__).parents[1] / "docs"
BASE = {"vocab_size": 512, "block_size": 128, "n_layer": 4, "n_embd": 256, "batch_size": 8}
HEAD = 64
TOKENS = 2048  # in a step, where the context grows
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class Sweep:
    """What grows, and its values."""

    field: str
    values: Sequence[int]

    def sizes(self, value: int) -> dict[str, int]:
        """The model and batch with this value."""
        sizes = {**BASE, self.field: value}
        if self.field == "block_size":  # the same tokens in each step
            sizes["batch_size"] = TOKENS // value
        return sizes


SWEEPS = {
    "width": Sweep("n_embd", (64, 128, 192, 256, 384, 512, 768, 1024)),
    "depth": Sweep("n_layer", (1, 2, 4, 8, 16)),
    "context": Sweep("block_size", (64, 128, 256, 512, 1024, 2048)),
    "batch": Sweep("batch_size", (1, 2, 4, 8, 16, 32, 64)),
    "vocabulary": Sweep("vocab_size", (64, 256, 1024, 4096, 16384, 50257)),
}


def point(sizes: dict[str, int], precision: Precision, seconds: float) -> dict[str, float]:
    """Microseconds per token, FLOP per token, and how many GFLOP/s that makes."""
    fields = {name: value for name, value in sizes.items() if name != "batch_size"}
    config = ModelConfig(n_head=max(1, sizes["n_embd"] // HEAD), **fields)  # type: ignore[arg-type]
    step = TrainingStep(config, sizes["batch_size"], precision)
    for _ in range(2):
        step()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    per_token = statistics.median(times) / (sizes["batch_size"] * config.block_size)
    flop = flop_per_token(config)
    return {"microseconds": 1e6 * per_token, "flop": flop, "gflops": flop / per_token / 1e9}


def sweep(name: str, seconds: float, every: int) -> dict[str, Any]:
    """All points of one sweep, the two precisions of each point one after the other."""
    chosen, points = SWEEPS[name], []
    for value in chosen.values[::every]:
        measured = {p: point(chosen.sizes(value), p, seconds) for p in PRECISIONS}
        points.append({"value": value, "sizes": chosen.sizes(value), **measured})
        text = ", ".join(f"{p} {measured[p]['microseconds']:.2f} µs" for p in PRECISIONS)
        print(f"{name} {value}: {text} a token", file=sys.stderr)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{processor()}, {kernels()['threads']} threads, {kernels()['isa']}",
        "peak_gflops": {p: peak(p) for p in PRECISIONS},
        "points": points,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SWEEPS, default=list(SWEEPS))
    parser.add_argument("--seconds", type=float, default=1.5, help="for each point")
    parser.add_argument("--quick", action="store_true", help="every third point, shortly")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the files")
    options = parser.parse_args()
    data = options.out / "scaling.json"
    results = json.loads(data.read_text(encoding="utf-8")) if data.exists() else {}
    for name in [] if options.render else options.only:
        results[name] = sweep(
            name, 0.0 if options.quick else options.seconds, 3 if options.quick else 1
        )
        results = {name: results[name] for name in SWEEPS if name in results}
        data.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (options.out / "scaling.md").write_text(document(results), encoding="utf-8")
    if importlib.util.find_spec("matplotlib") is None:
        print("scaling.py: no plots: matplotlib is not installed", file=sys.stderr)
        return
    for name, result in results.items():
        plot(name, result, options.out / f"scaling-{name}.svg")


if __name__ == "__main__":
    main()
