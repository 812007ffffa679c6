"""What a model has read of a conversation, so that the next turn reads only what is new.

The keys and values of a Transformer go back to any earlier token. The states of the other families
do not: of those, copies at the ends of earlier prompts are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft.inference.decoder import Decoder
from weft.models import KeyValueCache

CHUNK = 256  # tokens read between two looks at whether to go on
MOST_COPIES = 16


class Reading:
    """A sequence of a decoder, and the ids that it has read: always a start of `ids`."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._sequence: Any = None
        self._ids: tuple[int, ...] = ()
        self._copies: list[tuple[tuple[int, ...], Any]] = []
        self.reused = 0
        """How many tokens of the last prompt did not have to be read."""

    @property
    def ids(self) -> tuple[int, ...]:
        """What has been read."""
        return self._ids[: self._sequence.position] if self._sequence is not None else ()

    def read(
        self, ids: Sequence[int], length: int, stopped: Callable[[], bool] = lambda: False
    ) -> Any:
        """A sequence that has read all of `ids` but the last, with room for `length` tokens.

        None where `stopped` says so between two chunks; what was read by then is kept. The sequence
        stays the reading's own: tell it by `extended` what was appended.
        """
        ids = tuple(ids)
        sequence = self._rewound(ids[:-1])
        if sequence is None:
            sequence = self._decoder.start(length)
        elif isinstance(sequence, KeyValueCache) and sequence.length < length:
            sequence = self._larger(sequence, length)
        self._sequence, self._ids, self.reused = sequence, ids, sequence.position
        while sequence.position < len(ids) - 1:
            if stopped():
                return None
            end = min(sequence.position + CHUNK, len(ids) - 1)
            self._decoder.read([sequence], [ids[sequence.position : end]])
        if not isinstance(sequence, KeyValueCache):
            self._copies = [*self._copies[1 - MOST_COPIES :], (ids[:-1], sequence.copy())]
        return sequence

    def extended(self, ids: Sequence[int]) -> None:
        """The sequence has read, or may have read, these ids after those of `read`."""
        self._ids += tuple(ids)

    def _rewound(self, ids: tuple[int, ...]) -> Any:
        """The sequence, taken back to where it and `ids` part; or None."""
        if isinstance(self._sequence, KeyValueCache):
            self._sequence.position = _common(self.ids, ids)
            return self._sequence
        read = [(self.ids, self._sequence)] if self._sequence is not None else []
        fitting = [(a, s) for a, s in self._copies + read if a == ids[: len(a)]]
        self._copies = [(a, s) for a, s in self._copies if a == ids[: len(a)]]
        return max(fitting, key=lambda pair: len(pair[0]))[1].copy() if fitting else None

    def _larger(self, sequence: KeyValueCache, length: int) -> KeyValueCache:
        """The same sequence with room for `length` tokens, and as many as it had once more."""
        larger = self._decoder.start(max(length, 2 * sequence.length))
        for name, array in vars(larger).items():
            if isinstance(array, np.ndarray):
                array[:, :, :, : sequence.position] = getattr(sequence, name)[
                    :, :, :, : sequence.position
                ]
        larger.position = sequence.position
        return larger


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    pairs = zip(a, b, strict=False)
    return next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))
