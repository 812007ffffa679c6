"""Filters that look at the distribution alone: temperature, top-k, top-p, min-p, typical.

Each takes logits (N, V) and returns new ones; what it removes is minus infinity. None removes a
row's likeliest token but `keep_typical`, which keeps the most typical one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.sampling.distribution import Logits, largest, log_probabilities, probabilities

COLD = 1e-6  # only below it can a quotient overflow, which costs time to allow
GROUP = 64  # values of which only the largest is looked at, in `largest_ids`


def apply_temperature(logits: Logits, temperature: float) -> Logits:
    """Sharper below 1, flatter above. (N, V) -> (N, V) of at most 0: the largest becomes 0.

    The largest logit is taken off first, so that a tiny temperature cannot overflow.
    """
    shifted = logits - largest(logits)
    if temperature == 1:
        return np.asarray(shifted)
    if temperature > COLD:
        return np.asarray(shifted / shifted.dtype.type(temperature))
    with np.errstate(over="ignore"):  # a difference / 1e-300 is -inf: that token is never drawn
        return np.asarray(shifted / shifted.dtype.type(max(temperature, _tiny(shifted.dtype))))


def _tiny(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).tiny)


def keep_top_k(logits: Logits, k: int) -> Logits:
    """Keep exactly the k largest logits of each row (fewer if V < k); of equals, the lowest id."""
    if k >= logits.shape[-1]:
        return logits
    return _keep(logits, [largest_ids(row, k) for row in _rows(logits)])


def largest_ids(values: NDArray[Any], k: int) -> NDArray[np.intp]:
    """Ids of the k largest of (V,) values, ascending; of equals, the lowest ids. k at most V.

    At least k of them are not below the k-th largest of the maxima of groups, which are found
    faster than the k-th largest of 50,000.
    """
    V, candidates = len(values), None
    groups = V // GROUP
    if groups >= 2 * k:
        maxima = values[: groups * GROUP].reshape(GROUP, groups).max(0)
        candidates = np.flatnonzero(values >= np.partition(maxima, groups - k)[groups - k])
        values = values[candidates]
    kth = np.partition(values, len(values) - k)[len(values) - k]
    chosen, equal = values > kth, np.flatnonzero(values == kth)
    chosen[equal[: k - int(chosen.sum())]] = True
    found = np.flatnonzero(chosen)
    return found if candidates is None else candidates[found]


def _rows(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(-1, array.shape[-1])


def _keep(logits: Logits, ids: Sequence[NDArray[np.intp]]) -> Logits:
    """The logits of some ids of each row, minus infinity elsewhere."""
    result = np.full_like(logits, -np.inf)
    for row, kept, which in zip(_rows(logits), _rows(result), ids, strict=True):
        kept[which] = row[which]
    return result


def keep_top_p(logits: Logits, p: float) -> Logits:
    """Keep the fewest likeliest tokens whose probabilities reach p; of equals, the lowest id.

    Nucleus sampling, Holtzman et al. 2020 (arXiv:1904.09751).
    """
    probs = _rows(probabilities(logits))
    return _keep(logits, [_until(row, row, p) for row in probs])


def _until(values: NDArray[np.float64], probs: NDArray[np.float64], p: float) -> NDArray[np.intp]:
    """Ids of the largest values, as few as reach p. Sorts only as many as turn out to matter."""
    V = len(values)
    most = 256  # nearly always enough, and a full sort of 50,000 costs more than the model's head
    while True:
        ids = largest_ids(values, most) if most < V else np.arange(V)
        order = ids[np.argsort(-values[ids], kind="stable")]
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
    nearness = _rows(np.where(probs > 0, -abs(surprise - entropy), -np.inf))
    pairs = zip(nearness, _rows(probs), strict=True)
    return _keep(logits, [_until(near, row, p) for near, row in pairs])


def mask(logits: Logits, keep: NDArray[np.bool_]) -> Logits:
    """The logits where `keep` is true, minus infinity elsewhere."""
    return np.where(keep, logits, logits.dtype.type(-np.inf))
