"""Backpropagation written out by hand for one network, and finite differences to check it by.

The network has one hidden layer: linear, sigmoid, linear, softmax, cross-entropy. Each line of
`nn_backward` undoes one line of `nn_forward`, from the last to the first. Fast and clear, but it
knows this network only: another layer means another derivation, by hand. See `tape` for the cure.

I inputs, J hidden neurons, K classes; all arrays are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Intermediates(NamedTuple):
    """What the forward computation leaves for the backward one."""

    a: Array  # (J,) before the sigmoid
    z: Array  # (J,) after it
    b: Array  # (K,) before the softmax
    y_hat: Array  # (K,) the probabilities
    loss: float  # cross-entropy, in nats


def sigmoid(a: Array) -> Array:
    z: Array = 0.5 * (1 + np.tanh(0.5 * a))  # does not overflow, as exp(-a) would
    return z


def softmax(b: Array) -> Array:
    e: Array = np.exp(b - b.max())  # the shift changes nothing but prevents overflow
    y: Array = e / e.sum()
    return y


def nn_forward(x: Array, y: Array, alpha: Array, beta: Array) -> Intermediates:
    """The loss of one example, x (I,) with one-hot y (K,), under alpha (J, I) and beta (K, J)."""
    a = alpha @ x
    z = sigmoid(a)
    b = beta @ z
    y_hat = softmax(b)
    loss = -float(y @ np.log(y_hat))
    return Intermediates(a, z, b, y_hat, loss)


def nn_backward(
    x: Array, y: Array, alpha: Array, beta: Array, o: Intermediates
) -> tuple[Array, Array]:
    """d(loss)/d(alpha) (J, I) and d(loss)/d(beta) (K, J)."""
    g_y_hat = -y / o.y_hat  # (K,)
    g_b = (np.diag(o.y_hat) - np.outer(o.y_hat, o.y_hat)) @ g_y_hat  # (K,); equals y_hat - y
    g_beta = np.outer(g_b, o.z)
    g_z = beta.T @ g_b  # (J,)
    g_a = g_z * o.z * (1 - o.z)
    g_alpha = np.outer(g_a, x)
    return g_alpha, g_beta


def finite_differences(function: Callable[[], float], array: Array, h: float = 1e-5) -> Array:
    """The gradient of `function` by central differences, moving one entry of `array` at a time.

    Two calls per entry; the error is about h² + 1e-16 / h, smallest near h = 1e-5. `array` is
    changed in place, and is what it was afterwards.
    """
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + h
        above = function()
        array[index] = value - h
        below = function()
        array[index] = value
        gradient[index] = (above - below) / (2 * h)
    return gradient
