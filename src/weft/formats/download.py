"""One file from a web server: resumed where it stopped, its size and hash verified.

Only https, and http to this very machine for tests and mirrors; redirections too. What comes is
written to NAME.part, and gets its name when all of it is there and its hash is right.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from weft.errors import ConfigError, MalformedFileError, WeftError

PIECE = 1 << 20
TIMEOUT_SECONDS = 30.0
ATTEMPTS = 5  # in a row without a byte
PAUSE_SECONDS = 1.0  # after the first that failed; then twice as long each time
SPARE_BYTES = 16 << 20
LOCAL = ("localhost", "127.0.0.1", "::1")
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class RemoteFile:
    """A file of the hub. `hash` is the SHA-256 of its bytes (64 digits), or git's SHA-1 (40)."""

    name: str
    size: int
    hash: str


class Connection:
    """A server, asked by path. Raises `ConfigError` for an address that is not https."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._local = _is_local(self.endpoint)
        if not _is_allowed(self.endpoint, self._local):
            raise ConfigError(f"not an https address; {endpoint[:200]}; give https://HOST")
        handlers: list[Any] = [_Redirection(self._local)]
        if self._local:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def open(self, path: str, first: int = 0) -> Any:
        """The response, from byte `first` on where the server can. Raises `WeftError`."""
        headers = {"User-Agent": "weft", "Accept-Encoding": "identity"}
        if first:
            headers["Range"] = f"bytes={first}-"
        request = urllib.request.Request(self.endpoint + path, headers=headers)
        try:
            return self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _TEMPORARY:
                raise ConnectionError(f"the server answers {error.code}") from None
            raise _refusal(error.code, self.endpoint + path) from None

    def json(self, path: str, limit: int) -> Any:
        """A JSON answer of at most `limit` bytes. Raises `WeftError`, `MalformedFileError`."""
        where = self.endpoint + path
        try:
            with self.open(path) as response:
                data = response.read(limit + 1)
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(error, where) from error
        if len(data) > limit:
            raise MalformedFileError(f"an answer of more than {limit:,} bytes; {where}; stop")
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise MalformedFileError(f"the answer is not JSON; {where}; try again") from None


class _Redirection(urllib.request.HTTPRedirectHandler):
    """Follows to https only; to this machine only from this machine."""

    def __init__(self, local: bool) -> None:
        self._from_here = local

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str):  # type: ignore[no-untyped-def]
        if not _is_allowed(newurl, self._from_here):
            raise MalformedFileError(
                f"the server sends us to an address that is not https: {newurl[:200]!r}; "
                f"{req.full_url}; use another --endpoint"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_allowed(url: str, from_here: bool) -> bool:
    return urlsplit(url).scheme == "https" or (from_here and _is_local(url))


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in LOCAL


def is_there(folder: Path, file: RemoteFile) -> bool:
    """Whether the file is in the folder, whole and right."""
    path = folder / file.name
    return (
        path.is_file() and path.stat().st_size == file.size and _hash(path, file.hash) == file.hash
    )


def missing_bytes(folder: Path, files: list[RemoteFile]) -> int:
    """Bytes that have to come. Raises `WeftError` if the disk has no room for them."""
    size = sum(file.size - _part_size(_part(folder, file), file.size) for file in files)
    free = shutil.disk_usage(folder).free
    if files and size + SPARE_BYTES > free:
        raise WeftError(
            f"{size:,} bytes to come, {free:,} bytes free; {folder}; free some space or use --out"
        )
    return size


def fetch(
    connection: Connection,
    url: str,
    folder: Path,
    file: RemoteFile,
    report: Callable[[str, int, int], object],
) -> None:
    """Bring one file. Raises `WeftError` when the connection fails again and again,
    `MalformedFileError` for more bytes than announced or another hash."""
    part, failed = _part(folder, file), 0
    while True:
        have = _part_size(part, file.size)
        try:
            if have < file.size or not part.exists():
                _append(connection, url, part, have, file, report)
            break
        except (OSError, http.client.HTTPException) as error:
            failed = 1 if _part_size(part, file.size) > have else failed + 1
            if failed >= ATTEMPTS:
                raise _unreachable(error, connection.endpoint + url) from error
            time.sleep(PAUSE_SECONDS * 2 ** (failed - 1))
    if _hash(part, file.hash) != file.hash:
        part.unlink()
        raise MalformedFileError(
            f"its hash is not the hub's: altered on the way; {folder / file.name}; pull it again"
        )
    os.replace(part, folder / file.name)


def _append(
    connection: Connection,
    url: str,
    part: Path,
    have: int,
    file: RemoteFile,
    report: Callable[[str, int, int], object],
) -> None:
    """The rest of the file. Raises `ConnectionError` when it ends too early."""
    with connection.open(url, have) as response:
        if have and not _continues(response, have):
            have = 0  # the server begins anew
        with part.open("ab" if have else "wb") as out:
            report(file.name, have, file.size)
            while piece := response.read(PIECE):
                have += len(piece)
                if have > file.size:
                    break
                out.write(piece)
                report(file.name, have, file.size)
    if have > file.size:
        part.unlink()
        raise MalformedFileError(
            f"more than the {file.size:,} bytes that the hub lists; {file.name}; pull it again"
        )
    if have < file.size:
        raise ConnectionError(f"it ended after {have:,} of {file.size:,} bytes")


def _continues(response: Any, first: int) -> bool:
    span = response.headers.get("Content-Range") or ""
    return response.status == 206 and span.startswith(f"bytes {first}-")


def _part(folder: Path, file: RemoteFile) -> Path:
    return folder / f"{file.name}.part"


def _part_size(part: Path, size: int) -> int:
    """Bytes that are there; more than there can be are none."""
    have = part.stat().st_size if part.is_file() else 0
    return have if have <= size else 0


def _hash(path: Path, like: str) -> str:
    """In the manner of `like`: SHA-256 of the bytes, or SHA-1 as git names a file of this size."""
    digest = hashlib.sha256()
    if len(like) == 40:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _refusal(code: int, where: str) -> WeftError:
    if code == 404:
        return WeftError(f"not there (404); {where}; check the name and --revision")
    if code in (401, 403):
        return WeftError(f"not public, or not there ({code}); {where}; choose a public model")
    return WeftError(f"the server answers {code}; {where}; try again later")


def _unreachable(error: BaseException, where: str) -> WeftError:
    reason = getattr(error, "reason", None) or error
    text = " ".join(str(reason).split())[:200] or type(error).__name__
    return WeftError(f"the connection failed: {text}; {where}; run it again to go on from there")
