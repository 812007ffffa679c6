"""The gradient of a result with respect to every value it was computed from, for a picture.

The same walk as `engine.backward_pass`, but nothing is freed and no `.grad` is touched.
"""

from __future__ import annotations

import numpy as np

from weft.autograd.engine import Array, Node
from weft.autograd.graph.capture import recorded
from weft.autograd.tensor import Tensor


def all_gradients(result: Tensor) -> dict[int, Array]:
    """id of a tensor -> d(result)/d(tensor), for leaves and intermediate results alike.

    Raises RuntimeError for more than one number, a graph that was freed, or a checkpoint, whose
    way back adds to the gradients of the parameters inside.
    """
    if result.array.size != 1 or result.node is None:
        raise RuntimeError("graph: gradients=True is for one number that was computed")
    found: dict[int, Array] = {id(result): np.ones(result.shape, result.dtype)}
    arrived: dict[Node, list[Array | None]] = {result.node: [None] * len(result.node.gradients)}
    arrived[result.node][result.index] = found[id(result)]
    for node in reversed(recorded(result.node)):
        refuse_what_cannot_be_run_again(node)
        assert node.backward is not None
        gradients = node.backward(*arrived.pop(node, [None] * len(node.gradients)))
        each = gradients if isinstance(gradients, tuple) else (gradients,)
        for tensor, gradient in zip(node.inputs, each, strict=True):
            if tensor is None or gradient is None:
                continue
            before = found.get(id(tensor))
            found[id(tensor)] = total = gradient if before is None else before + gradient
            if tensor.node is not None:
                slots = arrived.setdefault(tensor.node, [None] * len(tensor.node.gradients))
                slots[tensor.index] = total
    return found


def refuse_what_cannot_be_run_again(node: Node) -> None:
    if node.backward is None:
        raise RuntimeError(
            "graph: gradients=True needs the whole tape, and backward() has freed it; "
            "call graph(gradients=True) before, or backward(retain_graph=True)"
        )
    if node.name == "checkpoint":
        raise RuntimeError(
            "graph: gradients=True would run a gradient checkpoint, which adds to the gradients "
            "of its parameters; draw it without"
        )
