"""Weft: a complete GPT that you can read, train and run.

`import weft` gives the tensors and what PyTorch has at its top level; `weft.nn`, `weft.optim`,
`weft.tokenizers`, `weft.load` and `weft.train` are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from weft import autograd
from weft.autograd import *  # noqa: F403
from weft.random import Generator, manual_seed

if TYPE_CHECKING:
    from weft import data, nn, optim, random, tokenizers
    from weft.inference import load
    from weft.training import train

float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
bfloat16 = np.dtype(ml_dtypes.bfloat16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
long = int64
bool_ = np.dtype(np.bool_)

__version__ = "0.1.0"

_MODULES: tuple[str, ...] = ("checkpoint", "config", "data", "errors", "inference", "kernels", "models", "nn")
_MODULES += ("optim", "random", "sampling", "schedule", "tokenizers", "training")
_FUNCTIONS = {"load": "weft.inference", "train": "weft.training"}


__all__ = [*autograd.__all__, "Generator", "bfloat16", "bool_", "float32", "float64", "int32"]
__all__ += ["int64", "long", "manual_seed", *_MODULES, *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"weft.{name}")
    raise AttributeError(f"module 'weft' has no attribute {name!r}")
