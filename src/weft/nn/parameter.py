"""`Parameter`: a tensor that a module registers by itself, and that optimisers update.

Assigning one to an attribute of a `Module` is all it takes. It is a `Tensor` in every other way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.autograd import Tensor, tensor


class Parameter(Tensor):
    """A tensor that requires a gradient and belongs to a module, as `torch.nn.Parameter`.

    `data` is a tensor (whose memory is shared, not copied), an array or nested lists.
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        super().__init__(_array(data), requires_grad=requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


def _array(data: Any) -> np.ndarray[Any, Any]:
    if data is None:
        return np.empty(0, np.float32)
    if isinstance(data, Tensor):
        return data.array
    return data if isinstance(data, np.ndarray) else tensor(data).array
