"""The machine that the program runs on: its processor, and what the kernels use of it."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any


def kernels() -> dict[str, Any]:
    """What computes: backend, instruction set, threads."""
    from weft.kernels import active, backend

    native = active.native
    return {
        "backend": backend(),
        "isa": native.isa() if native else None,
        "isas": list(native.isas()) if native else [],
        "threads": native.num_threads() if native else 1,
    }


def processor() -> str:
    """The CPU's own name where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def usable_processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Processor, processors, instruction set and threads, as a run notes them."""
    found = kernels()
    return {
        "processor": processor(),
        "processors": usable_processors(),
        "isa": found["isa"],
        "threads": found["threads"],
    }


def process_began() -> float:
    """When this process began, as a time of `time.monotonic()`; where that is unknown, now."""
    now = time.monotonic()
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        begun = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # seconds after the system's start
        return now - max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - begun)
    except (OSError, ValueError, IndexError, AttributeError):
        return now
