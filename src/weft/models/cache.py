"""The state of a decoder-only Transformer: the keys and values of the tokens it has read."""

from __future__ import annotations

from copy import copy
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from weft.autograd import Tensor

CachePrecision = Literal["float32", "bfloat16", "int8"]
PRECISIONS = (*get_args(CachePrecision), "float64")  # the last for checks only
LARGEST = 127  # of an int8 entry; -128 is not used, so that the sign is free


class KeyValueCache:
    """Keys and values (L, B, Hkv, length, D) of up to `length` tokens.

    `position` is how many tokens are in it; the model moves it on after a forward pass. Taking a
    token back is `position -= 1`: what lies behind it is overwritten. An int8 cache also has
    `key_scales` and `value_scales` (L, B, Hkv, length) float32, one factor for each vector of D
    entries; in the other precisions both are None.
    """

    def __init__(
        self, n_layer: int, batch: int, n_kv_head: int, length: int, head_dim: int, dtype: Any
    ) -> None:
        shape = (n_layer, batch, n_kv_head, length, head_dim)
        dtype = np.dtype(dtype)
        if dtype.name not in PRECISIONS:
            raise ValueError(f"key-value cache: {dtype}; choose one of {', '.join(PRECISIONS)}")
        self.keys = np.zeros(shape, dtype)
        self.values = np.zeros(shape, dtype)
        self.key_scales: NDArray[np.float32] | None = None
        self.value_scales: NDArray[np.float32] | None = None
        if dtype == np.int8:
            self.key_scales = np.zeros(shape[:-1], np.float32)
            self.value_scales = np.zeros(shape[:-1], np.float32)
        self.length = length
        self.position = 0

    @property
    def full(self) -> bool:
        """Whether no further token fits."""
        return self.position >= self.length

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        arrays = (self.keys, self.values, self.key_scales, self.value_scales)
        return sum(array.nbytes for array in arrays if array is not None)

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write (B, T, Hkv, D) behind what is there; return all of it, (B, position + T, Hkv, D).

        What is returned has the precision of `key`: views where the cache has it too, else copies,
        which for int8 differ from what was written by half a scale at most. Raises ValueError when
        it does not fit.
        """
        end = self.position + key.shape[1]
        if end > self.length:
            raise ValueError(f"key-value cache: {end} tokens do not fit into {self.length}")
        k = self._append(self.keys, self.key_scales, layer, key)
        v = self._append(self.values, self.value_scales, layer, value)
        return k, v

    def _append(
        self, kept: NDArray[Any], scales: NDArray[np.float32] | None, layer: int, new: Tensor
    ) -> Tensor:
        x = new.array.transpose(0, 2, 1, 3)  # (B, Hkv, T, D)
        first, end = self.position, self.position + x.shape[2]
        whole = kept[layer, :, :, :end]
        if scales is None:
            whole[:, :, first:] = x
        else:
            factors = scales[layer, :, :, :end]
            whole[:, :, first:], factors[:, :, first:] = quantise(x)
            whole = whole * factors[..., None]
        return Tensor(whole.astype(x.dtype, copy=False).transpose(0, 2, 1, 3))

    def copy(self) -> KeyValueCache:
        """A branch: the same tokens, and from here on independent."""
        branch = copy(self)
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray):
                setattr(branch, name, array.copy())
        return branch


def quantise(x: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(..., D) -> int8 entries (..., D) and a scale (...) with x ≈ entry · scale.

    The scale is the largest magnitude / 127; entries are rounded to nearest, ties to even. What is
    not finite makes its whole vector NaN. What is too small for a scale becomes 0.
    """
    x = x.astype(np.float32, copy=False)
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.abs(x).max(-1, initial=0.0) / np.float32(LARGEST)
        steps = np.divide(x, scale[..., None], out=np.zeros_like(x), where=scale[..., None] != 0)
        entries = np.clip(np.rint(steps), -LARGEST, LARGEST).astype(np.int8)
    return entries, np.where(np.isfinite(scale), scale, np.float32(np.nan))
