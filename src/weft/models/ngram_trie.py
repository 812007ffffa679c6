"""All n-grams of a text as a tree in arrays: level k has one node for each different k-gram.

Nodes of a level stand in the order of their n-grams, so the children of a node stand together,
sorted by token. A node is its last token and the number of its children; the counts of the longest
n-grams give those of all shorter ones. That is all that is stored: two bytes for a short n-gram of
characters, and two for a long one that occurs less often than 255 times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.models.ngram_counts import BLANK, BLOCK, Counter, Run

Array = NDArray[Any]
Integers = NDArray[np.int64]
ABSENT = -1  # the node of an n-gram that does not occur
ESCAPE = 255  # a count that stands among the large ones


@dataclass(frozen=True)
class Trie:
    """`tokens[k - 1]` (M_k,) is the last token of each node of level k = 1 ... n.

    `first[k]` (M_k + 1,), for k = 0 ... n - 1, is where the children of each node begin in level
    k + 1, and then the length of that level; level 0 is the root alone. `counts` (M_n,) int64 are
    those of level n, `tail` the last n - 1 tokens of the text.
    """

    tokens: list[Array]
    first: list[Integers]
    counts: Integers
    tail: Integers

    @property
    def order(self) -> int:
        return len(self.tokens)

    @property
    def sizes(self) -> list[int]:
        """M_1 ... M_n: how many different k-grams there are."""
        return [len(tokens) for tokens in self.tokens]

    def find(self, level: int, parents: Integers, tokens: Array) -> Integers:
        """The child of each of `parents` (N,) in level - 1 with this token; ABSENT: none.

        Binary search among the children of all parents together.
        """
        known = parents != ABSENT
        parents = np.where(known, parents, 0)
        offsets, found = self.first[level - 1], self.tokens[level - 1]
        if not len(found):
            return np.full(parents.shape, ABSENT)
        low = np.where(known, offsets[parents], 0)
        end = np.where(known, offsets[parents + 1], 0)
        high, wanted = end.copy(), tokens.astype(found.dtype)
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            below = (low < high) & (found[np.minimum(middle, len(found) - 1)] < wanted)
            low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
        here = low < end
        low = np.where(here, low, 0)
        return np.where(here & (found[low] == wanted), low, ABSENT)

    def walk(self, tokens: Array) -> list[Integers]:
        """The nodes of the k-grams that end at each place, for k = 0 ... n: (B, T) -> n + 1 times.

        ABSENT where the text has no such k-gram, or the row has fewer tokens so far.
        """
        nodes = [np.zeros(tokens.shape, np.int64)]
        for level in range(1, self.order + 1):
            before = np.full(tokens.shape, ABSENT if level > 1 else 0)
            before[:, 1:] = nodes[-1][:, :-1]
            nodes.append(self.find(level, before, tokens))
        return nodes

    def parents(self, level: int) -> Integers:
        """The node in level - 1 whose child each node of a level is, (M,)."""
        fanouts = np.diff(self.first[level - 1])
        return np.repeat(np.arange(len(fanouts)), fanouts)

    @cached_property
    def suffixes(self) -> list[Integers]:
        """For each node of level k = 1 ... n: the node of level k - 1 without the first token."""
        found = [np.zeros(len(self.tokens[0]), np.int64)]
        for level in range(2, self.order + 1):
            nodes = found[-1][self.parents(level)]
            for at in range(0, len(nodes), BLOCK):  # a search takes a hundred bytes for each
                part = slice(at, at + BLOCK)
                nodes[part] = self.find(level - 1, nodes[part], self.tokens[level - 1][part])
            found.append(nodes)
        return found

    @cached_property
    def all_counts(self) -> list[Integers]:
        """How often each k-gram occurs, for k = 1 ... n.

        As often as those that it begins; and once more if it ends the text.
        """
        counts = [self.counts]
        for level in range(self.order - 1, 0, -1):
            counts.append(self.sum_children(level, counts[-1]))
            if len(self.tail) >= level:
                counts[-1][self.end(level)] += 1
        return counts[::-1]

    def end(self, level: int) -> int:
        """The node of the k-gram that ends the text; ABSENT for a text that is shorter."""
        if not 0 < level <= len(self.tail):
            return ABSENT
        return int(self.walk(self.tail[None, -level:])[level][0, -1])

    def sum_children(self, level: int, values: Array) -> Array:
        """The sum of `values` of level + 1 over the children of each node of a level, (M,)."""
        sums = np.concatenate([np.zeros(1, values.dtype), np.cumsum(values)])
        return np.asarray(np.diff(sums[self.first[level]]))


def build_trie(runs: Iterable[Run], counter: Counter) -> Trie:
    """The tree of sorted n-grams that come in blocks."""
    n, token_type = counter.order, unsigned(counter.vocab_size - 1)
    tokens: list[list[Array]] = [[] for _ in range(n)]
    first: list[list[Array]] = [[np.zeros(1, np.int64)], *([] for _ in range(n - 1))]
    counts: list[Array] = []
    sizes = [0] * n
    last = [-1] * n  # digits of the n-gram before the block
    for run in runs:
        new = np.zeros(len(run.keys), bool)  # where the prefix differs from the one before
        nodes: list[Array] = []  # and is no blank, by level
        digits = counter.packing.digits(run.keys)
        for k, digit in enumerate(digits):
            new = new | (digit != np.concatenate([[last[k]], digit[:-1]]))
            nodes.append(new & (digit != BLANK))
            tokens[k].append((digit[nodes[k]] - 1).astype(token_type))
        for k in range(n - 1):
            before = sizes[k + 1] + np.cumsum(nodes[k + 1]) - nodes[k + 1]
            first[k + 1].append(before[nodes[k]])
        counts.append(run.counts[nodes[-1]])
        sizes = [size + int(node.sum()) for size, node in zip(sizes, nodes, strict=True)]
        last = [int(digit[-1]) for digit in digits]
    levels = [_joined(parts, token_type) for parts in tokens]
    offsets = [_joined([*parts, np.array([sizes[k]])], np.int64) for k, parts in enumerate(first)]
    return Trie(levels, offsets, _joined(counts, np.int64), counter.tail)


def _joined(parts: list[Array], dtype: Any) -> Array:
    whole = np.concatenate([np.empty(0, dtype), *parts])
    parts.clear()
    return whole


def unsigned(largest: int) -> np.dtype[Any]:
    """The narrowest unsigned type that holds 0 ... `largest`."""
    return np.min_scalar_type(max(0, largest))


# ----- the arrays that are saved


def to_arrays(trie: Trie) -> dict[str, Array]:
    """The arrays of a checkpoint: `tokens_k`, `fanout_k`, `counts` and `large_counts`, `tail`."""
    arrays = {f"tokens_{k}": tokens for k, tokens in enumerate(trie.tokens, 1)}
    for k in range(1, trie.order):
        fanout = np.diff(trie.first[k])
        arrays[f"fanout_{k}"] = fanout.astype(unsigned(fanout.max(initial=0)))
    large = trie.counts >= ESCAPE
    arrays["counts"] = np.where(large, ESCAPE, trie.counts).astype(np.uint8)
    arrays["large_counts"] = trie.counts[large].astype(unsigned(trie.counts.max(initial=0)))
    arrays["tail"] = trie.tail.astype(np.uint32)
    return arrays


def from_arrays(arrays: Mapping[str, Array], order: int, vocab_size: int) -> Trie:
    """The tree that `to_arrays` gave. Raises ValueError for arrays that are not one."""
    names = [f"tokens_{k}" for k in range(1, order + 1)] + [f"fanout_{k}" for k in range(1, order)]
    names += ["counts", "large_counts", "tail"]
    if set(arrays) != set(names):
        wrong = sorted(set(arrays) ^ set(names))[0]
        raise ValueError(f"missing or unknown array {wrong[:80]!r}")
    for name in names:
        if arrays[name].ndim != 1 or arrays[name].dtype.kind != "u":
            raise ValueError(f"{name} is no row of unsigned integers")
    tokens = [np.array(arrays[f"tokens_{k}"]) for k in range(1, order + 1)]
    fanouts = [np.array([len(tokens[0])])]
    fanouts += [np.asarray(arrays[f"fanout_{k}"]) for k in range(1, order)]
    first = [_offsets(fanout, k, tokens) for k, fanout in enumerate(fanouts)]
    trie = Trie(tokens, first, _all_counts(arrays, len(tokens[-1])), _tail(arrays["tail"], order))
    _check(trie, vocab_size)
    return trie


def _offsets(fanout: Array, k: int, tokens: list[Array]) -> Integers:
    if len(fanout) != (len(tokens[k - 1]) if k else 1):
        raise ValueError(f"fanout_{k} has {len(fanout)} entries, tokens_{k} {len(tokens[k - 1])}")
    # As floats first: sums of uint64 wrap around.
    if fanout.sum(dtype=np.float64) != len(tokens[k]):
        raise ValueError(f"the children in fanout_{k} are not those of tokens_{k + 1}")
    return np.concatenate([[0], np.cumsum(fanout.astype(np.int64))])


def _all_counts(arrays: Mapping[str, Array], size: int) -> Integers:
    counts, large = arrays["counts"].astype(np.int64), arrays["large_counts"]
    escaped = counts == ESCAPE
    if len(counts) != size or escaped.sum() != len(large):
        raise ValueError("counts do not fit the n-grams")
    if counts.min(initial=1) < 1 or large.min(initial=ESCAPE) < ESCAPE:
        raise ValueError("an n-gram that occurs 0 times")
    if large.sum(dtype=np.float64) > 2.0**60:
        raise ValueError("an n-gram that occurs too often")
    counts[escaped] = large.astype(np.int64)
    return counts


def _tail(tail: Array, order: int) -> Integers:
    if len(tail) >= order:
        raise ValueError(f"a tail of {len(tail)} tokens in a model of order {order}")
    return tail.astype(np.int64)


def _check(trie: Trie, vocab_size: int) -> None:
    """Children in rising order and in the vocabulary; suffixes and the tail are n-grams too."""
    for k, tokens in enumerate(trie.tokens, 1):
        if len(tokens) and int(tokens.max()) >= vocab_size:
            raise ValueError(f"tokens_{k} is no token of a vocabulary of {vocab_size}")
        starts = np.zeros(len(tokens) + 1, bool)
        starts[trie.first[k - 1]] = True
        if not (starts[1:-1] | (tokens[1:] > tokens[:-1])).all():
            raise ValueError(f"tokens_{k} is not sorted")
    if any((suffix == ABSENT).any() for suffix in trie.suffixes):
        raise ValueError("an n-gram occurs whose end does not")
    if len(trie.tail) and int(trie.tail.max()) >= vocab_size:
        raise ValueError("the tail has a token outside the vocabulary")
    for level in range(1, trie.order):
        end = trie.end(level)
        if len(trie.tail) >= level and end == ABSENT:
            raise ValueError("the tail does not occur")
        childless = np.flatnonzero(np.diff(trie.first[level]) == 0)
        if (childless != end).any():
            raise ValueError(f"tokens_{level} has an n-gram that nothing follows")
