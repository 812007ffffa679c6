"""Losses as layers: `MSELoss` and `CrossEntropyLoss`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from weft.autograd import Tensor
from weft.nn import functional as F
from weft.nn.module import Module


class MSELoss(Module):
    """The mean ("mean"), sum or all ("none") of (input − target)²."""

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class CrossEntropyLoss(Module):
    """−log softmax(logits)[target], of logits (N, V) and class numbers (N).

    Targets equal to `ignore_index` do not count. `weight` and `label_smoothing` are not there:
    NotImplementedError.
    """

    def __init__(
        self,
        weight: None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        if weight is not None or label_smoothing != 0.0:
            raise NotImplementedError("CrossEntropyLoss has no weight and no label_smoothing")
        self.ignore_index, self.reduction = ignore_index, reduction

    def forward(self, input: Tensor, target: Tensor | NDArray[Any]) -> Tensor:
        return F.cross_entropy(
            input, target, ignore_index=self.ignore_index, reduction=self.reduction
        )
