"""The built-in corpora by name, and the cache folder that keeps each as one text file.

`stories`, `pydocs` and `dates` are made on this machine, `shakespeare` is fetched once. The cache
is safe to delete; where it cannot be written, a made corpus goes to a nameless temporary file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from weft.data.documents import Document, Spool
from weft.data.files import write_atomically

NAMES = ("stories", "pydocs", "shakespeare", "dates")


def cache_folder() -> Path:
    """`$WEFT_HOME/corpora`, or `corpora` in the platform's cache folder of this user."""
    home = os.environ.get("WEFT_HOME")
    if home:
        return Path(home) / "corpora"
    import platformdirs

    return Path(platformdirs.user_cache_dir("weft", appauthor=False)) / "corpora"


def document(name: str) -> Document:
    """The text of the built-in corpus `name`, made or fetched now if it is not in the cache."""
    from weft.data import dates, pydocs, shakespeare  # only when asked for: they import much
    from weft.data.stories import corpus as stories

    if name == "shakespeare":
        return Document.at(shakespeare.find(cache_folder()), name)
    source: dict[str, tuple[str, Callable[[], Iterable[str]]]] = {
        "stories": (stories.fingerprint(), stories.default_corpus),
        "pydocs": (pydocs.fingerprint(), pydocs.texts),
        "dates": (dates.fingerprint(), dates.corpus),
    }
    fingerprint, make = source[name]
    path = cache_folder() / f"{name}-{fingerprint}.txt"
    if not path.is_file():
        try:
            write_atomically(path, (text.encode() for text in make()))
        except OSError:  # a read-only home: the corpus is made anew for each command
            return Document.at(Spool((text.encode() for text in make()), name), name)
    return Document.at(path, name)
