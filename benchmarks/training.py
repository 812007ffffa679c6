"""A training step of Weft against one of PyTorch, taking turns: A B A B ..., medians.

Each side is a process of its own, so that neither's threads or memory get in the other's way, and
works only while the others wait. The machine's peak is measured between the turns.

    python benchmarks/training.py tiny            # Weft in both precisions, PyTorch float32 eager
    python benchmarks/training.py blog --bf16     # and PyTorch with bfloat16 autocast
    python benchmarks/training.py gpt2 --compile --json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

SIZES: dict[str, dict[str, int]] = {
    "tiny": dict(batch_size=12, block_size=64, n_layer=4, n_head=4, n_embd=128, vocab_size=65),
    "blog": dict(batch_size=64, block_size=256, n_layer=6, n_head=6, n_embd=384, vocab_size=65),
    "gpt2": dict(batch_size=4, block_size=256, n_layer=12, n_head=12, n_embd=768, vocab_size=50257),
}
DROPOUT = {"tiny": 0.0, "blog": 0.2, "gpt2": 0.0}
STEPS_PER_TURN = {"tiny": 20, "blog": 2, "gpt2": 2}


class Side:
    """A process that takes steps when told to."""

    def __init__(self, name: str, size: str, threads: int) -> None:
        self.name, self.times = name, list[float]()
        self.peaks: dict[str, float] = {}
        count = str(threads)
        env = os.environ | {"WEFT_NUM_THREADS": count, "OMP_NUM_THREADS": count}
        command = [sys.executable, __file__, size, "--side", name, "--threads", count]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)
        self.ask("warm up")

    def ask(self, command: str) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} failed: see above")
        return json.loads(line)

    def turn(self) -> None:
        answer = self.ask("turn")
        self.times += answer["seconds"]
        for kind, rate in answer["peaks"].items():
            self.peaks[kind] = max(self.peaks.get(kind, 0.0), rate)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def serve(name: str, size: str, threads: int) -> None:
    """The child's side: one line of JSON for each line that comes."""
    step, peaks = make_step(name, size, threads)
    for line in sys.stdin:
        if line.strip() == "warm up":
            for _ in range(3):
                step()
            print("{}", flush=True)
            continue
        step()  # bring the weights back into the cache
        seconds = []
        for _ in range(STEPS_PER_TURN[size]):
            started = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - started)
        print(json.dumps({"seconds": seconds, "peaks": peaks()}), flush=True)


def make_step(name: str, size: str, threads: int) -> tuple[Any, Any]:
    """The step of that side, and what measures the machine's peak beside it."""
    sizes = SIZES[size]
    if name.startswith("torch"):
        import torch

        from torch_step import TorchStep

        torch.set_num_threads(threads)
        return TorchStep(sizes, DROPOUT[size], "bf16" in name, "compiled" in name), dict
    from weft.cli.bench_train import TrainingStep, peak
    from weft.config import ModelConfig

    precision: Any = "bfloat16" if "bf16" in name else "float32"
    fields = {key: value for key, value in sizes.items() if key != "batch_size"}
    config = ModelConfig(**fields, dropout=DROPOUT[size])  # type: ignore[arg-type]
    step = TrainingStep(config, sizes["batch_size"], precision)
    return step, lambda: {precision: peak(precision) or 0.0}


def compare(size: str, names: list[str], turns: int, threads: int) -> dict[str, Any]:
    sides = [Side(name, size, threads) for name in names]
    for _ in range(turns):
        for side in sides:
            side.turn()
    for side in sides:
        side.close()
    peaks: dict[str, float] = {}
    for side in sides:
        peaks.update(side.peaks)
    medians = {side.name: 1e3 * statistics.median(side.times) for side in sides}
    return {"configuration": size, "milliseconds": medians, "peak_gflops": peaks}


def report(result: dict[str, Any], size: str) -> None:
    medians, peaks = result["milliseconds"], result["peak_gflops"]
    print(f"{size}: {SIZES[size]}, dropout {DROPOUT[size]}")
    for kind, rate in peaks.items():
        print(f"peak in {kind}: {rate:,.0f} GFLOP/s" if rate else f"peak in {kind}: not measured")
    reference = medians.get("torch-float32") or next(iter(medians.values()))
    for name, milliseconds in medians.items():
        ratio = reference / milliseconds
        print(f"{name:>20}  {milliseconds:10.2f} ms  {ratio:6.2f} x torch-float32")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--bf16", action="store_true", help="also PyTorch with bfloat16 autocast")
    parser.add_argument("--compile", action="store_true", help="also PyTorch compiled")
    parser.add_argument("--turns", type=int, default=7, help="turns of each side (default 7)")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default 2)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        serve(options.side, options.size, options.threads)
        return
    names = ["weft-float32", "weft-bf16", "torch-float32"]
    names += ["torch-bf16"] if options.bf16 else []
    names += ["torch-compiled"] if options.compile else []
    names += ["torch-bf16-compiled"] if options.bf16 and options.compile else []
    result = compare(options.size, names, options.turns, options.threads)
    if options.json:
        print(json.dumps(result))
    else:
        report(result, options.size)


if __name__ == "__main__":
    main()
