"""`Embedding`: a table of vectors, looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import Tensor
from weft.nn import functional as F
from weft.nn import init
from weft.nn.module import Module
from weft.nn.parameter import Parameter
from weft.random import Generator


class Embedding(Module):
    """Integers (...) -> (..., embedding_dim); the table starts normal with deviation 1.

    IndexError for a number outside 0 … num_embeddings − 1.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), dtype))
        init.normal_(self.weight, generator=generator)

    def forward(self, input: Tensor | NDArray[Any]) -> Tensor:  # (...) -> (..., C)
        return F.embedding(input, self.weight)

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"
