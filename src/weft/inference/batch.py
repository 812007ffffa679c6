"""Many texts at once: one call of the decoder for all of them at every step.

What a text becomes does not depend on the others: each has its own generator and its own sequence.
Texts that end leave, waiting ones enter. A prompt that several texts have is read once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from weft.inference.decoder import Decoder
from weft.inference.text import Generation
from weft.inference.tokens import Continuation

if TYPE_CHECKING:
    from weft.models import KeyValueCache

Row = NDArray[Any]  # logits, (V,)


class Batch(Iterator[tuple[int, str]]):
    """Pieces of many texts as they come, each with the text's number; `texts` are the streams.

    Texts that do not come token by token (beam search, ...) are computed one after the other.
    """

    def __init__(self, decoder: Decoder, texts: Sequence[Generation], batch_size: int) -> None:
        self.texts = list(texts)
        stepped = all(type(text.source) is Continuation for text in self.texts)
        self._pieces = (
            together(decoder, self.texts, batch_size) if stepped else one_by_one(self.texts)
        )

    def __next__(self) -> tuple[int, str]:
        return next(self._pieces)


def one_by_one(texts: Sequence[Generation]) -> Iterator[tuple[int, str]]:
    """Pieces of each text, all of the first one first."""
    for i, text in enumerate(texts):
        for piece in text:
            yield i, piece


def together(
    decoder: Decoder, texts: Sequence[Generation], batch_size: int
) -> Iterator[tuple[int, str]]:
    """Pieces of the texts as they come, each with the text's number; `batch_size` at a time.

    The source of every text is a `Continuation`.
    """
    waiting = deque(enumerate(texts))
    prompts = _Prompts(Counter(_source(text).prompt for text in texts))
    active: list[tuple[int, Generation]] = []
    while waiting or active:
        entering = [waiting.popleft() for _ in range(min(batch_size - len(active), len(waiting)))]
        rows = _read(decoder, [_source(text) for _, text in active])
        rows += prompts.read(decoder, [_source(text) for _, text in entering])
        active += entering
        for (i, text), row in zip(active, rows, strict=True):
            piece = text.show(None if row is None else _source(text).choose(row))
            if piece:
                yield i, piece
        active = [(i, text) for i, text in active if text.finish_reason is None]


def _source(text: Generation) -> Continuation:
    assert isinstance(text.source, Continuation)
    return text.source


def _read(decoder: Decoder, sources: Sequence[Continuation]) -> list[Row | None]:
    """The logits that each source asks for, all read at once; None where the text is over."""
    requests = [source.request() for source in sources]
    asked = [request for request in requests if request is not None]
    if not asked:
        return [None] * len(sources)
    read = iter(decoder.read([sequence for sequence, _ in asked], [new for _, new in asked]))
    return [None if request is None else next(read) for request in requests]


class _Prompts:
    """What was read of prompts that more texts will start with, and how many those are."""

    def __init__(self, users: Counter[tuple[int, ...]]) -> None:
        self._users = users
        self._kept: dict[tuple[int, ...], tuple[KeyValueCache, Row]] = {}

    def read(self, decoder: Decoder, sources: Sequence[Continuation]) -> list[Row | None]:
        """The logits after each source's prompt, which is read for the first one that has it."""
        first = {s.prompt: s for s in reversed(sources) if s.prompt not in self._kept}
        readers = list(first.values())
        rows = dict(zip(first, _read(decoder, readers), strict=True))
        for prompt, reader in first.items():
            self._keep(prompt, reader, rows[prompt])
        return [rows[s.prompt] if first.get(s.prompt) is s else self._hand_on(s) for s in sources]

    def _keep(self, prompt: tuple[int, ...], reader: Continuation, row: Row | None) -> None:
        self._users[prompt] -= 1
        if self._users[prompt] and row is not None and reader.sequence is not None:
            self._kept[prompt] = reader.sequence.copy(), row.copy()

    def _hand_on(self, source: Continuation) -> Row | None:
        if source.prompt not in self._kept:
            return None  # the text of the one that should have read it was over at once
        sequence, row = self._kept[source.prompt]
        self._users[source.prompt] -= 1
        if self._users[source.prompt]:
            sequence = sequence.copy()
        else:
            del self._kept[source.prompt]
        source.adopt(sequence)
        return row
