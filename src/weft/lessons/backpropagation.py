"""Backpropagation over scalars in two versions, with equal results.

Both visit the nodes in reverse topological order, and both apply the chain rule once per edge of
the graph: one pass, however many inputs there are. They differ in who does the adding. Version A
stands at a node and *collects* from all that use it; version B stands at a node and *hands on* to
all that it came from. B needs no list of users, and so every engine, Weft's too, is a version B.

Griewank & Walther, Evaluating Derivatives, 2008, section 3.2: A is non-incremental, B incremental.
"""

from __future__ import annotations

from weft.lessons.scalar import Scalar, topological_order

Gradients = dict[Scalar, float]  # of the output, with respect to each node


def version_a(output: Scalar) -> Gradients:
    """At each node, the sum over its users u: d(output)/d(u) · d(u)/d(node)."""
    order = topological_order(output)
    users: dict[Scalar, list[tuple[Scalar, float]]] = {node: [] for node in order}
    for node in order:
        for source, slope in zip(node.inputs, node.slopes, strict=True):
            users[source].append((node, slope))
    gradients = {output: 1.0}
    for node in reversed(order[:-1]):
        gradients[node] = sum(gradients[user] * slope for user, slope in users[node])
    return gradients


def version_b(output: Scalar) -> Gradients:
    """All zero but the output's, which is 1; at each node, add its part to each of its inputs."""
    order = topological_order(output)
    gradients = dict.fromkeys(order, 0.0)
    gradients[output] = 1.0
    for node in reversed(order):
        for source, slope in zip(node.inputs, node.slopes, strict=True):
            gradients[source] += gradients[node] * slope
    return gradients
