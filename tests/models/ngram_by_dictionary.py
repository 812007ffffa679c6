"""The four estimators again, from dictionaries of counts and one token at a time.

Written from the formulas of Chen and Goodman (1998), with none of the model's arrays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any


class DictionaryModel:
    """P(w | h) of a list of tokens, with the options of `NGramConfig`."""

    def __init__(self, text: Sequence[int], config: Any) -> None:
        self.config, n = config, config.order
        self.count = {
            k: Counter(tuple(text[i : i + k]) for i in range(len(text) - k + 1))
            for k in range(1, n + 2)
        }
        self.count[0] = Counter({(): len(text)})
        self.before = {  # different tokens before each k-gram
            k: Counter(gram[1:] for gram in self.count[k + 1]) for k in range(1, n + 1)
        }

    def counts(self, k: int) -> Counter[tuple[int, ...]]:
        if self.config.smoothing == "kneser-ney" and k < self.config.order:
            return self.before[k]
        return self.count[k]

    def followers(self, h: tuple[int, ...]) -> dict[int, int]:
        counts = self.counts(len(h) + 1)
        return {w: counts[(*h, w)] for w in range(self.config.vocab_size) if counts[(*h, w)]}

    def discount(self, k: int, count: int) -> float:
        if self.config.discount is not None:
            return self.config.discount
        i = min(count, 3)
        n = Counter(self.counts(k).values())
        five = {j: n[j] for j in (1, 2, 3, 4)}
        if five[1] and five[i]:
            y = five[1] / (five[1] + 2 * five[2])
            d = i - (i + 1) * y * five[i + 1] / five[i]
            if 0 < d < i:
                return d
        return {1: 0.5, 2: 1.0, 3: 1.5}[i]

    def probability(self, w: int, h: Sequence[int]) -> float:
        h = tuple(h)[max(0, len(h) - self.config.order + 1) :]
        return {
            "none": self.likelihood,
            "add-k": self.add_k,
            "kneser-ney": self.kneser_ney,
            "backoff": self.backoff,
        }[self.config.smoothing](w, h)

    def likelihood(self, w: int, h: tuple[int, ...]) -> float:
        followers = self.followers(h)
        if followers:
            return followers.get(w, 0) / sum(followers.values())
        if self.config.unseen == "zero":
            return 0.0 if h else 1 / self.config.vocab_size
        return self.likelihood(w, h[1:]) if h else 1 / self.config.vocab_size

    def add_k(self, w: int, h: tuple[int, ...]) -> float:
        followers, k = self.followers(h), self.config.add_k
        return (followers.get(w, 0) + k) / (sum(followers.values()) + k * self.config.vocab_size)

    def shorter(self, w: int, h: tuple[int, ...]) -> float:
        if not h:
            return 1 / self.config.vocab_size
        return self.probability(w, h[1:])

    def kneser_ney(self, w: int, h: tuple[int, ...]) -> float:
        followers, k = self.followers(h), len(h) + 1
        if not followers:
            return self.shorter(w, h)
        total = sum(followers.values())
        taken = sum(self.discount(k, c) for c in followers.values())
        count = followers.get(w, 0)
        kept = count - self.discount(k, count) if count else 0.0
        return kept / total + taken / total * self.shorter(w, h)

    def backoff(self, w: int, h: tuple[int, ...]) -> float:
        followers, k = self.followers(h), len(h) + 1
        if not followers:
            return self.shorter(w, h)
        total = sum(followers.values())
        if len(followers) == self.config.vocab_size:
            return followers[w] / total
        if w in followers:
            return (followers[w] - self.discount(k, followers[w])) / total
        taken = sum(self.discount(k, c) for c in followers.values())
        others = [v for v in range(self.config.vocab_size) if v not in followers]
        left = sum(self.shorter(v, h) for v in others)
        return taken / total * self.shorter(w, h) / left
