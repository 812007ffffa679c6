"""The lecture's network, drawn from a seed, and its gradients by each construction."""

from __future__ import annotations

import numpy as np

import weft
from weft.lessons import procedural, tape
from weft.lessons.backpropagation import version_a, version_b
from weft.lessons.scalar import Scalar


def network(seed, inputs=3, hidden=4, classes=3):
    """x, one-hot y, alpha, beta."""
    rng = np.random.default_rng(seed)
    y = np.eye(classes)[rng.integers(classes)]
    alpha, beta = rng.standard_normal((hidden, inputs)), rng.standard_normal((classes, hidden))
    return rng.standard_normal(inputs), y, alpha, beta


def scalar_loss(x, y, alpha, beta):
    """The loss, and alpha and beta as scalars."""
    alpha, beta = ([[Scalar(w) for w in row] for row in m] for m in (alpha, beta))
    z = [sum(w * v for w, v in zip(row, x, strict=True)).sigmoid() for row in alpha]
    b = [sum(w * v for w, v in zip(row, z, strict=True)) for row in beta]
    total = sum(v.exp() for v in b)
    loss = -sum(t * (v.exp() / total).log() for t, v in zip(y, b, strict=True))
    return loss, alpha, beta


def by_scalars(version, example):
    loss, *parameters = scalar_loss(*example)
    found = version(loss)
    return [np.array([[found[w] for w in row] for row in m]) for m in parameters]


def by_scalar_backward(example):
    loss, *parameters = scalar_loss(*example)
    loss.backward()
    return [np.array([[w.grad for w in row] for row in m]) for m in parameters]


def by_procedure(example):
    return list(procedural.nn_backward(*example, procedural.nn_forward(*example)))


def by_differences(example):
    def loss():
        return procedural.nn_forward(*example).loss

    return [procedural.finite_differences(loss, m) for m in example[2:]]


def by_modules(example):
    x, y, alpha, beta = map(tape.Value, example)
    steps = []
    z = tape.Sigmoid(steps).apply_fwd(tape.Linear(steps).apply_fwd(x, alpha))
    y_hat = tape.Softmax(steps).apply_fwd(tape.Linear(steps).apply_fwd(z, beta))
    tape.CrossEntropy(steps).apply_fwd(y, y_hat)
    assert len(steps) == 5
    tape.tape_bwd(steps)
    assert not steps
    return [alpha.out_gradient, beta.out_gradient]


def by_engine(engine, example):
    """Weft or PyTorch: the program is the same."""
    x, y, alpha, beta = (engine.tensor(v, dtype=engine.float64) for v in example)
    for p in (alpha, beta):
        p.requires_grad = True
    y_hat = (beta @ (alpha @ x).sigmoid()).softmax(-1)
    (-(y * y_hat.log()).sum()).backward()
    return [alpha.grad.numpy(), beta.grad.numpy()]


METHODS = {
    "version A": lambda e: by_scalars(version_a, e),
    "version B": lambda e: by_scalars(version_b, e),
    "Scalar.backward": by_scalar_backward,
    "procedural": by_procedure,
    "modules on a tape": by_modules,
    "Weft": lambda e: by_engine(weft, e),
}
