"""Output that can only be a text of a regular language: which tokens may come next, as a mask.

`Vocabulary` has the tokens' bytes as a tree, `Language` reads them with an automaton, and a
`Constraint` is the place of one text in its language. The mask of a place is one walk over the tree
for all tokens at once, and is remembered. The idea: Willard & Louf 2023, "Efficient Guided
Generation". What is generated is a text of the language, or, if the tokens ran out first, the start
of one. Not here: the languages (`regular.py`, `json_schema.py`), the loop (`generation.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError
from weft.inference.automaton import Automaton, Expression, choice, literal
from weft.inference.json_schema import json_schema
from weft.inference.regular import regular_expression

MOST_MASKS = 4096  # kept as bits: 26 MB for GPT-2's vocabulary
MOST_CHOICES = 10_000


@dataclass(frozen=True)
class _Level:
    """The nodes of the tree at one depth: ids first..last-1, their parents, their last bytes."""

    first: int
    last: int
    parents: NDArray[np.int64]
    bytes: NDArray[np.uint8]


class Vocabulary:
    """The tokens that can write text, as a tree of bytes: every node but the root is a byte.

    Special tokens write nothing, nor does the name that stands for unknown characters. `size` is
    the model's vocabulary, which may be padded. `end` is the token that ends a text, or None.
    """

    def __init__(self, tokenizer: Any, size: int | None = None) -> None:
        self.size = tokenizer.vocab_size if size is None else size
        self.end: int | None = tokenizer.end_of_text
        unknown = getattr(tokenizer, "unknown", None)
        silent = set(tokenizer.special_tokens.values())
        self.tokens = [
            b"" if i in silent else tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)
        ]
        if unknown is not None and len(unknown) > 1:
            self.tokens = [b"" if t == unknown.encode() else t for t in self.tokens]
        self.has_all_bytes = len({t for t in self.tokens if len(t) == 1}) == 256
        self.writing = np.array([i for i, t in enumerate(self.tokens) if t], np.int64)
        self.levels, self.nodes = _tree([self.tokens[i] for i in self.writing])

    @property
    def node_count(self) -> int:
        """Nodes of the tree, with its root."""
        return self.levels[-1].last if self.levels else 1

    def walk(self, automaton: Automaton, s: int) -> NDArray[np.int64]:
        """The set after each of the `writing` tokens, read from set `s`."""
        sets = np.zeros(self.node_count, np.int64)
        sets[0] = s
        for level in self.levels:
            before = sets[level.parents]
            alive = np.flatnonzero(before)
            if not len(alive):
                break
            classes = automaton.class_of[level.bytes[alive]]
            sets[level.first + alive] = automaton.step(before[alive], classes)
        return sets[self.nodes]


def _tree(tokens: Sequence[bytes]) -> tuple[list[_Level], NDArray[np.int64]]:
    """The levels of the tree, and the node of each token."""
    lengths = np.array([len(token) for token in tokens], np.int64)
    starts = np.cumsum(lengths) - lengths
    data = np.frombuffer(b"".join(tokens), np.uint8)
    nodes = np.zeros(len(tokens), np.int64)
    levels: list[_Level] = []
    first = 1
    for depth in range(int(lengths.max(initial=0))):
        here = np.flatnonzero(lengths > depth)
        keys = nodes[here] * 256 + data[starts[here] + depth]
        unique, which = np.unique(keys, return_inverse=True)
        nodes[here] = first + which
        levels.append(
            _Level(first, first + len(unique), unique // 256, (unique % 256).astype(np.uint8))
        )
        first += len(unique)
    return levels, nodes


class Language:
    """The texts of an expression, in the tokens of a vocabulary. Not for two threads at a time.

    Errors: ConfigError for an expression that is too large, or that no tokens can write.
    """

    def __init__(self, expression: Expression, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.automaton = Automaton(expression)
        self._masks: dict[int, NDArray[np.uint8]] = {}
        self._live = None if vocabulary.has_all_bytes else self._live_states()
        if not self._can_end(self.automaton.start):
            raise ConfigError(
                "no text that the constraint allows can be written in this model's vocabulary; "
                "constraint; use characters that the model knows"
            )

    def start(self) -> Constraint:
        """A new text."""
        return Constraint(self, self.automaton.start)

    def mask(self, s: int) -> NDArray[np.bool_]:
        """Tokens that may follow at a set, (V,): those after which the text can still end well."""
        V = self.vocabulary.size
        if s not in self._masks:
            if len(self._masks) >= MOST_MASKS:
                self._masks.clear()
            self._masks[s] = np.packbits(self._compute_mask(s))
        return np.unpackbits(self._masks[s], count=V).view(np.bool_)

    def _compute_mask(self, s: int) -> NDArray[np.bool_]:
        vocabulary = self.vocabulary
        after = vocabulary.walk(self.automaton, s)
        distinct, which = np.unique(after, return_inverse=True)
        mask = np.zeros(vocabulary.size, np.bool_)
        mask[vocabulary.writing] = np.array([self._can_end(t) for t in distinct.tolist()])[which]
        if vocabulary.end is not None:
            mask[vocabulary.end] = self.automaton.accepts(s)
        return mask

    def _can_end(self, s: int) -> bool:
        """Whether some text goes on from the set to its end, in the vocabulary's tokens."""
        members = self.automaton.members(s)
        return bool(members) if self._live is None else not self._live.isdisjoint(members)

    def _live_states(self) -> set[int]:
        """States from which tokens lead to the end: not all, where tokens for some bytes lack."""
        automaton, before = self.automaton, dict[int, set[int]]()
        for state in range(len(automaton.states.edges)):
            if not automaton.states.edges[state]:
                continue
            for s in np.unique(self.vocabulary.walk(automaton, automaton.single(state))).tolist():
                for target in automaton.members(s):
                    before.setdefault(target, set()).add(state)
        live, todo = {automaton.end}, [automaton.end]
        while todo:
            found = before.get(todo.pop(), set()) - live
            live |= found
            todo += found
        return live


class Constraint:
    """One text on its way: `allowed` tokens, `advance` by one, until it is `finished`."""

    def __init__(self, language: Language, s: int) -> None:
        self._language, self._set, self._ended = language, s, False

    def allowed(self) -> NDArray[np.bool_]:
        """The tokens that may come next, (V,). The end token is among them at the end of a text."""
        if self._ended:
            return np.zeros(self._language.vocabulary.size, np.bool_)
        return self._language.mask(self._set)

    def advance(self, token: int) -> None:
        """Take a token. Raises ValueError for one that is not allowed."""
        if not (0 <= token < self._language.vocabulary.size and self.allowed()[token]):
            raise ValueError(f"token {token} is not allowed here")
        if token == self._language.vocabulary.end:
            self._ended = True
        else:
            data = self._language.vocabulary.tokens[token]
            self._set = self._language.automaton.read(data, self._set)

    @property
    def complete(self) -> bool:
        """Whether the text could end here."""
        return self._ended or self._language.automaton.accepts(self._set)

    @property
    def finished(self) -> bool:
        """Whether the text has ended, or can do nothing else."""
        allowed = self.allowed()
        end = self._language.vocabulary.end
        return not allowed.any() or (end is not None and bool(allowed[end]) and allowed.sum() == 1)

    def copy(self) -> Constraint:
        """Another text that begins with what this one has."""
        branch = Constraint(self._language, self._set)
        branch._ended = self._ended
        return branch


def constrain(
    vocabulary: Vocabulary,
    *,
    regex: str | None = None,
    choices: Sequence[str] | None = None,
    schema: Mapping[str, Any] | None = None,
) -> Language:
    """The language of one of: a regular expression (all of the text), choices, a JSON schema.

    Errors: ConfigError for none or several of them, and for what is not supported or too large.
    """
    options = {"regex": regex, "choices": choices, "schema": schema}
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        raise ConfigError(
            f"{' and '.join(given) or 'no constraint'} given; constraint; give one of a regular "
            "expression, choices, a JSON schema"
        )
    if regex is not None:
        return Language(regular_expression(regex), vocabulary)
    if schema is not None:
        return Language(json_schema(schema), vocabulary)
    assert choices is not None
    return Language(_any_of(choices), vocabulary)


def _any_of(choices: Sequence[str]) -> Expression:
    if not 1 <= len(choices) <= MOST_CHOICES or "" in choices:
        raise ConfigError(
            f"{len(choices)} choices{', one of them empty' if '' in choices else ''}; constraint; "
            f"give 1 to {MOST_CHOICES:,}, none of them empty"
        )
    try:
        return choice([literal(text.encode()) for text in choices])
    except UnicodeEncodeError:
        raise ConfigError(
            "a choice is not valid Unicode (a lone surrogate); constraint; give text"
        ) from None
