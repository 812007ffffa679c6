"""How likely a model finds a text after another one: log-likelihoods of continuations.

What contexts have in common is read once: contexts are sorted, a batch of them branches off the
beginning that all share, and the continuations of one context branch off that context.
Not here: questions and answers (`tasks.py`), the loss of a long text (`evaluation.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError
from weft.inference.decoder import Decoder
from weft.inference.generation import start_token
from weft.sampling import log_probabilities

TOKENS_PER_BATCH = 4096  # of all branches: they bound the caches (300 MB for GPT-2 124M)
SHORTEST_SHARED = 8  # a shorter common beginning is not worth a branch

Ids = tuple[int, ...]


class Likelihood(NamedTuple):
    """Of one continuation."""

    logprob: float
    """Sum of the natural logarithms of its tokens' probabilities."""
    tokens: int
    greedy: bool
    """Whether each token is the likeliest one (the lowest id of equals)."""


@dataclass
class _Group:
    """A context, and the continuations that are asked for after it: where they are, and ids."""

    context: Ids
    asked: list[tuple[int, Ids]]

    @property
    def room(self) -> int:
        """Tokens that are read: all but the last of the longest continuation."""
        return len(self.context) + max(len(ids) for _, ids in self.asked) - 1


def likelihoods(
    loaded: Any, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[Likelihood]:
    """The likelihood of each continuation after its context, both as ids; in the order given.

    A context that is too long loses its start. Raises `ConfigError` for an empty context, and for a
    continuation that is longer than the model's context.
    """
    T = loaded.config.context
    found = {i: Likelihood(0.0, 0, True) for i in range(len(pairs))}
    groups: dict[Ids, _Group] = {}
    for i, (before, after) in enumerate(pairs):
        context, ids = tuple(map(int, before)), tuple(map(int, after))
        if not context or len(ids) > T:
            what = f"a text of {len(ids)} tokens" if context else "no context"
            raise ConfigError(
                f"{what}; likelihood; give a context, and at most {T} tokens after it"
            )
        context = context[-(T + 1 - len(ids)) :] if ids else context
        if ids:
            groups.setdefault(context, _Group(context, [])).asked.append((i, ids))
    for batch in _batches(sorted(groups.values(), key=lambda group: group.context)):
        for i, likelihood in _read_batch(loaded.decoder, batch):
            found[i] = likelihood
    return [found[i] for i in range(len(pairs))]


def _batches(groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    batch: list[_Group] = []
    size = 0
    for group in groups:
        cost = group.room * len(group.asked)
        if batch and size + cost > TOKENS_PER_BATCH:
            yield batch
            batch, size = [], 0
        batch.append(group)
        size += cost
    if batch:
        yield batch


def _read_batch(decoder: Decoder, batch: list[_Group]) -> Iterator[tuple[int, Likelihood]]:
    rows, sequences = _read_contexts(decoder, batch)
    first = log_probabilities(rows)
    branches, rest = [], []
    for group, sequence in zip(batch, sequences, strict=True):
        longer = [ids[:-1] for _, ids in group.asked if len(ids) > 1]
        rest += longer
        branches += [sequence.copy() for _ in longer[1:]] + [sequence][: len(longer)]
    later = iter(decoder.read_all(branches, rest) if rest else [])
    for group, row in zip(batch, first, strict=True):
        for i, ids in group.asked:
            logs = row[None]
            if len(ids) > 1:
                logs = np.concatenate([logs, log_probabilities(next(later))])
            yield i, _likelihood(logs, ids)


def _read_contexts(decoder: Decoder, batch: list[_Group]) -> tuple[NDArray[Any], list[Any]]:
    """The logits after each context (B, V), and the sequences that have read them."""
    contexts = [group.context for group in batch]  # sorted: what both ends share, all share
    shared = min(_equal_start(contexts[0], contexts[-1]), min(map(len, contexts)) - 1)
    if len(batch) == 1 or shared < SHORTEST_SHARED:
        sequences = [decoder.start(group.room) for group in batch]
        return decoder.read(sequences, contexts), sequences
    root = decoder.start(max(group.room for group in batch))
    decoder.read([root], [contexts[0][:shared]])
    sequences = [root.copy() for _ in batch[1:]] + [root]
    return decoder.read(sequences, [context[shared:] for context in contexts]), sequences


def _equal_start(a: Ids, b: Ids) -> int:
    """How many ids at the start are the same."""
    unequal = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(unequal, min(len(a), len(b)))


def _likelihood(logs: NDArray[np.float64], ids: Ids) -> Likelihood:
    """From the log-probabilities before each token, (T, V)."""
    chosen = logs[np.arange(len(ids)), list(ids)]
    greedy = bool((logs.argmax(-1) == np.array(ids)).all())
    return Likelihood(float(chosen.sum()), len(ids), greedy)


def encode_pair(tokenizer: Any, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """The ids of a context and of what follows it, cut as lm_eval cuts them.

    Spaces at the end of the context go to the continuation, as byte-pair tokens begin with a space.
    An empty context becomes the token that a text starts with.
    """
    kept = context.rstrip()
    continuation = context[len(kept) :] + continuation
    if not kept:
        return [start_token(tokenizer)], tokenizer.encode(continuation)
    before, whole = tokenizer.encode(kept), tokenizer.encode(kept + continuation)
    if whole[: len(before)] != before:  # a token across the cut
        return before, tokenizer.encode(continuation)
    return before, whole[len(before) :]


def rolling_windows(
    ids: Sequence[int], start: int, length: int
) -> list[tuple[list[int], list[int]]]:
    """A long text as pairs for `likelihoods`: each token is predicted once, from up to `length`.

    The first token is predicted from `start`. Windows do not overlap in what they predict; the last
    one, which predicts fewer, sees as much before them as fits (the definition in lm_eval).
    """
    ids = list(map(int, ids))
    pairs = []
    for at in range(0, len(ids), length):
        end = min(at + length, len(ids))
        before = [start] if at == 0 else ids[max(0, end - length - 1) : at]
        pairs.append((before, ids[at:end]))
    return pairs
