"""Regular languages over the bytes of UTF-8: expressions, and the automaton that reads them.

An `Expression` adds its states to a nondeterministic automaton (Thompson 1968). `Automaton` reads
bytes with sets of those states, each set made when it is first met (a lazily built deterministic
automaton). There is no backtracking, and states, sets and steps are counted: whatever expression a
stranger sends costs bounded time and memory, and is refused beyond it.
Not here: how a regular expression is written (`regular.py`), or a JSON schema (`json_schema.py`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError

MOST_STATES = 50_000  # of the nondeterministic automaton: about 20 MB, built in 0.2 s
MOST_SETS = 50_000  # of these states, each a row of the table
MOST_STEPS = 5_000_000  # edges looked at while making sets, over the life of an automaton
MOST_ENTRIES = 1 << 24  # of the table: 64 MiB

LAST_CODE_POINT = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)  # halves of UTF-16 pairs: not characters, and not in UTF-8

Ranges = list[tuple[int, int]]
"""Code points as (first, last) pairs: sorted, disjoint, not touching."""


def _too_large(what: str) -> ConfigError:
    return ConfigError(
        f"too large: more than {what}; constraint; use smaller counts or fewer parts"
    )


class States:
    """The nondeterministic automaton while expressions add to it; state 0 is its start."""

    def __init__(self) -> None:
        self.edges: list[list[tuple[int, int, int]]] = [[]]  # per state: first byte, last, target
        self.empty: list[list[int]] = [[]]  # per state: targets that cost no byte

    def add(self) -> int:
        """A new state. Errors: ConfigError beyond `MOST_STATES`."""
        if len(self.edges) >= MOST_STATES:
            raise _too_large(f"{MOST_STATES:,} states")
        self.edges.append([])
        self.empty.append([])
        return len(self.edges) - 1


Expression = Callable[[States, int], int]
"""Adds what it accepts behind a state, and returns the state after it.

It only adds edges that leave the given state, so that what was before cannot be entered again.
"""


def literal(data: bytes) -> Expression:
    """Exactly these bytes."""

    def build(states: States, at: int) -> int:
        for byte in data:
            after = states.add()
            states.edges[at].append((byte, byte, after))
            at = after
        return at

    return build


def sequence(parts: Sequence[Expression]) -> Expression:
    """One after the other; of nothing, the empty text."""

    def build(states: States, at: int) -> int:
        for part in parts:
            at = part(states, at)
        return at

    return build


def choice(parts: Sequence[Expression]) -> Expression:
    """Any one of them; of nothing, no text at all."""

    def build(states: States, at: int) -> int:
        after = states.add()
        for part in parts:
            states.empty[part(states, at)].append(after)
        return after

    return build


def repeat(part: Expression, least: int, most: int | None) -> Expression:
    """`part` from `least` to `most` times; None is without end."""

    def build(states: States, at: int) -> int:
        for _ in range(least):
            at = _once(part, states, at)
        after = states.add()
        if most is None:
            loop = states.add()
            states.empty[at].append(loop)
            states.empty[part(states, loop)].append(loop)
            at = loop
        states.empty[at].append(after)
        for _ in range(0 if most is None else most - least):
            at = _once(part, states, at)
            states.empty[at].append(after)  # straight to the end: sets stay small
        return after

    return build


def _once(part: Expression, states: States, at: int) -> int:
    """One round; a round of nothing costs a state too, so that the rounds are bounded."""
    after = part(states, at)
    if after == at:
        after = states.add()
        states.empty[at].append(after)
    return after


def characters(ranges: Ranges) -> Expression:
    """One character of these code points, in UTF-8; of no ranges, no text at all."""
    sequences = [s for first, last in ranges for s in _utf8_ranges(first, last)]

    def build(states: States, at: int) -> int:
        after = states.add()
        rest: dict[tuple[tuple[int, int], ...], int] = {(): after}  # equal ends are shared

        def reach(tail: tuple[tuple[int, int], ...]) -> int:
            if tail not in rest:
                rest[tail] = states.add()
                states.edges[rest[tail]].append((*tail[0], reach(tail[1:])))
            return rest[tail]

        for (first, last), *tail in sequences:
            states.edges[at].append((first, last, reach(tuple(tail))))
        return after

    return build


def _utf8_ranges(first: int, last: int) -> list[tuple[tuple[int, int], ...]]:
    """Code points first..last as sequences of byte ranges, each a product of its ranges."""
    if first > last:
        return []
    low, high = SURROGATES
    for edge in (0x7F, 0x7FF, low - 1, high, 0xFFFF):  # no piece spans lengths or the surrogates
        if first <= edge < last:
            return _utf8_ranges(first, edge) + _utf8_ranges(edge + 1, last)
    if first >= low and last <= high:
        return []
    for shift in (6, 12, 18):  # below a differing byte, all others must go from 80 to BF
        mask = (1 << shift) - 1
        if first >> shift != last >> shift and last > 0x7F:
            if first & mask:
                return _utf8_ranges(first, first | mask) + _utf8_ranges((first | mask) + 1, last)
            if last & mask != mask:
                return _utf8_ranges(first, (last & ~mask) - 1) + _utf8_ranges(last & ~mask, last)
    return [tuple(zip(chr(first).encode(), chr(last).encode(), strict=True))]


def joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sorted, and united where they overlap or touch."""
    result: Ranges = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def inverted(ranges: Ranges) -> Ranges:
    """All other characters."""
    result, at = [], 0
    for first, last in joined([*ranges, SURROGATES]):
        if at < first:
            result.append((at, first - 1))
        at = last + 1
    return [*result, (at, LAST_CODE_POINT)] if at <= LAST_CODE_POINT else result


class Automaton:
    """Reads bytes: `table[s, class_of[byte]]` is the next set of states, 0 once none is left.

    `states` is the nondeterministic automaton and `end` its only accepting state. Sets and the
    entries of `table` (sets, K classes of bytes) are made when `step` first meets them.
    """

    DEAD = 0
    _UNKNOWN = -1

    def __init__(self, expression: Expression) -> None:
        self.states = States()
        self.end = expression(self.states, 0)
        starts = {b for edges in self.states.edges for lo, hi, _ in edges for b in (lo, hi + 1)}
        bounds = sorted({0, *starts} - {256})
        self.class_of = np.array([bisect_right(bounds, b) - 1 for b in range(256)], np.int64)
        self._first_byte = bounds  # of each class
        self.table = np.full((64, len(bounds)), self._UNKNOWN, np.int32)
        self._members: list[tuple[int, ...]] = []
        self._ids: dict[tuple[int, ...], int] = {}
        self._steps = 0
        self.table[self._set(())] = self.DEAD
        self.start = self.single(0)

    def __len__(self) -> int:
        return len(self._members)

    def members(self, s: int) -> tuple[int, ...]:
        """The states in a set that have edges, and the end."""
        return self._members[s]

    def accepts(self, s: int) -> bool:
        """Whether what was read up to this set is a whole text of the language."""
        return self.end in self._members[s]

    def single(self, state: int) -> int:
        """The set of one state, and all that it reaches without a byte."""
        return self._set(self._closure([state]))

    def read(self, data: bytes, s: int | None = None) -> int:
        """The set after some bytes, from the start or from set `s`."""
        s = self.start if s is None else s
        for byte in data:
            s = int(self.step(np.array([s]), self.class_of[byte : byte + 1])[0])
        return s

    def step(self, sets: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next set of each of N sets after one byte each, (N,) and (N,) -> (N,)."""
        after = self.table[sets, classes]
        unknown = after == self._UNKNOWN
        if unknown.any():
            K = self.table.shape[1]
            for key in np.unique(sets[unknown] * K + classes[unknown]).tolist():
                s, k = divmod(key, K)
                found = self._next(s, k)
                self.table[s, k] = found  # not in one line: `_next` may replace the table
            after = self.table[sets, classes]
        return after.astype(np.int64)

    def _next(self, s: int, k: int) -> int:
        byte = self._first_byte[k]
        edges = self.states.edges
        targets = [
            target for q in self._members[s] for lo, hi, target in edges[q] if lo <= byte <= hi
        ]
        self._steps += sum(len(edges[q]) for q in self._members[s])
        return self._set(self._closure(targets))

    def _closure(self, todo: list[int]) -> tuple[int, ...]:
        seen = set(todo)
        while todo:
            for target in self.states.empty[todo.pop()]:
                self._steps += 1
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        self._steps += len(seen)
        if self._steps > MOST_STEPS:
            raise _too_large(f"{MOST_STEPS:,} steps to read it")
        return tuple(sorted(q for q in seen if self.states.edges[q] or q == self.end))

    def _set(self, members: tuple[int, ...]) -> int:
        if members in self._ids:
            return self._ids[members]
        s = len(self._members)
        rows, K = self.table.shape
        if s >= MOST_SETS or s * K >= MOST_ENTRIES:
            raise _too_large(f"{s:,} sets of states")
        if s == rows:
            self.table = np.concatenate([self.table, np.full_like(self.table, self._UNKNOWN)])
        self._members.append(members)
        self._ids[members] = s
        return s
