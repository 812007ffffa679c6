"""What Python costs: microseconds per operation, and a program of tiny ones beside PyTorch.

    python benchmarks/overhead.py                   # the XOR program at 2,000 steps a loop
    python benchmarks/overhead.py --steps 10000     # as it is in the workshop: 60,000 steps
    python benchmarks/overhead.py --json

The program runs on one thread of PyTorch's. Without PyTorch, Weft's time is printed alone.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import weft
from weft.autograd.engine import topological_order
from weft.config import ModelConfig, TrainConfig
from weft.kernels import active
from weft.models import GPT
from weft.nn import functional as F
from weft.random import Generator
from weft.training.optimization import Optimization
from weft.training.step import clip, gradients

PROGRAM = Path(__file__).parents[1] / "tests" / "parity" / "xor_workshop.py"
LOOPS = 6  # training steps of the program for each of STEPS: 4 single examples, and 2 whole batches
CHAIN = 50  # operations behind one another
REPEATS = 25

Run = Callable[[], Any]


def microseconds(run: Run) -> float:
    """The least of many runs: what disturbs a run only ever adds to it."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        for _ in range(10):
            run()
        times.append(time.perf_counter() - started)
    return min(times) / 10 * 1e6


def chain(op: Callable[[Any], Any], start: Any) -> Run:
    """Forward and backward through `op` of `op` of … of `start`."""

    def run() -> None:
        y = start
        for _ in range(CHAIN):
            y = op(y)
        y.backward(y)
        start.grad = None

    return run


def chains() -> dict[str, float]:
    """Microseconds of Python for one operation, forward and backward, on 2×2 matrices.

    Of the sigmoid the time of the bare kernel calls is taken off; where NumPy computes, or several
    kernels do, the figure is that of Python and kernels.
    """
    x = weft.tensor(np.full((2, 2), 0.5, np.float32), requires_grad=True)
    other = weft.tensor(np.full((2, 2), 0.9, np.float32))

    def bare() -> None:
        y, saved = x.array, []
        for _ in range(CHAIN):
            y = active.sigmoid_forward(y)
            saved.append(y)
        for kept in saved:
            y = active.sigmoid_backward(y, kept)

    chained = {
        "add": lambda y: y + other,
        "mul": lambda y: y * other,
        "matmul": lambda y: y @ other,
        "linear": lambda y: F.linear(y, other),
        "reshape": lambda y: y.reshape(2, 2),
    }
    figures = {"sigmoid": microseconds(chain(lambda y: y.sigmoid(), x)) - microseconds(bare)}
    figures |= {name: microseconds(chain(op, x)) for name, op in chained.items()}
    return {name: figure / CHAIN for name, figure in figures.items()}


def training_step() -> tuple[float, int]:
    """Microseconds per operation of a step of a GPT so small that its arithmetic takes no time.

    The loss, the gradient's norm and AdamW are in it. Also returns the number of operations.
    """
    model = GPT(ModelConfig(vocab_size=8, block_size=4, n_layer=8, n_head=2, n_embd=8))
    config = TrainConfig(data="made-up", out="bench", steps=10**6, learning_rate=1e-3)
    optimization = Optimization(model, config)
    tokens = Generator(0).integers(0, 8, (2, 1, 4))

    def step() -> None:
        gradients(model, [(tokens[0], tokens[1])])
        _, scale = clip(model.parameters(), 1.0)
        optimization.step(0, scale)
        model.zero_grad()

    loss = F.cross_entropy(model(tokens[0]).reshape(4, 8), tokens[1].reshape(4))
    count = len(topological_order(loss.node))
    return microseconds(step) / count, count


def with_weft(program: str) -> str:
    """The program after a change of imports."""
    program = re.sub(r"^import torch$", "import weft as torch", program, flags=re.M)
    return re.sub(r"^(import|from) torch\.", r"\1 weft.", program, flags=re.M)


def seconds_of(program: str, steps: int) -> float:
    code = compile(program, str(PROGRAM), "exec")
    with contextlib.redirect_stdout(io.StringIO()):
        started = time.perf_counter()
        exec(code, {"__name__": "program", "STEPS": steps})
        return time.perf_counter() - started


def program_times(steps: int, turns: int) -> dict[str, float]:
    """Median seconds of the XOR program on Weft and, in turns with it, on PyTorch."""
    program = PROGRAM.read_text(encoding="utf-8")
    sides = {"weft": with_weft(program)}
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
        sides["torch"] = program
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(turns):
        for name, side in sides.items():
            times[name].append(seconds_of(side, steps))
    return {name: statistics.median(values) for name, values in times.items()}


def text(result: dict[str, Any]) -> str:
    lines = ["microseconds of one operation, forward and backward, on 2×2 matrices"]
    lines += [f"  {name:9}{figure:6.2f}" for name, figure in result["operations"].items()]
    lines.append(
        f"training step of a GPT of nearly no arithmetic: {result['training_step']:.2f} "
        f"microseconds for each of its {result['training_step_operations']} operations"
    )
    times = result["program_seconds"]
    lines.append(f"XOR program, {result['program_steps']:,} training steps")
    lines += [f"  {name:9}{seconds:6.2f} s" for name, seconds in times.items()]
    if "torch" in times:
        lines.append(f"  PyTorch takes {times['torch'] / times['weft']:.2f} times as long")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000, help="of each loop of the program")
    parser.add_argument("--turns", type=int, default=3, help="turns of each side (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figure, count = training_step()
    result = {
        "operations": chains(),
        "training_step": figure,
        "training_step_operations": count,
        "program_steps": LOOPS * options.steps,
        "program_seconds": program_times(options.steps, options.turns),
    }
    print(json.dumps(result) if options.json else text(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
