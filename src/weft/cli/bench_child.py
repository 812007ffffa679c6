"""A process that takes training steps when it is told to: `python bench_child.py PEER OPTIONS`.

PEER is a Python file with `make_step(**options)`, OPTIONS its options in JSON. What it returns is
called for one step, and may have `peaks()`, what it measures of the machine. The standard library
is enough here: this file also runs in the environment of a peer where Weft is not installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

ENOUGH_WARM_UP = 10.0  # seconds; after them two steps do instead of three
KEEPS_CACHE = 0.1  # seconds; a longer step does not profit from what the one before left there


def load(path: str) -> Callable[..., Any]:
    """The `make_step` of a file, by its path."""
    spec = importlib.util.spec_from_file_location("peer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["peer"] = module
    spec.loader.exec_module(module)
    make_step: Callable[..., Any] = module.make_step
    return make_step


def warm_up(step: Callable[[], float]) -> dict[str, Any]:
    """Three steps, or two long ones: the first compiles and touches all memory."""
    started = time.perf_counter()
    losses: list[float] = []
    while len(losses) < 3:
        if len(losses) == 2 and time.perf_counter() - started > ENOUGH_WARM_UP:
            break
        losses.append(float(step()))
    return {"losses": losses}


def turn(step: Callable[[], float], seconds: float) -> dict[str, Any]:
    """Seconds of each step in a turn of about `seconds`, one step at least."""
    started = time.perf_counter()
    step()  # brings the weights back into the cache
    times = [time.perf_counter() - started]
    if times[0] < KEEPS_CACHE:
        times.clear()
    while not times or sum(times) < seconds:
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return {"seconds": times, "peaks": getattr(step, "peaks", dict)(), "memory": peak_memory()}


def peak_memory() -> int | None:
    """Most bytes that this process has ever had in memory; None where the system does not say."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            lines = [line for line in file if line.startswith("VmHWM:")]
    except OSError:
        return None
    return int(lines[0].split()[1]) * 1024 if lines else None


def serve(step: Callable[[], float], answers: TextIO) -> None:
    """One line of JSON for each that comes: null asks for the warm-up, a number for a turn."""
    for line in sys.stdin:
        seconds = json.loads(line)
        answer = warm_up(step) if seconds is None else turn(step, seconds)
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Answers go to stdout; whatever a peer's libraries print there goes to stderr instead."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(load(sys.argv[1])(**json.loads(sys.argv[2])), answers)


if __name__ == "__main__":
    main()
