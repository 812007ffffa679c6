"""Which kernels run here: the native module if it was built, else the definitions in NumPy.

Environment: WEFT_KERNELS=native|reference, WEFT_ISA (an instruction set, for native kernels),
WEFT_NUM_THREADS (else OMP_NUM_THREADS, else the processors this process may use).
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from weft.errors import ConfigError

MAX_THREADS = 1024


def choose_native() -> ModuleType | None:
    """The native module, set up as the environment says; None if the reference is to run."""
    wanted = os.environ.get("WEFT_KERNELS", "")
    if wanted not in ("", "native", "reference"):
        raise ConfigError(f"WEFT_KERNELS is '{wanted}'; set it to native or reference, or unset it")
    threads = _threads()
    native = None if wanted == "reference" else _load(demanded=wanted == "native")
    if native is not None:
        if threads is not None:
            native.set_num_threads(threads)
        _pin_isa(native, os.environ.get("WEFT_ISA", ""))
    return native


def _load(demanded: bool) -> ModuleType | None:
    try:
        return importlib.import_module("weft._native")
    except ModuleNotFoundError as error:
        if demanded:
            raise ConfigError(
                "WEFT_KERNELS is native, but weft was installed without native kernels; "
                "install a C++ compiler and reinstall, or unset it"
            ) from error
        return None


def _threads() -> int | None:
    text = os.environ.get("WEFT_NUM_THREADS", "")
    if not text:  # OpenMP's variable is not ours to complain about
        first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        return min(int(first), MAX_THREADS) if first.isdecimal() and int(first) > 0 else None
    if not text.isdecimal() or not 1 <= int(text) <= MAX_THREADS:
        raise ConfigError(f"WEFT_NUM_THREADS is '{text}'; set it to 1 to {MAX_THREADS}")
    return int(text)


def _pin_isa(native: ModuleType, name: str) -> None:
    if not name:
        return
    try:
        native.set_isa(name)
    except ValueError as error:
        raise ConfigError(f"WEFT_ISA: {error}") from None
