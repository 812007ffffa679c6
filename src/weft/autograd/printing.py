"""How a tensor prints: as in PyTorch, four decimals, long ones shortened."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORTEN_ABOVE = 1000  # entries; then only three at each edge are shown


def tensor_text(array: NDArray[Any], requires_grad: bool, grad_fn: str | None) -> str:
    """`tensor([0.6653], grad_fn=<SigmoidBackward0>)` and the like."""
    notes = []
    if array.dtype not in (np.dtype(np.float32), np.dtype(np.int64), np.dtype(bool)):
        notes.append(f"dtype={array.dtype.name}")
    if grad_fn is not None:
        notes.append(f"grad_fn=<{grad_fn.title().replace('_', '')}Backward0>")
    elif requires_grad:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([numbers(array), *notes])})"


def numbers(array: NDArray[Any]) -> str:
    floats = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
    shown = array.astype(np.float64) if floats else array
    whole = floats and bool(np.all(np.isfinite(shown) & (shown == np.trunc(shown))))
    return np.array2string(
        shown,
        separator=", ",
        prefix="tensor(",
        threshold=SHORTEN_ABOVE,
        formatter=float_format(shown, whole) if floats else None,
    )


def float_format(values: NDArray[Any], whole: bool) -> Any:
    """Fixed point, or scientific where fixed point would hide the numbers (PyTorch's rule)."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    wide = sizes.size and (
        sizes.max() >= 1e8 or sizes.min() < 1e-4 or sizes.max() / sizes.min() > 1000.0
    )
    kind = (
        "{:.4e}" if wide and not (whole and sizes.max() < 1e8) else "{:.0f}." if whole else "{:.4f}"
    )
    texts = {float(v): kind.format(v) for v in np.unique(values)} if values.size else {}
    width = max(map(len, texts.values()), default=0)
    return {
        "float_kind": lambda v: kind.format(v).rjust(width) if np.isfinite(v) else f"{v:>{width}}"
    }
