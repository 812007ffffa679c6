"""What is timed of every side: reading prompts, or writing tokens behind them.

    python inference_step.py OPTIONS     # loads, reads the prompt once; its memory

A side is a file beside this one with `Sequences(path, threads, count, length)`, whose `read` takes
tokens and gives the likeliest next ones. Writing starts again behind the same prompts each time,
so that a turn may be as long as it likes and every one does the same work. See bench_child.py.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

STEP = 104_729  # a prime: made-up prompts that differ, the same for all sides


class Step:
    """`new` greedy tokens behind each of `count` prompts of `prompt` tokens; 0: their reading."""

    def __init__(self, side: Any, count: int, prompt: int, new: int, vocab_size: int) -> None:
        self.side, self.new = side, new
        self.prompts = [
            [(i * prompt + t + 1) * STEP % vocab_size for t in range(prompt)] for i in range(count)
        ]
        if new:
            side.read(self.prompts)

    def __call__(self) -> float:
        """A number that tells whether two sides have chosen the same tokens."""
        self.side.set_back(len(self.prompts[0]) - 1 if self.new else 0)
        tokens = [prompt[-1:] for prompt in self.prompts] if self.new else self.prompts
        checksum = 0
        for i in range(self.new or 1):
            chosen = self.side.read(tokens)
            tokens = [[token] for token in chosen]
            checksum += (i + 1) * sum(chosen)
        return float(checksum)


def load(peer: str, count: int, length: int, **options: Any) -> Any:
    """The sequences of `inference_<peer>.py`; `options` are the side's own."""
    sys.path.insert(0, str(Path(__file__).parent))
    return importlib.import_module(f"inference_{peer}").Sequences(
        count=count, length=length, **options
    )


def make_step(
    peer: str, count: int, prompt: int, new: int, vocab_size: int, **options: Any
) -> Step:
    """A step of one side."""
    return Step(load(peer, count, prompt + new, **options), count, prompt, new, vocab_size)


def peak_memory() -> int | None:
    """Most bytes that this process has ever had in memory; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = [line.split()[1] for line in lines.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else None


def first_token(new: int, **options: Any) -> None:
    """Load the model, read the prompt, print what came."""
    checksum = make_step(new=0, **options)()
    print(json.dumps({"checksum": checksum, "memory": peak_memory()}))


if __name__ == "__main__":
    first_token(**json.loads(sys.argv[1]))
