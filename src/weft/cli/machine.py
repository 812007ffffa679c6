"""This machine, as far as the commands have to know it: threads, memory, processor, versions."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from weft.errors import ConfigError

MAX_THREADS = 1024


def use_threads(threads: int | None) -> None:
    """Run the kernels on this many threads; None leaves what the environment chose."""
    if threads is None:
        return
    if not 1 <= threads <= MAX_THREADS:
        raise ConfigError(f"threads = {threads}; --threads; give 1 to {MAX_THREADS}")
    from weft.kernels import active

    if active.native is not None:
        active.native.set_num_threads(threads)


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


def describe() -> dict[str, Any]:
    """Everything that a bug report about this machine needs."""
    from weft.training.memory import memory_limit

    return {
        "weft": _version("weft"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "processors": usable_processors(),
        "memory_bytes": memory_limit(),
        "kernels": kernels(),
        "executable": sys.executable,
        "package": str(Path(__file__).parents[1]),
        "dependencies": dependencies(),
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


def dependencies() -> dict[str, str | None]:
    """Version of each run-time dependency; None if it is missing."""
    names = ("numpy", "ml_dtypes", "regex", "tyro", "rich", "platformdirs", "tomli_w")
    return {name: _version(name) for name in (*names, "tomli_w")}


def _version(name: str) -> str | None:
    import importlib.metadata
    import importlib.util

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        if name == "weft":
            from weft import __version__

            return __version__
        return "unknown" if importlib.util.find_spec(name) else None


def bytes_text(count: float) -> str:
    """A number of bytes for people: 1.5 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
