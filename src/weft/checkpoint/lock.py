"""One run at a time in a folder: flock on the file `lock`, which names its holder.

The kernel drops the lock when its holder dies, however it dies, so a stale lock needs no guess: the
file is left there, and whoever gets the flock takes it over.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from weft.errors import RunLockedError

logger = logging.getLogger("weft")
TAKE_SECONDS = 0.1
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs. `RunLockedError` names pid, host and start."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        _take(file, path)
        os.ftruncate(file, 0)
        os.pwrite(file, _myself().encode(), 0)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def holder(path: Path) -> str | None:
    """Who holds the lock, in words; None when nobody does. Takes nothing from a holder.

    The file names nobody, unless a run is on or was killed; only then the lock is tried, shared and
    for a moment, which a run that begins just then waits out.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode) or not os.pread(file, 1, 0):
            return None
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _holder(file)
    except OSError as error:  # where there are no locks, the name is all there is
        return _holder(file) if error.errno in NO_LOCKS else None
    finally:
        os.close(file)


def _take(file: int, path: Path) -> None:
    try:
        _take_within(file, TAKE_SECONDS)
    except BlockingIOError:
        raise RunLockedError(
            f"another run is training here: {_holder(file)}; {path.parent}; "
            "wait for it, stop it, or choose another --out"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        logger.warning("warning: this file system has no locks; %s; start one run only", path)


def _take_within(file: int, seconds: float) -> None:
    """Try for so long: whoever only looks at the lock has it for a moment."""
    last = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= last:
                raise
        time.sleep(0.01)


def _myself() -> str:
    start = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "start": start}) + "\n"


def _holder(file: int) -> str:
    """Who holds the lock; it may take the winner a moment to write its name."""
    for _ in range(50):
        try:
            holder = json.loads(os.pread(file, 4096, 0))
            return f"pid {holder['pid']} on {holder['host']} since {holder['start']}"
        except (ValueError, KeyError, TypeError):
            time.sleep(0.01)
    return "it has not named itself"
