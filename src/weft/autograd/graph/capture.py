"""From the tape to the vertices of a picture: operations with their results, and leaves.

Nothing is recorded for this: the tape holds every input that wants a gradient, and what else an
operation was given is read from what its backward function remembers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.autograd.engine import Node
from weft.autograd.tensor import Tensor

Array = NDArray[Any]
Kind = Literal["operation", "freed", "parameter", "leaf", "constant"]
MOST_VERTICES = 5000


@dataclass(eq=False)
class Vertex:
    """One box: an operation and its results, or a leaf.

    `results[i]` is the tensor or array of result i (None where nobody holds it any more); `inputs`
    are (vertex, which of its results), in the operation's order. `options` are what else it got.
    """

    kind: Kind
    title: str
    results: list[Tensor | Array | float | None]
    inputs: list[tuple[int, int]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    node: Node | None = None


def capture(result: Tensor, names: Mapping[str, Any] | Any = None) -> list[Vertex]:
    """All that `result` was computed from, inputs before outputs; the last one is `result`.

    `names` is a module, or a dict from a name to a tensor. Raises ValueError for a graph of more
    than MOST_VERTICES vertices.
    """
    labels = names_by_identity(names)
    if result.node is None:
        return [leaf(result, labels)]
    vertices: list[Vertex] = []
    where: dict[int, int] = {}  # a node, a leaf or a constant -> its vertex
    for node in recorded(result.node):
        inputs = []
        for name, value in inputs_of(node):
            if isinstance(value, Tensor) and value.node is not None:
                place = where[id(value.node)]  # numbers grow: it was made before
                vertices[place].results[value.index] = value
                label_result(vertices[place], value, labels)
                inputs.append((place, value.index))
                continue
            if id(value) not in where or isinstance(value, (int, float)):
                where[id(value)] = len(vertices)
                vertices.append(leaf(value, labels, name))
            inputs.append((where[id(value)], 0))
        where[id(node)] = len(vertices)
        vertices.append(operation(node, inputs))
        refuse_more_than_most(len(vertices))
    vertices[-1].results[result.index] = result
    label_result(vertices[-1], result, labels)
    return vertices


def recorded(root: Node) -> list[Node]:
    """As `engine.topological_order`, but it stops where the graph is too large to be drawn."""
    seen = {root}
    stack = [root]
    while stack:
        for tensor in stack.pop().inputs:
            node = None if tensor is None else tensor.node
            if node is not None and node not in seen:
                seen.add(node)
                stack.append(node)
        refuse_more_than_most(len(seen))
    return sorted(seen, key=lambda node: node.number)


def refuse_more_than_most(count: int) -> None:
    if count > MOST_VERTICES:
        raise ValueError(
            f"graph: more than {MOST_VERTICES:,} operations and leaves, too many for a picture; "
            "draw fewer layers or time steps, or an intermediate result"
        )


# ----- vertices ---------------------------------------------------------------------------------


def leaf(value: Tensor | Array | float, labels: Mapping[int, str], role: str = "") -> Vertex:
    """A tensor that no operation made, or an array or number that an operation was given."""
    if not isinstance(value, Tensor):
        said = role if len(role) > 2 else "constant"  # "targets" says more, "b" nothing
        return Vertex("constant", labels.get(id(value)) or said, [value])
    kind: Kind = "parameter" if value.requires_grad else "leaf"
    return Vertex(kind, labels.get(id(value)) or type(value).__name__, [value])


def operation(node: Node, inputs: list[tuple[int, int]]) -> Vertex:
    freed = node.backward is None
    vertex = Vertex("freed" if freed else "operation", node.name, [None] * len(node.gradients))
    vertex.inputs, vertex.node = inputs, node
    vertex.options = {} if freed else options_of(node)
    return vertex


def label_result(vertex: Vertex, tensor: Tensor, labels: Mapping[int, str]) -> None:
    name = labels.get(id(tensor))
    if name is not None and vertex.node is not None:
        vertex.title = f"{name} = {vertex.node.name}"


def names_by_identity(names: Mapping[str, Any] | Any) -> dict[int, str]:
    """id -> name, of tensors and of their arrays; the first name of a shared one counts."""
    labels: dict[int, str] = {}
    if names is None:
        return labels
    pairs: Any
    if isinstance(names, Mapping):
        pairs = names.items()
    elif hasattr(names, "named_parameters"):
        pairs = [*names.named_parameters(), *names.named_buffers()]
    else:
        raise TypeError(f"graph: names is a module or a dict of tensors, not {type(names)}")
    for name, value in pairs:
        labels.setdefault(id(value), str(name))
        if isinstance(value, Tensor):
            labels.setdefault(id(value.array), str(name))
    return labels


# ----- what an operation was given --------------------------------------------------------------


def inputs_of(node: Node) -> Iterator[tuple[str, Tensor | Array | float]]:
    """The operation's inputs with their names, in order, as far as anything remembers them."""
    remembered = closure(node.backward)
    names = list(parameters(node.backward))
    for place, tensor in enumerate(node.inputs):
        name = names[place] if place < len(names) else ""
        value = remembered.get(name) if tensor is None else tensor
        if isinstance(value, (Tensor, np.ndarray, int, float)):
            yield name, value


def options_of(node: Node) -> dict[str, Any]:
    """The operation's other arguments: axis, exponent, scale and so on."""
    remembered = closure(node.backward)
    given = list(parameters(node.backward))[len(node.inputs) :]
    return {name: remembered[name] for name in given if name in remembered}


def parameters(backward: Callable[..., Any] | None) -> Mapping[str, inspect.Parameter]:
    """The parameters of the operation inside which `backward` was defined, if it can be found."""
    if not isinstance(backward, FunctionType):
        return {}
    outer, inner, _ = backward.__qualname__.partition(".<locals>.")
    op = backward.__globals__.get(outer)
    if not inner or not isinstance(op, FunctionType):
        return {}
    found = inspect.signature(op).parameters
    variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in found.values())
    return {} if variadic else found


def closure(backward: Callable[..., Any] | None) -> dict[str, Any]:
    """The variables that a function took with it from where it was defined."""
    if not isinstance(backward, FunctionType) or backward.__closure__ is None:
        return {}
    remembered = {}
    for name, cell in zip(backward.__code__.co_freevars, backward.__closure__, strict=True):
        try:
            remembered[name] = cell.cell_contents
        except ValueError:  # a variable that was not set
            continue
    return remembered
