"""Writing that survives a crash: each step of the save protocol, and nothing that knows a format.

What reaches the disk goes through the `os` of this file and nothing else, so that a test can put a
recorder or a fault in its place.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from weft.errors import WeftError

WRITE_BYTES = 16 << 20  # of one write call
SPARE_BYTES = 1 << 20  # folder blocks, manifest and log of a save
HINTS = {
    errno.ENOSPC: "free some space, then run again with --resume",
    errno.EDQUOT: "free some of your quota, then run again with --resume",
    errno.EFBIG: "raise the file size limit (ulimit -f), then run again with --resume",
    errno.EIO: "the disk reports an error: check it, or use another --out",
    errno.EROFS: "the file system is read-only: use another --out",
    errno.EACCES: "check the permissions, or use another --out",
    errno.ENOENT: "the folder is gone: do not move a run while it is training",
}


@contextlib.contextmanager
def one_line_errors(what: str, where: Path) -> Iterator[None]:
    """Turn an OSError into a `WeftError` that says what failed, where, and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = HINTS.get(error.errno or 0, "check the folder, then run again with --resume")
        raise WeftError(f"cannot {what}: {reason}; {where}; {hint}") from error


def check_space(folder: Path, size: int) -> None:
    """Raise ENOSPC before anything is written when `size` bytes will not fit."""
    stats = os.statvfs(folder)
    free = stats.f_bavail * stats.f_frsize
    if free < size + SPARE_BYTES:
        raise OSError(errno.ENOSPC, f"{size:,} bytes needed, {free:,} bytes free")


def write_file(path: Path, chunks: Iterable[Any]) -> dict[str, Any]:
    """Write a new file and fsync it; returns its `size` and `sha256`. `chunks` are buffers."""
    digest, size = hashlib.sha256(), 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o666)
    try:
        for chunk in chunks:
            rest = memoryview(chunk).cast("B")
            digest.update(rest)
            size += len(rest)
            while rest:
                rest = rest[os.write(file, rest[:WRITE_BYTES]) :]
        os.fsync(file)
    finally:
        os.close(file)
    return {"size": size, "sha256": digest.hexdigest()}


def make_folder(path: Path) -> None:
    """Make one new folder, with the permissions that umask leaves."""
    os.mkdir(path)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable: files made in it, renamed into it or removed."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def rename(source: Path, target: Path) -> None:
    """Give a folder its final name, in one step for every reader."""
    os.rename(source, target)


def remove_folder(path: Path) -> None:
    """Remove a folder of plain files (no folders inside)."""
    for entry in sorted(os.listdir(path)):
        os.unlink(path / entry)
    os.rmdir(path)
