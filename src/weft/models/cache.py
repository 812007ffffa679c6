"""The state of a decoder-only Transformer: the keys and values of the tokens it has read."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from weft.autograd import Tensor


class KeyValueCache:
    """Keys and values of up to `length` tokens for each of `n_layer` layers, (B, Hkv, length, D).

    `position` is how many tokens are in it; the model moves it on after a forward pass. Taking a
    token back is `position -= 1`: what lies behind it is overwritten.
    """

    def __init__(
        self, n_layer: int, batch: int, n_kv_head: int, length: int, head_dim: int, dtype: Any
    ) -> None:
        shape = (n_layer, batch, n_kv_head, length, head_dim)
        self.keys = np.zeros(shape, dtype)
        self.values = np.zeros(shape, dtype)
        self.length = length
        self.position = 0

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write (B, T, Hkv, D) behind what is there; return all of it, (B, position + T, Hkv, D).

        What is returned are views. Raises ValueError when it does not fit.
        """
        first, end = self.position, self.position + key.shape[1]
        if end > self.length:
            raise ValueError(f"key-value cache: {end} tokens do not fit into {self.length}")
        keys, values = (t[layer].transpose(0, 2, 1, 3) for t in (self.keys, self.values))
        keys[:, first:end], values[:, first:end] = key.array, value.array
        return Tensor(keys[:, :end]), Tensor(values[:, :end])

    def copy(self) -> KeyValueCache:
        """A branch: the same tokens, and from here on independent."""
        branch = copy(self)
        branch.keys, branch.values = self.keys.copy(), self.values.copy()
        return branch
