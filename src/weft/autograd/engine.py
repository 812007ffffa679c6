"""The tape: nodes, and the walk that takes gradients back along them.

A node is one operation that happened. It knows whom to hand gradients to, and how to compute them;
it knows no operation by name. Reverse-mode differentiation: Griewank & Walther, Evaluating
Derivatives, chapter 3.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.kernels import active

Array = NDArray[Any]
Backward = Callable[..., Any]  # gradients of the outputs -> gradients of the inputs


class Variable(Protocol):
    """What the tape needs of a tensor: where it came from, or where its gradient goes."""

    node: Node | None
    index: int

    def accumulate_grad(self, gradient: Array, fresh: bool) -> None: ...


def adding(backward: Backward) -> Backward:
    """Mark a backward function that takes `before` too, and adds it to its first gradient.

    `before` is what its first input has as gradient already, or None; it is not to be changed. A
    residual stream goes by a norm: its two gradients meet in one pass over memory, not in two.
    """
    backward.adding = True  # type: ignore[attr-defined]
    return backward


class Node:
    """One recorded operation.

    `inputs` has an entry for each input of the operation: the tensor, or None where no gradient
    is wanted. `gradients` collects what arrives for each output. `number` grows from node to node.
    """

    __slots__ = ("backward", "gradients", "inputs", "name", "number", "retained")

    def __init__(
        self, name: str, inputs: tuple[Variable | None, ...], backward: Backward, outputs: int
    ) -> None:
        self.name = name
        self.number = next(_numbers)
        self.inputs = inputs
        self.backward: Backward | None = backward
        self.gradients: list[Array | None] = [None] * outputs
        self.retained: dict[int, Variable] | None = None


_numbers = itertools.count()  # its next() is atomic
_number = operator.attrgetter("number")


def topological_order(root: Node) -> list[Node]:
    """All nodes that `root` depends on, inputs before outputs; iterative, so depth is no limit.

    An operation happens after those that made its inputs: the order is that of the numbers.
    """
    seen = {root}
    stack = [root]
    while stack:
        for tensor in stack.pop().inputs:
            if tensor is not None and (node := tensor.node) is not None and node not in seen:
                seen.add(node)
                stack.append(node)
    return sorted(seen, key=_number)


def backward_pass(root: Node, index: int, gradient: Array, retain_graph: bool) -> None:
    """Add d(output)/d(leaf) · `gradient` to every leaf that `root` was computed from.

    Raises RuntimeError where a part of the graph was already used and freed.
    """
    root.gradients[index] = gradient
    order = topological_order(root)
    while order:
        node = order.pop()
        arrived, node.gradients = node.gradients, [None] * len(node.gradients)
        if node.retained:
            for retained_index, tensor in node.retained.items():
                if (value := arrived[retained_index]) is not None:
                    tensor.accumulate_grad(value, fresh=False)
        if node.backward is None:
            raise RuntimeError(
                "backward through a graph that was already used and freed; "
                f"first at {node.name}; call backward(retain_graph=True) the first time"
            )
        if hasattr(node.backward, "adding"):
            gradients = node.backward(*arrived, before=taken(node.inputs[0]))
        else:
            gradients = node.backward(*arrived)
        hand_on(node, arrived, gradients if isinstance(gradients, tuple) else (gradients,))
        if not retain_graph:
            node.backward, node.inputs = None, ()


def taken(tensor: Variable | None) -> Array | None:
    """What has arrived for a tensor that is not a leaf, taken out of its place."""
    if tensor is None or tensor.node is None:
        return None
    slots, index = tensor.node.gradients, tensor.index
    before, slots[index] = slots[index], None
    return before


def hand_on(node: Node, arrived: list[Array | None], gradients: tuple[Array | None, ...]) -> None:
    """Give each input of `node` its gradient; several uses of one tensor add up."""
    for tensor, gradient in zip(node.inputs, gradients, strict=True):
        if tensor is None or gradient is None:
            continue
        source = tensor.node
        if source is None:
            tensor.accumulate_grad(gradient, not is_shared(gradient, arrived))
        else:
            slots, index = source.gradients, tensor.index
            before = slots[index]
            slots[index] = gradient if before is None else active.add(before, gradient)


def is_shared(gradient: Array, arrived: list[Array | None]) -> bool:
    """Whether somebody else may have it: a view, or an array that came in and was passed on."""
    if isinstance(gradient.base, np.ndarray):
        return True
    return id(gradient) in map(id, arrived)  # not `in arrived`, which compares entries
