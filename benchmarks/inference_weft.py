"""Weft's own side: the decoder that everything which generates goes through."""

from __future__ import annotations

from collections.abc import Sequence

import weft
from weft.cli.machine import use_threads


class Sequences:
    """`count` sequences of one model with room for `length` tokens each."""

    def __init__(
        self, path: str, threads: int, count: int, length: int, precision: str = "float32"
    ) -> None:
        use_threads(threads)
        loaded = weft.load(path, precision=precision)
        self.decoder = loaded.decoder
        self.caches = [self.decoder.start(length) for _ in range(count)]

    def read(self, tokens: Sequence[Sequence[int]]) -> list[int]:
        """Append tokens[i] to sequence i; the likeliest token after the last of each."""
        chosen: list[int] = self.decoder.read(self.caches, tokens).argmax(-1).tolist()
        return chosen

    def set_back(self, position: int) -> None:
        """Forget what the sequences have read from this position on."""
        for cache in self.caches:
            cache.position = position
