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
import time
from collections.abc import Iterator
from pathlib import Path

from weft.errors import RunLockedError

logger = logging.getLogger("weft")
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


def is_held(path: Path) -> bool:
    """Whether a process holds the lock now. Changes nothing; False where it cannot be known."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)  # gives the lock back
    return False


def _take(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunLockedError(
            f"another run is training here: {_holder(file)}; {path.parent}; "
            "wait for it, stop it, or choose another --out"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        logger.warning("warning: this file system has no locks; %s; start one run only", path)


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
