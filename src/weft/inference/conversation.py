"""A conversation: what was said, and the tokens of it that a model reads before its next answer.

Everything here is pure. What is read follows from what was said alone: the same turns give the same
tokens, whatever was undone or tried again before. A context that is full loses its oldest turns, a
quarter of it at a time, so that what stays begins at the same place for some turns and does not
have to be read again for each (reading.py). A base model has no turns: its conversation is one
running text. Not here: answers (talk.py), files (transcript.py).
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weft.errors import ConfigError, DataError
from weft.inference.templates import Mark, Template, encode_parts

PARTS_DROPPED = 4  # a full context loses this part of itself at a time, and turns as a whole


@dataclass(frozen=True)
class Exchange:
    """What the user said and what the model answered; None while it has not."""

    user: str
    answer: str | None = None
    ended: bool = False
    """The model said that the text is at its end."""
    seed: int | None = None


@dataclass(frozen=True)
class Conversation:
    """All that was said, oldest first; a change is a new conversation."""

    system: str = ""
    exchanges: tuple[Exchange, ...] = ()

    def said(self, text: str) -> Conversation:
        """The user says something; it is the model's turn."""
        return replace(self, exchanges=(*self.exchanges, Exchange(text)))

    def answered(self, text: str, ended: bool = False, seed: int | None = None) -> Conversation:
        """The model answers what was said last."""
        last = replace(self.exchanges[-1], answer=text, ended=ended, seed=seed)
        return replace(self, exchanges=(*self.exchanges[:-1], last))

    def unanswered(self) -> Conversation:
        """The last answer is taken back, so that there can be another. Raises `ConfigError`."""
        self._check("/retry")
        last = Exchange(self.exchanges[-1].user)
        return replace(self, exchanges=(*self.exchanges[:-1], last))

    def undone(self) -> Conversation:
        """Without the last exchange. Raises `ConfigError` if there is none."""
        self._check("/undo")
        return replace(self, exchanges=self.exchanges[:-1])

    def _check(self, what: str) -> None:
        if not self.exchanges:
            raise ConfigError(f"nothing was said yet; {what}; say something first")


@dataclass(frozen=True)
class Prompt:
    """What the model reads: `ids`, of `whole` that the conversation has.

    The first `kept` ids are the system prompt (of a base model: the text that stays). The first
    `dropped` turns are not read at all; of the next one a base model may read the end only.
    """

    ids: tuple[int, ...]
    whole: int
    kept: int = 0
    dropped: int = 0


def fit_turns(
    conversation: Conversation, template: Template, tokenizer: Any, budget: int
) -> Prompt:
    """The latest turns, whole ones, that `budget` tokens hold, after the system prompt.

    Raises `ConfigError` when the last turn does not fit, `DataError` for a text that the tokenizer
    does not know.
    """
    turns = [(e.user, e.answer) for e in conversation.exchanges]

    def ids(first: int) -> list[int]:
        return encode_parts(template.parts(conversation.system, turns[first:]), tokenizer)

    whole = ids(0)
    if len(whole) <= budget or not turns:
        return Prompt(tuple(whole), len(whole))
    last = ids(len(turns) - 1)
    if len(last) > budget:
        raise _too_long(len(last), budget)
    # Turns are added up once; a turn's tokens do not depend on the others.
    empty = len(encode_parts(template.parts(conversation.system, []), tokenizer))
    starts = [0]
    for turn in turns:
        tokens = len(encode_parts(template.parts("", [turn]), tokenizer))
        starts.append(starts[-1] + tokens)
    first = _first_kept(starts, empty, budget)
    while len(ids(first)) > budget:  # a template whose turns do share tokens
        first += 1
    return Prompt(tuple(ids(first)), len(whole), 0, first)


def _first_kept(starts: Sequence[int], before: int, budget: int) -> int:
    """The first turn that is read: turn i has the tokens from starts[i] to starts[i + 1]."""
    least = starts[-1] + before - budget  # tokens that have to go
    step = max(1, budget // PARTS_DROPPED)
    aim = -(-least // step) * step
    return min(bisect.bisect_left(starts, aim), len(starts) - 2)


def fit_text(conversation: Conversation, tokenizer: Any, budget: int) -> Prompt:
    """The end of the running text that `budget` tokens hold, after the text that stays.

    The ids may be none, where nothing was said. Errors: as `fit_turns`.
    """
    joint = _joint(tokenizer)
    kept = encode_parts(_opening(conversation.system, joint), tokenizer)
    parts = running_text(conversation.exchanges, joint)
    ids = encode_parts(parts, tokenizer)
    room, whole = budget - len(kept), len(kept) + len(ids)
    if len(ids) <= room:
        return Prompt((*kept, *ids), whole, len(kept))
    if room < 2:
        raise _too_long(len(kept) + 1, budget)
    step = max(1, room // PARTS_DROPPED)
    cut = min(-(-(len(ids) - room) // step) * step, len(ids) - 1)

    def tokens(turns: int) -> int:
        said = running_text(conversation.exchanges[:turns], joint)
        return len(encode_parts(said, tokenizer))

    dropped = _last_below(tokens, len(conversation.exchanges) - 1, cut)
    return Prompt((*kept, *ids[cut:]), whole, len(kept), dropped)


def _last_below(tokens: Callable[[int], int], most: int, cut: int) -> int:
    """The largest number of turns, at most `most`, that the first `cut` tokens hold."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tokens(middle) <= cut else (low, middle - 1)
    return low


def running_text(exchanges: Sequence[Exchange], joint: str = "\n") -> list[str]:
    """The one text of a base model, in parts; the end of a text is its mark.

    What the user types begins a new line, unless it begins with a space.
    """
    parts: list[str] = []
    for exchange in exchanges:
        before = next((part for part in reversed(parts) if part), "")
        inside = bool(before) and not isinstance(before, Mark) and not before.endswith("\n")
        goes_on = not exchange.user or exchange.user[0].isspace()
        parts += [joint if inside and not goes_on else "", exchange.user, exchange.answer or ""]
        if exchange.ended:
            parts.append(Mark("<|endoftext|>"))
    return parts


def _opening(system: str, joint: str) -> list[str]:
    return [] if not system else [system if system.endswith("\n") else f"{system}{joint}"]


def _joint(tokenizer: Any) -> str:
    """A line end, for a tokenizer that knows one."""
    try:
        tokenizer.encode("\n")
    except DataError:  # characters of a text without line ends
        return ""
    return "\n"


def _too_long(tokens: int, budget: int) -> ConfigError:
    return ConfigError(
        f"what you said and the system prompt have {tokens:,} tokens, and there is room for "
        f"{budget:,}; chat; shorten them, or leave more room with a lower --max-tokens"
    )
