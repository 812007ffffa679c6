"""Which files of a folder are its texts: a rule that says what it leaves out, and counts it.

Taken: every file, whatever its suffix, in the order of its path, subfolders included. Left out and
counted: hidden names (and all in hidden folders), empty files, binary files, linked folders (so
there are no loops), broken links, and what is no file. Text in another encoding is an error, not
left out: see `corpus.py`.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path

from weft.data.documents import Document, printable
from weft.data.sniff import binary_format, looks_binary, wide_encoding
from weft.errors import DataError


def text_files(folder: Path) -> tuple[list[Path], dict[str, int]]:
    """The text files below `folder`, sorted by path, and how many others there are, by reason."""
    found: list[Path] = []
    skipped: Counter[str] = Counter()
    for root, folders, names in os.walk(folder, onerror=_refuse):
        for name in list(folders):
            reason = _folder_reason(Path(root, name))
            if reason is not None:
                folders.remove(name)
                skipped[reason] += 1
        for path in (Path(root, name) for name in names):
            reason = _file_reason(path)
            if reason is None:
                found.append(path)
            else:
                skipped[reason] += 1
    return sorted(found, key=lambda path: path.parts), dict(skipped)


def _refuse(error: OSError) -> None:
    raise DataError(
        f"cannot list: {error.strerror}; {printable(error.filename)}; check its permissions"
    ) from error


def _folder_reason(path: Path) -> str | None:
    if path.name.startswith("."):
        return "hidden"
    return "linked folder" if path.is_symlink() else None


def _file_reason(path: Path) -> str | None:
    """Why a file is left out, or None if it is a text."""
    if path.name.startswith("."):
        return "hidden"
    try:
        status = path.stat()
    except OSError:
        return "broken link"
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    document = Document.at(path, printable(path))
    if document.size == 0:
        return "empty"
    head = document.head()
    if wide_encoding(head) is None and (binary_format(head) or looks_binary(head)):
        return "binary"
    return None
