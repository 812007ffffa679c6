"""This machine, as far as the commands have to know it: threads, memory, processor, versions."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

from weft.errors import ConfigError
from weft.machine import kernels, processor, usable_processors

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
