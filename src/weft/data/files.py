"""Files that are complete or absent, whenever the process dies."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from weft.replacing import replacing


def write_atomically(path: Path, blocks: Iterable[bytes]) -> None:
    """Write `blocks` to a temporary file beside `path`, flush it to disk, rename it to `path`.

    The folder is made if need be. On any failure the temporary file is removed and the old
    `path`, if there was one, is untouched. Raises OSError (a full disk, a read-only folder).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new, new.open("wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows has no descriptors of folders
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
