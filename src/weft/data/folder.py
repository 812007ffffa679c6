"""Which files of a folder are its texts: a rule that says what it leaves out, and counts it.

Taken: every file, whatever its suffix, in the order of its path, subfolders included. Left out and
counted: hidden names (and all in hidden folders), what is made by programs (`GENERATED`), what
`.gitignore` files say (`ignored.py`), empty
files, binary files, linked folders (so there are no loops), broken links, and what is no file.
Archives are taken if their names say so too. Text in another encoding is an error, not left out:
see `contents.py`, which also has the same rule for a zip.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path

from weft.data.documents import Document, printable
from weft.data.ignored import Ignored
from weft.data.sniff import GZIP, ZIP, binary_format, looks_binary, wide_encoding
from weft.errors import DataError

LOCKS = "package-lock.json yarn.lock pnpm-lock.yaml Cargo.lock poetry.lock uv.lock Pipfile.lock"
GENERATED = ("node_modules", "__pycache__", "__MACOSX", "composer.lock", "Gemfile.lock", "go.sum")
ENDS = (".min.js", ".min.css", ".egg-info")
ARCHIVES = ((".gz", GZIP), (".zip", ZIP), (".epub", ZIP))


def text_files(folder: Path) -> tuple[list[Path], dict[str, int]]:
    """The text files below `folder`, sorted by path, and how many others there are, by reason."""
    found: list[Path] = []
    skipped: Counter[str] = Counter()
    ignored = Ignored(folder)
    for root, folders, names in os.walk(folder, onerror=_refuse):
        for name in list(folders):
            reason = _folder_reason(Path(root, name), ignored)
            if reason is not None:
                folders.remove(name)
                skipped[reason] += 1
        for path in (Path(root, name) for name in names):
            reason = _file_reason(path, ignored)
            if reason is None:
                found.append(path)
            else:
                skipped[reason] += 1
    return sorted(found, key=lambda path: path.parts), dict(skipped)


def _refuse(error: OSError) -> None:
    raise DataError(
        f"cannot list: {error.strerror}; {printable(error.filename)}; check its permissions"
    ) from error


def _folder_reason(path: Path, ignored: Ignored) -> str | None:
    reason = name_reason(path.name) or ("linked folder" if path.is_symlink() else None)
    return reason or ("ignored" if ignored(path, True) else None)


def _file_reason(path: Path, ignored: Ignored) -> str | None:
    """Why a file is left out, or None if it is a text."""
    reason = name_reason(path.name) or ("ignored" if ignored(path, False) else None)
    if reason is not None:
        return reason
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
    is_archive = any(path.name.lower().endswith(e) and head.startswith(m) for e, m in ARCHIVES)
    return "binary" if is_binary(head) and not is_archive else None


def name_reason(name: str) -> str | None:
    """Why a file or folder of this name is left out, or None."""
    if name.startswith("."):
        return "hidden"
    generated = name in GENERATED or name in LOCKS.split() or name.endswith(ENDS)
    return "generated" if generated else None


def is_binary(head: bytes) -> bool:
    """Whether what begins like this is left out. Text in a wide encoding is not."""
    return wide_encoding(head) is None and bool(binary_format(head) or looks_binary(head))
