"""`RNN`, `GRU`, `LSTM`, and their cells, with PyTorch's names, weights and results.

What they are not, each an error by name: bidirectional, projected (`proj_size`), an RNN with
`nonlinearity="relu"`, packed sequences. Beyond float64 everything runs in the fused kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from weft.autograd import Tensor, apply_several, recurrent_ops, stack, zeros
from weft.nn import functional as F
from weft.nn import init
from weft.nn.module import Module
from weft.nn.parameter import Parameter
from weft.random import Generator

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
State = Tensor | tuple[Tensor, Tensor]


class _Cell(Module):
    """What a layer and a cell have in common: four weights, all drawn from ±1/√hidden_size."""

    gates = 1
    states = 1  # that go from step to step
    op: Callable[..., Any] = staticmethod(recurrent_ops.rnn)
    hidden_size: int

    def _add_weights(self, suffix: str, inputs: int, bias: bool, dtype: Any) -> None:
        rows = self.gates * self.hidden_size
        shapes: list[tuple[int, ...]] = [(rows, inputs), (rows, self.hidden_size), (rows,), (rows,)]
        for name, shape in zip(NAMES, shapes, strict=True):
            weight = Parameter(np.empty(shape, dtype)) if bias or len(shape) == 2 else None
            self.register_parameter(name + suffix, weight)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the first values anew, as PyTorch does."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound, generator)

    def _run(self, x: Tensor, states: tuple[Tensor, ...], suffix: str) -> tuple[Tensor, ...]:
        """One layer: x (T, B, I), states (B, C) -> y (T, B, C) and the last states."""
        weights = [getattr(self, name + suffix) for name in NAMES]
        return apply_several(self.op, x, *states, *weights)

    def _check_states(self, hx: Any, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
        """`hx` as a tuple of states of `shape`; zeros where it is None."""
        if hx is None:
            dtype = next(iter(self.parameters())).dtype
            return tuple(zeros(*shape, dtype=dtype) for _ in range(self.states))
        states: tuple[Tensor, ...] = (hx,) if self.states == 1 else tuple(hx)
        for state in states:
            if state.shape != shape:
                raise RuntimeError(f"Expected hidden size {shape}, got {state.shape}")
        return states


class _Layers(_Cell):
    """`num_layers` recurrent layers; each reads the outputs of the one below."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        _refuse(bidirectional=bidirectional, proj_size=proj_size)
        if hidden_size < 1 or num_layers < 1:
            raise ValueError("hidden_size and num_layers must be greater than zero")
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(f"dropout should be a number in range [0, 1], but got {dropout}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        for layer in range(num_layers):
            self._add_weights(f"_l{layer}", hidden_size if layer else input_size, bias, dtype)
        self.reset_parameters(generator)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """(T, B, I), with batch_first (B, T, I), or (T, I) -> all states of the top layer.

        Also the last state of every layer, (L, B, C) or (L, C); `hx` is the one before the first
        step, zeros without it. An LSTM has two, (h, c). RuntimeError for shapes that do not fit,
        and for a sequence of no steps.
        """
        x = self._time_first(input)
        shape = (self.num_layers, x.shape[1], self.hidden_size)
        alone = input.ndim == 2
        if hx is not None and alone:
            hx = hx.unsqueeze(1) if self.states == 1 else tuple(h.unsqueeze(1) for h in hx)
        before = self._check_states(hx, shape)
        after = []
        for layer in range(self.num_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            x, *last = self._run(x, tuple(h[layer] for h in before), f"_l{layer}")
            after.append(last)
        results = tuple(stack([last[i] for last in after]) for i in range(self.states))
        if alone:
            x, results = x.squeeze(1), tuple(h.squeeze(1) for h in results)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, results[0] if self.states == 1 else results

    def _time_first(self, x: Tensor) -> Tensor:
        """(T, B, I)."""
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{type(self).__name__}: expected (T, B, {self.input_size}) or "
                f"(T, {self.input_size}), got {x.shape}"
            )
        x = x.unsqueeze(1) if x.ndim == 2 else x.transpose(0, 1) if self.batch_first else x
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        return x

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        given = ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0)
        for name, default in given:
            if getattr(self, name) != default:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)


class RNN(_Layers):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) (Elman 1990)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        _check_nonlinearity(nonlinearity)
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            dtype=dtype, generator=generator,
        )  # fmt: skip


class GRU(_Layers):
    """The gated recurrent unit (Cho et al., arXiv:1406.1078); gates in the order r, z, n."""

    gates = 3
    op = staticmethod(recurrent_ops.gru)


class LSTM(_Layers):
    """Long short-term memory (Hochreiter & Schmidhuber 1997); gates in the order i, f, g, o.

    Its state is two tensors, (h, c).
    """

    gates = 4
    states = 2
    op = staticmethod(recurrent_ops.lstm)


class _OneStep(_Cell):
    """A single layer that goes a single step."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self._add_weights("", input_size, bias, dtype)
        self.reset_parameters(generator)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """(B, I) or (I) -> the state after the step, (B, C) or (C); of an LSTM both states."""
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{type(self).__name__}: expected (B, {self.input_size}) or "
                f"({self.input_size},), got {input.shape}"
            )
        alone = input.ndim == 1
        x = input.reshape(1, -1, self.input_size)
        if hx is not None and alone:
            hx = hx.unsqueeze(0) if self.states == 1 else tuple(h.unsqueeze(0) for h in hx)
        before = self._check_states(hx, (x.shape[1], self.hidden_size))
        _, *after = self._run(x, before, "")
        after = [h.squeeze(0) for h in after] if alone else after
        return after[0] if self.states == 1 else tuple(after)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_OneStep):
    """One step of an `RNN`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        _check_nonlinearity(nonlinearity)
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, dtype=dtype, generator=generator)


class GRUCell(_OneStep):
    """One step of a `GRU`."""

    gates = 3
    op = staticmethod(recurrent_ops.gru)


class LSTMCell(_OneStep):
    """One step of an `LSTM`."""

    gates = 4
    states = 2
    op = staticmethod(recurrent_ops.lstm)


def _refuse(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise NotImplementedError(f"{name}={value} is not supported; leave {name} out")


def _check_nonlinearity(nonlinearity: str) -> None:
    if nonlinearity == "relu":
        raise NotImplementedError('nonlinearity="relu" is not supported; use "tanh"')
    if nonlinearity != "tanh":
        raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
