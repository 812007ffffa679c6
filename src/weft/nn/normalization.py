"""`LayerNorm` (arXiv:1607.06450) and `RMSNorm` (arXiv:1910.07467) over the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.autograd import Tensor
from weft.nn import functional as F
from weft.nn.module import Module
from weft.nn.parameter import Parameter


class LayerNorm(Module):
    """(x − mean) / √(variance + eps) · weight + bias; an int means the last axis alone."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        weight = np.ones(self.normalized_shape, dtype) if elementwise_affine else None
        self.register_parameter("weight", None if weight is None else Parameter(weight))
        zeros = Parameter(np.zeros(self.normalized_shape, dtype))
        self.register_parameter("bias", zeros if elementwise_affine and bias else None)

    def forward(self, input: Tensor) -> Tensor:  # (..., C) -> (..., C)
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / √(mean(x²) + eps) · weight; an `eps` of None is the dtype's machine epsilon."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        weight = np.ones(self.normalized_shape, dtype) if elementwise_affine else None
        self.register_parameter("weight", None if weight is None else Parameter(weight))

    def forward(self, input: Tensor) -> Tensor:  # (..., C) -> (..., C)
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


def _shape(size: int | Sequence[int]) -> tuple[int, ...]:
    return (size,) if isinstance(size, int) else tuple(size)
