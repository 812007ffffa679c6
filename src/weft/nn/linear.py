"""`Linear`: the layer that most of a network's weights and work are in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weft.autograd import Tensor
from weft.nn import functional as F
from weft.nn import init
from weft.nn.module import Module
from weft.nn.parameter import Parameter
from weft.random import Generator


class Linear(Module):
    """y = x Wᵀ + b: (..., in_features) -> (..., out_features).

    The weight (out_features, in_features), then the bias, start uniform in ±1/√in_features.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(np.empty((out_features, in_features), dtype))
        self.register_parameter("bias", Parameter(np.empty(out_features, dtype)) if bias else None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the first values anew, as PyTorch does."""
        if self.in_features == 0:
            return
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(
        self, input: Tensor, residual: Tensor | None = None, dropout_p: float = 0.0
    ) -> Tensor:
        """(..., K) -> (..., M); with a residual (..., M): residual + dropout(x Wᵀ + b)."""
        return F.linear(input, self.weight, self.bias, residual, dropout_p)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
