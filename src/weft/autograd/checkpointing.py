"""Gradient checkpointing: keep the inputs of a part, compute its inside again on the way back.

Memory for time (Chen et al., Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from weft.autograd.engine import Node, backward_pass
from weft.autograd.mode import autocast, compute_dtype, enable_grad, is_grad_enabled, no_grad
from weft.autograd.tensor import Array, Tensor
from weft.random import default_generator


def checkpoint(function: Callable[..., Any], *inputs: Any) -> Any:
    """`function(*inputs)`, whose intermediate results are freed and computed again in backward.

    The second run draws the same random numbers and multiplies in the same precision. Parameters
    used inside receive their gradients as always. `function` returns a tensor or a tuple of them.
    """
    if not is_grad_enabled():
        return function(*inputs)
    state, dtype = default_generator().get_state(), compute_dtype()
    with no_grad():
        result = function(*inputs)
    outputs = [t.detach() for t in as_tuple(result)]

    def backward(*gradients: Array | None) -> tuple[Array | None, ...]:
        copies = [detached(t) for t in inputs]
        generator = default_generator()
        now = generator.get_state()
        generator.set_state(state)
        with enable_grad(), autocast(dtype):
            again = function(*copies)
        generator.set_state(now)
        wanted = tuple(
            None if t.node is None or dy is None else t
            for t, dy in zip(as_tuple(again), gradients, strict=True)
        )
        ends = Node("outputs", wanted, lambda _: gradients, 1)  # one pass, back from all of them
        backward_pass(ends, 0, np.zeros(()), retain_graph=False)
        grads = [t.grad if isinstance(t, Tensor) else None for t in copies]
        return tuple(None if g is None else g.array for g in grads)

    wanted = tuple(t if isinstance(t, Tensor) and t.requires_grad else None for t in inputs)
    node = Node("checkpoint", wanted, backward, len(outputs))
    for index, output in enumerate(outputs):
        output.requires_grad = (
            True  # parameters inside may want gradients, whatever the inputs want
        )
        output.node, output.index = node, index
    return tuple(outputs) if isinstance(result, tuple) else outputs[0]


def as_tuple(result: Any) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def detached(value: Any) -> Any:
    return Tensor(value.array, value.requires_grad) if isinstance(value, Tensor) else value
