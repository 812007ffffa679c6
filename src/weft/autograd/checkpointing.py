"""Gradient checkpointing: keep the inputs of a part, compute its inside again on the way back.

Memory for time (Chen et al., Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.autograd.engine import Node, backward_pass
from weft.autograd.mode import autocast, compute_dtype, enable_grad, is_grad_enabled, no_grad
from weft.autograd.tensor import Array, Tensor
from weft.random import default_generator


def checkpoint(function: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """`function(*inputs)`, whose intermediate results are freed and computed again in backward.

    The second run draws the same random numbers and multiplies in the same precision. Parameters
    used inside receive their gradients as always. `function` returns one tensor.
    """
    if not is_grad_enabled():
        return function(*inputs)
    state, dtype = default_generator().get_state(), compute_dtype()
    with no_grad():
        output = function(*inputs).detach()

    def backward(dy: Array) -> tuple[Array | None, ...]:
        copies = [detached(t) for t in inputs]
        generator = default_generator()
        now = generator.get_state()
        generator.set_state(state)
        with enable_grad(), autocast(dtype):
            again = function(*copies)
        generator.set_state(now)
        if again.node is not None:
            backward_pass(again.node, again.index, dy, retain_graph=False)
        grads = [t.grad if isinstance(t, Tensor) else None for t in copies]
        return tuple(None if g is None else g.array for g in grads)

    wanted = tuple(t if isinstance(t, Tensor) and t.requires_grad else None for t in inputs)
    output.requires_grad = True  # parameters inside may want gradients, whatever the inputs want
    output.node, output.index = Node("checkpoint", wanted, backward, 1), 0
    return output


def detached(value: Any) -> Any:
    return Tensor(value.array, value.requires_grad) if isinstance(value, Tensor) else value
