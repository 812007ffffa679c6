"""Filters that know which tokens there were, or which ones are meant: penalties, bias, bans.

Each takes logits (N, V) and returns new ones; all rows are taken to follow the same text. Ids are
of the vocabulary, 0 to V - 1; another one raises `ConfigError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError
from weft.sampling.distribution import Logits
from weft.sampling.filters import mask


def keep_allowed(logits: Logits, allowed: NDArray[np.bool_]) -> Logits:
    """Keep only the tokens that a constraint allows; `allowed` is (V,) or (N, V)."""
    return mask(logits, allowed)


def add_bias(logits: Logits, bias: Mapping[int, float]) -> Logits:
    """Add to the logits of some tokens; 100 all but enforces a token, -100 all but forbids it."""
    ids = _known(bias, logits.shape[-1], "logit_bias")
    result = logits.copy()
    result[..., ids] += np.array(list(bias.values()), dtype=logits.dtype)
    return result


def penalise_repetition(logits: Logits, previous: Sequence[int], penalty: float) -> Logits:
    """Divide positive logits of the tokens in `previous` by the penalty, multiply negative ones.

    Keskar et al. 2019 (CTRL, arXiv:1909.05858).
    """
    ids = np.unique(np.asarray(previous, dtype=np.int64))
    result = logits.copy()
    seen = result[..., ids]
    result[..., ids] = np.where(seen > 0, seen / penalty, seen * penalty)
    return result


def penalise_frequency(logits: Logits, generated: Sequence[int], penalty: float) -> Logits:
    """Take off the penalty as many times as a token was generated; OpenAI's definition."""
    ids, counts = np.unique(np.asarray(generated, dtype=np.int64), return_counts=True)
    result = logits.copy()
    result[..., ids] -= (counts * penalty).astype(logits.dtype)
    return result


def penalise_presence(logits: Logits, generated: Sequence[int], penalty: float) -> Logits:
    """Take off the penalty once from each token that was generated; OpenAI's definition."""
    result = logits.copy()
    result[..., np.unique(np.asarray(generated, dtype=np.int64))] -= logits.dtype.type(penalty)
    return result


def ban_words(logits: Logits, previous: Sequence[int], words: Sequence[Sequence[int]]) -> Logits:
    """Remove the last id of every word (a sequence of ids) whose other ids have just come."""
    last = [word[-1] for word in words if _ends_with(previous, word[:-1])]
    result = logits.copy()
    result[..., _known(last, logits.shape[-1], "banned")] = -np.inf
    return result


def _ends_with(ids: Sequence[int], tail: Sequence[int]) -> bool:
    n = len(tail)
    return n == 0 or (n <= len(ids) and list(ids[len(ids) - n :]) == list(tail))


def _known(ids: Any, V: int, name: str) -> NDArray[np.int64]:
    array = np.fromiter(ids, dtype=np.int64)
    if len(array) and not 0 <= array.min() <= array.max() < V:
        bad = array[(array < 0) | (array >= V)][0]
        raise ConfigError(f"{name} has the id {bad}; sampling; give 0 to {V - 1}")
    return array
