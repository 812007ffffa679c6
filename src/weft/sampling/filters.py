"""Filters that look at the distribution alone: temperature, top-k, top-p, min-p, typical.

Each takes logits (N, V) and returns new ones; what it removes is minus infinity. None removes a
row's likeliest token but `keep_typical`, which keeps the most typical one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.sampling.distribution import Logits, largest, log_probabilities, probabilities


def apply_temperature(logits: Logits, temperature: float) -> Logits:
    """Sharper below 1, flatter above. (N, V) -> (N, V) of at most 0: the largest becomes 0.

    The largest logit is taken off first, so that a tiny temperature cannot overflow.
    """
    shifted = logits - largest(logits)
    if temperature == 1:
        return np.asarray(shifted)
    with np.errstate(over="ignore"):  # a difference / 1e-300 is -inf: that token is never drawn
        return np.asarray(shifted / shifted.dtype.type(max(temperature, _tiny(shifted.dtype))))


def _tiny(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).tiny)


def keep_top_k(logits: Logits, k: int) -> Logits:
    """Keep exactly the k largest logits of each row (fewer if V < k); of equals, the lowest id."""
    V = logits.shape[-1]
    if k >= V:
        return logits
    kth = np.partition(logits, V - k, axis=-1)[..., V - k, None]  # (N, 1)
    above, equal = logits > kth, logits == kth
    room = k - above.sum(-1, keepdims=True)
    return mask(logits, above | (equal & (np.cumsum(equal, -1) <= room)))


def keep_top_p(logits: Logits, p: float) -> Logits:
    """Keep the fewest likeliest tokens whose probabilities reach p; of equals, the lowest id.

    Nucleus sampling, Holtzman et al. 2020 (arXiv:1904.09751).
    """
    return mask(logits, _each_row(_nucleus, p, probabilities(logits)))


def _each_row(choose: Any, p: float, *arrays: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The ids that `choose` gives for each row of the arrays, as a mask of their shape."""
    keep = np.zeros(arrays[0].shape, dtype=bool)
    rows = [array.reshape(-1, array.shape[-1]) for array in (keep, *arrays)]
    for kept, *values in zip(*rows, strict=True):
        kept[choose(*values, p)] = True
    return keep


def _nucleus(probs: NDArray[np.float64], p: float) -> NDArray[np.intp]:
    """Ids of the nucleus of one row, likeliest first. Sorts only as many as turn out to matter."""
    V = len(probs)
    most = 256  # nearly always enough, and a full sort of 50,000 costs more than the model's head
    while True:
        ids = np.arange(V)
        if most < V:
            ids = np.flatnonzero(probs >= np.partition(probs, V - most)[V - most])
        order = ids[np.argsort(-probs[ids], kind="stable")]
        reached = np.cumsum(probs[order])
        if reached[-1] >= p or len(ids) == V:
            return order[: int(np.searchsorted(reached, p, side="left")) + 1]
        most *= 8


def keep_min_p(logits: Logits, p: float) -> Logits:
    """Keep tokens whose probability is at least p times the largest. Nguyen et al. 2024."""
    return mask(logits, logits >= logits.max(-1, keepdims=True) + math.log(p)) if p else logits


def keep_typical(logits: Logits, p: float) -> Logits:
    """Keep the fewest most typical tokens whose probabilities reach p; of equals, the lowest id.

    Typical is a token whose surprise, -log p, is near the entropy: what the text is expected to
    tell, neither more nor less. Meister et al. 2022 (arXiv:2202.00666).
    """
    logs = log_probabilities(logits)
    probs = np.exp(logs)
    surprise = -np.where(probs > 0, logs, 0)
    entropy = (probs * surprise).sum(-1, keepdims=True)
    distance = np.where(probs > 0, abs(surprise - entropy), np.inf)
    return mask(logits, _each_row(_most_typical, p, distance, probs))


def _most_typical(
    distance: NDArray[np.float64], probs: NDArray[np.float64], p: float
) -> NDArray[np.intp]:
    order = np.argsort(distance, kind="stable")
    return order[: int(np.searchsorted(np.cumsum(probs[order]), p, side="left")) + 1]


def mask(logits: Logits, keep: NDArray[np.bool_]) -> Logits:
    """The logits where `keep` is true, minus infinity elsewhere."""
    return np.where(keep, logits, logits.dtype.type(-np.inf))
