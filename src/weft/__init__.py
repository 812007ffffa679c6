"""Weft: a complete GPT that you can read, train and run.

`import weft` gives the tensors and what PyTorch has at its top level; `weft.nn`, `weft.optim`,
`weft.tokenizers`, `weft.load` and `weft.train`. Everything is loaded when first used, so that
`weft --help` needs no NumPy, and a bad environment variable is an error that the command reports.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from weft import autograd, data, nn, optim, random, tokenizers  # noqa: F401
    from weft.autograd import *  # noqa: F403
    from weft.inference import load  # noqa: F401
    from weft.random import Generator, manual_seed  # noqa: F401
    from weft.training import train  # noqa: F401

    float32: np.dtype[Any]
    float64: np.dtype[Any]
    bfloat16: np.dtype[Any]
    int32: np.dtype[Any]
    int64: np.dtype[Any]
    long: np.dtype[Any]
    bool_: np.dtype[Any]

__version__ = "0.1.0"

_MODULES: tuple[str, ...] = ("autograd", "checkpoint", "config", "data", "errors", "formats")
_MODULES += ("inference", "kernels", "models", "nn", "optim", "random", "sampling", "schedule")
_MODULES += ("tokenizers", "training")
_FUNCTIONS = {"load": "weft.inference", "train": "weft.training"}


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"weft.{name}")
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    _load_tensors()
    if name not in globals():
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})


def _load_tensors() -> None:
    """Put tensors, dtypes and random numbers into this module; `__all__` names all there is."""
    import ml_dtypes
    import numpy as np

    from weft import autograd, random

    names: dict[str, Any] = {name: getattr(autograd, name) for name in autograd.__all__}
    names |= {"Generator": random.Generator, "manual_seed": random.manual_seed}
    names |= {t: np.dtype(t) for t in ("float32", "float64", "int32", "int64")}
    names |= {"long": np.dtype(np.int64), "bool_": np.dtype(np.bool_)}
    names |= {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
    for name in _MODULES:
        names.pop(name, None)  # weft.checkpoint is the package, weft.autograd.checkpoint the op
    globals().update(names, __all__=[*names, *_MODULES, *_FUNCTIONS])
