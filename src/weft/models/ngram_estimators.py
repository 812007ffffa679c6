"""From counts to probabilities: four estimators, all of them as two numbers in the tree.

Every n-gram h·w that occurs has its probability P(w | h); every context h has a weight by which a
token that never followed h gets its probability from the shorter context h' (h without its first
token), down to 1/V of the empty context's shorter one:

    P(w | h) = probability(h·w) if h·w occurs, else weight(h) · P(w | h'); weight 1 if h does not

Sources: Chen and Goodman, An Empirical Study of Smoothing Techniques for Language Modeling (1998);
Kneser and Ney (1995). Unlike "stupid" back-off, each of these sums to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.models.ngram_trie import ABSENT, Integers, Trie

Floats = NDArray[np.float64]
FALLBACK = (0.5, 1.0, 1.5)  # discounts of a text too small to estimate them; as KenLM's
LEAST = 1e-12  # of a sum of probabilities that is above 0 but for rounding


@dataclass(frozen=True)
class Estimate:
    """`probability[k - 1]` (M_k,) of the nodes of level k = 1 ... n; `weight[k]` (M_k,) of the
    contexts of k = 0 ... n - 1 tokens; float32.

    With `uniform`, the weight is that of 1/V instead of the shorter context's probability.
    """

    probability: list[NDArray[np.float32]]
    weight: list[NDArray[np.float32]]
    uniform: bool = False


def maximum_likelihood(trie: Trie, shorter: bool = True) -> Estimate:
    """c(hw) / c(h): what never followed h is impossible.

    A context that nothing followed asks the `shorter` one, or has no probabilities at all.
    """
    probability, weight = [], []
    for k, counts in enumerate(trie.all_counts):
        total = trie.sum_children(k, counts)
        probability.append(counts / _spread(trie, k, total))
        weight.append(np.where(total == 0, 1.0 if shorter or k == 0 else 0.0, 0.0))
    return _estimate(probability, weight)


def add_k(trie: Trie, vocab_size: int, k: float) -> Estimate:
    """(c(hw) + k) / (c(h) + k V), as if each token had followed each context k times more often."""
    probability, weight = [], []
    for level, counts in enumerate(trie.all_counts):
        total = trie.sum_children(level, counts) + k * vocab_size
        probability.append((counts + k) / _spread(trie, level, total))
        weight.append(k * vocab_size / total)
    return _estimate(probability, weight, uniform=True)


def kneser_ney(trie: Trie, vocab_size: int, discount: float | None = None) -> Estimate:
    """Interpolated Kneser-Ney: max(a(hw) - D, 0) / a(h) + weight(h) P(w | h').

    a is the count of the longest n-grams; of a shorter one it is how many different tokens stand
    before it. D is modified by count (three discounts for each length), or `discount` for all.
    """
    shorter = np.array([1.0 / vocab_size])
    probability, weight = [], []
    for k in range(trie.order):
        counts = _continuations(trie, k + 1)
        discounts = _discounts(counts, discount)
        total = trie.sum_children(k, counts)
        taken = discounts[np.minimum(counts, 3)]
        weight.append(_share(trie.sum_children(k, taken), total))
        kept = _share(counts - taken, _spread(trie, k, total), 0.0)
        shorter = kept + _spread(trie, k, weight[-1]) * shorter[trie.suffixes[k]]
        probability.append(shorter)
    return _estimate(probability, weight)


def backoff(trie: Trie, vocab_size: int, discount: float | None = None) -> Estimate:
    """Katz's back-off with absolute discounts: (c(hw) - D) / c(h) where hw occurs.

    What was taken away goes to the tokens that never followed h, in proportion to P(w | h').
    Where every token has followed h, nothing is taken.
    """
    shorter = np.array([1.0 / vocab_size])
    probability, weight = [], []
    for k, counts in enumerate(trie.all_counts):
        discounts = _discounts(counts, discount)
        total = trie.sum_children(k, counts)
        some_left = np.diff(trie.first[k]) < vocab_size
        taken = discounts[np.minimum(counts, 3)] * _spread(trie, k, some_left)
        seen = trie.sum_children(k, shorter[trie.suffixes[k]])  # what P(w | h') gives to them
        left = np.maximum(1.0 - seen, LEAST)
        weight.append(_share(trie.sum_children(k, taken), total) / np.where(total > 0, left, 1.0))
        shorter = (counts - taken) / _spread(trie, k, total)
        probability.append(shorter)
    return _estimate(probability, weight)


def modified_discounts(counts: Integers) -> Floats:
    """Discounts of counts 1, 2, and 3 or more, from how many n-grams have which count.

    Chen and Goodman, equation 26: Y = n1 / (n1 + 2 n2), D_i = i - (i + 1) Y n_(i+1) / n_i. One
    that would take nothing or everything, or cannot be estimated, is 0.5, 1 or 1.5.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    found = np.array(FALLBACK)
    for i in (1, 2, 3):
        if n[1] and n[i]:
            d = i - (i + 1) * n[1] / (n[1] + 2 * n[2]) * n[i + 1] / n[i]
            found[i - 1] = d if 0 < d < i else found[i - 1]
    return found


def _discounts(counts: Integers, discount: float | None) -> Floats:
    """What is taken from a count of 0, 1, 2, and 3 or more, (4,)."""
    found = modified_discounts(counts) if discount is None else np.full(3, discount)
    return np.concatenate([[0.0], found])


def _continuations(trie: Trie, level: int) -> Integers:
    """Counts of the longest n-grams; of shorter ones, the different tokens before them, (M,)."""
    if level == trie.order:
        return trie.counts
    return np.bincount(trie.suffixes[level], minlength=len(trie.tokens[level - 1]))


def _spread(trie: Trie, level: int, values: NDArray[Any]) -> NDArray[Any]:
    """A value for each node of a level, (M,), given to its children in level + 1."""
    return np.repeat(values, np.diff(trie.first[level]))


def _share(part: NDArray[Any], total: NDArray[Any], otherwise: float = 1.0) -> Floats:
    """part / total where that is more than nothing."""
    return np.where(total > 0, part / np.where(total > 0, total, 1), otherwise)


def _estimate(
    probability: Sequence[NDArray[Any]], weight: Sequence[NDArray[Any]], uniform: bool = False
) -> Estimate:
    return Estimate(
        [p.astype(np.float32) for p in probability], [w.astype(np.float32) for w in weight], uniform
    )


# ----- asking


def distributions(
    trie: Trie, estimate: Estimate, contexts: Sequence[Integers], vocab_size: int
) -> NDArray[np.float32]:
    """P(w | h) of all tokens: the nodes (N,) of h's last 0 ... n - 1 tokens -> (N, V)."""
    base = np.float32(1.0 / vocab_size)
    rows = np.full((len(contexts[0]), vocab_size), base)
    for k, nodes in enumerate(contexts):
        known = np.flatnonzero(nodes != ABSENT)
        if not len(known):
            break
        nodes = nodes[known]
        if estimate.uniform:
            rows[known] = base
        rows[known] *= estimate.weight[k][nodes][:, None]
        low, high = trie.first[k][nodes], trie.first[k][nodes + 1]
        fanout = high - low
        ends = np.cumsum(fanout)
        children = np.arange(ends[-1]) + np.repeat(low - (ends - fanout), fanout)
        of_row = np.repeat(known, fanout)
        rows[of_row, trie.tokens[k][children]] = estimate.probability[k][children]
    return rows


def probabilities(
    trie: Trie,
    estimate: Estimate,
    contexts: Sequence[Integers],
    targets: NDArray[Any],
    vocab_size: int,
) -> Floats:
    """P(w | h) of one token each: contexts as above, targets (N,) -> (N,). No (N, V) is made."""
    base = 1.0 / vocab_size
    found = np.full(len(targets), base)
    for k, nodes in enumerate(contexts):
        known = np.flatnonzero(nodes != ABSENT)
        if not len(known):
            break
        nodes = nodes[known]
        shorter = base if estimate.uniform else found[known]
        children = trie.find(k + 1, nodes, targets[known])
        missing = children == ABSENT
        found[known] = np.where(
            missing,
            estimate.weight[k][nodes] * shorter,
            estimate.probability[k][np.where(missing, 0, children)] if trie.sizes[k] else 0.0,
        )
    return found
