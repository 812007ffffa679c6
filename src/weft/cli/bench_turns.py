"""Programs that take turns, A B A B ...: how to compare speeds on a machine that changes its own.

Each side is a process of its own, so that neither's threads or memory get in the other's way, and
works only while the others wait. A turn is as many steps as fit into its time, one at least.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.errors import WeftError

CHILD = Path(__file__).with_name("bench_child.py")
TURN_SECONDS = 0.5
THREADS = (  # what Weft, PyTorch and TensorFlow read their number of threads from
    "WEFT_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Side:
    """Who takes part: the file of its step, the step's options, and the Python that runs it."""

    name: str
    program: Path
    options: dict[str, Any]
    python: str = sys.executable


@dataclass
class Outcome:
    """What was measured of a side: the median step of each turn, and the most of the rest."""

    milliseconds: list[float] = field(default_factory=list)
    steps: int = 0
    peaks: dict[str, float] = field(default_factory=dict)
    memory_bytes: int | None = None
    losses: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Milliseconds of a step: the median of the turns' medians."""
        return statistics.median(self.milliseconds)

    def add(self, answer: dict[str, Any]) -> None:
        """Count one turn."""
        self.milliseconds.append(1e3 * statistics.median(answer["seconds"]))
        self.steps += len(answer["seconds"])
        self.memory_bytes = answer["memory"]
        for kind, rate in answer["peaks"].items():
            self.peaks[kind] = max(self.peaks.get(kind, 0.0), rate)


class Process:
    """A side that runs; raises `WeftError` when it ends before it was told to."""

    def __init__(self, side: Side, threads: int) -> None:
        self.side, count = side, str(threads)
        # -P: the folder of the script, this package's insides, is not a place to import from
        command = [side.python, "-P", str(CHILD), str(side.program), json.dumps(side.options)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | dict.fromkeys(THREADS, count),
        )

    def ask(self, question: float | None) -> dict[str, Any]:
        """One turn of so many seconds; None: the warm-up."""
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise WeftError(
                f"{self.side.name} ended with code {code}; comparing; see above, "
                "or choose a smaller model"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it, also in the middle of a step."""
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def running(sides: Sequence[Side], threads: int) -> Iterator[list[Process]]:
    """All sides, each warmed up while the others wait."""
    processes: list[Process] = []
    try:
        for side in sides:
            processes.append(Process(side, threads))
        yield processes
    finally:
        for process in processes:
            process.close()


def take_turns(
    sides: Sequence[Side], turns: int, threads: int, seconds: float = TURN_SECONDS
) -> dict[str, Outcome]:
    """What each side did, by name, in `turns` turns of about `seconds` seconds each."""
    outcomes = {side.name: Outcome() for side in sides}
    with running(sides, threads) as processes:
        for process in processes:
            outcomes[process.side.name].losses = process.ask(None)["losses"]
        for _ in range(turns):
            for process in processes:
                outcomes[process.side.name].add(process.ask(seconds))
    return outcomes
