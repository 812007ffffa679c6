"""The text that a lesson reads: tiny Shakespeare where it can be had, else our own stories."""

from __future__ import annotations

from pathlib import Path

from weft.errors import DataError


def text_of(name: str | Path = "shakespeare", size: int = 1_115_394) -> str:
    """The first `size` bytes of a built-in corpus, or of any text file: see `weft.data`.

    Tiny Shakespeare comes from $WEFT_DATA, the cache or the network. Where it can be found in
    none of them, the text is `stories`, which Weft makes itself; a printed line says so.
    """
    from weft.data import open_corpus

    try:
        corpus = open_corpus(name)
    except DataError:
        if name != "shakespeare":
            raise
        print("Tiny Shakespeare is not at hand, and there is no network: reading our own stories.")
        print("The lesson works as well with them, but its numbers and samples will differ.")
        corpus = open_corpus("builtin:stories")
    return "".join(corpus.chunks(0, min(size, corpus.size)))
