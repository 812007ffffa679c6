"""Tiny Shakespeare (Karpathy, char-rnn, 2015): 1,115,394 bytes, found or fetched once.

Taken from `$WEFT_DATA/tinyshakespeare.txt`, else from the cache, else from the network into the
cache. Its SHA-256 is pinned, so every figure that is measured on it has the same bytes under it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from weft.data.files import write_atomically
from weft.errors import DataError

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SIZE = 1_115_394
FILE = "tinyshakespeare.txt"
TIMEOUT = 20.0  # seconds without a byte
ADVICE = f"put {FILE} into a folder and set WEFT_DATA to that folder"


def find(cache: Path, url: str = URL) -> Path:
    """The path of the text; fetches it into `cache` when it is nowhere on this machine.

    Raises DataError when the copy in WEFT_DATA is another text, or when there is no network.
    """
    given = os.environ.get("WEFT_DATA")
    if given and (Path(given) / FILE).is_file():
        return _genuine(Path(given) / FILE)
    path = cache / FILE
    if not path.is_file() or not _matches(path):
        text = fetch(url)
        try:
            write_atomically(path, [text])
        except OSError as error:
            raise DataError(
                f"cannot keep tiny Shakespeare: {error.strerror}; {path}; "
                f"set WEFT_HOME to a folder that can be written, or {ADVICE}"
            ) from error
    return path


def fetch(url: str, timeout: float = TIMEOUT) -> bytes:
    """The verified bytes of tiny Shakespeare from `url`; reads at most one byte too many."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            text: bytes = reply.read(SIZE + 1)
    except (OSError, ValueError) as error:  # urllib's errors are OSErrors
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"no network, tiny Shakespeare cannot be fetched ({reason}); {url}; {ADVICE}"
        ) from error
    if hashlib.sha256(text).hexdigest() != SHA256:
        raise DataError(f"the text fetched is not tiny Shakespeare; {url}; {ADVICE}")
    return text


def _genuine(path: Path) -> Path:
    if not _matches(path):
        raise DataError(
            f"not the tiny Shakespeare that figures are measured on (its SHA-256 differs); {path}; "
            "replace the file, or name your own text as DATA"
        )
    return path


def _matches(path: Path) -> bool:
    if path.stat().st_size != SIZE:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
