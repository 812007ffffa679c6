"""Automatic differentiation of single numbers, in a hundred lines.

A `Scalar` remembers the numbers it was computed from and, for each of them, the slope: by how much
the result moves per unit of that input, everything else held still. These slopes are all that the
chain rule needs. Weft's engine (weft.autograd) is this file with arrays for numbers.
"""

from __future__ import annotations

import math
from typing import Any


class Scalar:
    """A number on the tape. `grad` is d(output)/d(this number) after `output.backward()`."""

    def __init__(self, value: float, name: str = "", inputs: Any = (), slopes: Any = ()) -> None:
        self.value = float(value)
        self.name = name  # of the operation, or of the variable
        self.inputs: tuple[Scalar, ...] = inputs
        self.slopes: tuple[float, ...] = slopes  # d(this)/d(input), one for each input
        self.grad = 0.0

    # The operations: each is a value and the slope for each of its inputs.

    def __add__(self, other: Scalar | float) -> Scalar:
        a, b = self, as_scalar(other)
        return Scalar(a.value + b.value, "+", (a, b), (1.0, 1.0))

    def __mul__(self, other: Scalar | float) -> Scalar:
        a, b = self, as_scalar(other)
        return Scalar(a.value * b.value, "×", (a, b), (b.value, a.value))

    def __pow__(self, n: float) -> Scalar:
        return Scalar(self.value**n, f"^{n}", (self,), (n * self.value ** (n - 1),))

    def exp(self) -> Scalar:
        y = math.exp(self.value)
        return Scalar(y, "exp", (self,), (y,))

    def log(self) -> Scalar:
        return Scalar(math.log(self.value), "log", (self,), (1 / self.value,))

    def tanh(self) -> Scalar:
        y = math.tanh(self.value)
        return Scalar(y, "tanh", (self,), (1 - y * y,))

    def sigmoid(self) -> Scalar:
        y = 0.5 * (1 + math.tanh(0.5 * self.value))  # does not overflow, as exp(-x) would
        return Scalar(y, "σ", (self,), (y * (1 - y),))

    def relu(self) -> Scalar:
        return Scalar(max(self.value, 0.0), "relu", (self,), (float(self.value > 0),))

    # The rest follows, and needs no slopes of its own.

    def __neg__(self) -> Scalar:
        return self * -1.0

    def __sub__(self, other: Scalar | float) -> Scalar:
        return self + -as_scalar(other)

    def __rsub__(self, other: float) -> Scalar:
        return as_scalar(other) + -self

    def __truediv__(self, other: Scalar | float) -> Scalar:
        return self * as_scalar(other) ** -1

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self) -> str:
        return f"Scalar({self.value:.4f}, grad={self.grad:.4f})"

    def backward(self) -> None:
        """Add d(self)/d(node) to the `grad` of every node that this number came from."""
        gradients = {node: 0.0 for node in topological_order(self)}
        gradients[self] = 1.0
        for node in reversed(gradients):  # all that use a node come before the node itself
            node.grad += gradients[node]
            for source, slope in zip(node.inputs, node.slopes, strict=True):
                gradients[source] += gradients[node] * slope


def as_scalar(x: Scalar | float) -> Scalar:
    return x if isinstance(x, Scalar) else Scalar(x, f"{x:g}")


def topological_order(output: Scalar) -> list[Scalar]:
    """All numbers that `output` came from, inputs before results; without recursion, so that a
    chain of a million operations is no deeper than a chain of ten."""
    order: dict[Scalar, None] = {}
    stack = [(output, False)]
    while stack:
        node, inputs_are_there = stack.pop()
        if inputs_are_there:
            order[node] = None
        elif node not in order:
            stack += [(node, True), *((source, False) for source in node.inputs)]
    return list(order)
