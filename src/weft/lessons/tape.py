"""Modules on an explicit tape: each layer knows its own forward and backward, and nothing else.

`apply_fwd` computes a layer's output and pushes the layer on a tape; `tape_bwd` pops them one by
one, last in first out, and each adds to the gradients of the modules that it read. Nobody writes a
backward pass for a whole network again: the forward pass has recorded it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.lessons.procedural import sigmoid, softmax

Array = NDArray[Any]
Tape = list["Module"]  # a stack: the last module applied is the first to go back


class Module:
    """One step of a computation. `out_gradient` is d(loss)/d(out_tensor) once the tape is back.

    A kind of module has two methods: `forward(*in_tensors) -> out_tensor`, and
    `backward(*in_tensors, out_tensor, out_gradient) -> tuple of gradients, one for each input`.
    """

    out_tensor: Array
    out_gradient: Array

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.in_modules: tuple[Module, ...] = ()

    def apply_fwd(self, *in_modules: Module) -> Module:
        """Compute the output from those of other modules, and remember having done so."""
        self.in_modules = in_modules
        self.out_tensor = self.forward(*(m.out_tensor for m in in_modules))
        self.out_gradient = np.zeros_like(self.out_tensor)
        self.tape.append(self)
        return self

    def apply_bwd(self) -> None:
        """Add this module's part to the gradients of those it read."""
        in_tensors = (m.out_tensor for m in self.in_modules)
        gradients = self.backward(*in_tensors, self.out_tensor, self.out_gradient)
        for module, gradient in zip(self.in_modules, gradients, strict=True):
            module.out_gradient += gradient

    def forward(self, *in_tensors: Any) -> Array:
        raise NotImplementedError

    def backward(self, *tensors: Any) -> tuple[Array, ...]:
        raise NotImplementedError


def tape_bwd(tape: Tape) -> None:
    """Pop the tape to its end. The last module's output is the loss, whose gradient is 1."""
    tape[-1].out_gradient = np.ones_like(tape[-1].out_tensor)
    while tape:
        tape.pop().apply_bwd()


class Value(Module):
    """A leaf: an input, a target, or parameters. It reads nobody and is not on the tape."""

    def __init__(self, tensor: Array) -> None:
        super().__init__([])
        self.out_tensor = np.asarray(tensor, np.float64)
        self.out_gradient = np.zeros_like(self.out_tensor)


class Linear(Module):
    def forward(self, a: Array, omega: Array) -> Array:  # (A,), (B, A) -> (B,)
        return omega @ a

    def backward(self, a: Array, omega: Array, b: Array, g_b: Array) -> tuple[Array, ...]:
        return omega.T @ g_b, np.outer(g_b, a)


class Sigmoid(Module):
    def forward(self, a: Array) -> Array:  # (A,) -> (A,)
        return sigmoid(a)

    def backward(self, a: Array, b: Array, g_b: Array) -> tuple[Array, ...]:
        return (g_b * b * (1 - b),)


class Softmax(Module):
    def forward(self, a: Array) -> Array:  # (A,) -> (A,)
        return softmax(a)

    def backward(self, a: Array, b: Array, g_b: Array) -> tuple[Array, ...]:
        return (b * (g_b - b @ g_b),)  # (diag(b) - b bᵀ) g_b, without the A × A matrix


class CrossEntropy(Module):
    def forward(self, y: Array, y_hat: Array) -> Array:  # one-hot (A,), probabilities (A,) -> ()
        return np.asarray(-y @ np.log(y_hat))

    def backward(self, y: Array, y_hat: Array, loss: Array, g: Array) -> tuple[Array, ...]:
        return -g * np.log(y_hat), -g * y / y_hat
