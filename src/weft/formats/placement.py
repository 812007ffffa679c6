"""A new folder of a model, whole or not at all: written beside its place, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weft.checkpoint import durable
from weft.errors import ConfigError, WeftError


@contextmanager
def new_folder(path: Path, overwrite: bool, size: int = 0) -> Iterator[Path]:
    """A temporary folder to write into; at the end of the block it becomes `path`.

    What is there is replaced only if it is empty, or with `overwrite` a model's folder: plain files
    with a config.json among them. Raises `ConfigError` if it may not, `WeftError` when the disk
    fails or has no room for `size` bytes; then nothing has changed.
    """
    _check_target(path, overwrite)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        durable.check_space(path.absolute().parent, size)
        durable.make_folder(temporary)
        try:
            yield temporary
            durable.sync_folder(temporary)
            _put(temporary, path)
        except BaseException:
            if temporary.exists():
                durable.remove_folder(temporary)
            raise
        durable.sync_folder(path.absolute().parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeftError(f"cannot write: {reason}; {path}; check the folder and its disk") from error


def _check_target(path: Path, overwrite: bool) -> None:
    if not path.name:
        raise ConfigError(f"not a name for a new folder; {path}; give another one")
    if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise ConfigError(f"something is there already; {path}; give another name or --overwrite")
    entries = [] if path.is_symlink() or not path.is_dir() else list(path.iterdir())
    plain = all(entry.is_file() for entry in entries)
    if not plain or "config.json" not in {entry.name for entry in entries}:
        raise ConfigError(
            f"--overwrite replaces a model's folder of plain files only; {path}; give another name"
        )


def _put(temporary: Path, path: Path) -> None:
    if not path.exists():
        durable.rename(temporary, path)
        return
    old = path.with_name(f"{path.name}.old-{os.getpid()}")
    durable.rename(path, old)
    durable.rename(temporary, path)
    durable.remove_folder(old)
