"""`Dropout` (Srivastava et al., JMLR 2014)."""

from __future__ import annotations

from weft.autograd import Tensor
from weft.nn import functional as F
from weft.nn.module import Module
from weft.random import Generator


class Dropout(Module):
    """In training, zero each number with probability `p` and divide the others by 1 − p.

    `inplace` is there for PyTorch's sake: the result is a new tensor in any case.
    """

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace, self.generator = p, inplace, generator

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
