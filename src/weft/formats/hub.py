"""A model from the public hub: which files it consists of, and bringing all that are missing.

Nothing of the hub's answers is believed before it is checked: names become files only if they are
on our list, and sizes and hashes are verified by `download.py`, which does the transfer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weft.errors import ConfigError, MalformedFileError, WeftError
from weft.formats.download import Connection, RemoteFile, fetch, is_there, missing_bytes
from weft.formats.pulled import full_name, models_folder

DEFAULT_ENDPOINT = "https://huggingface.co"
WHOLE, INDEX, PICKLED = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"
BESIDE: tuple[str, ...] = ("generation_config.json", "special_tokens_map.json")
BESIDE += ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")
BESIDE += ("chat_template.jinja",)
MAX_ANSWER_BYTES = 16 << 20
Report = Callable[[str, int, int], object]  # file, bytes that are here, bytes of it in all

_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}")
_SHARD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,95}\.safetensors")


@dataclass(frozen=True)
class Pulled:
    """A model that has been brought, or was there."""

    folder: Path
    files: tuple[str, ...]
    bytes: int
    fetched_bytes: int


def pull(
    name: str,
    out: Path | None = None,
    *,
    revision: str = "main",
    endpoint: str | None = None,
    report: Report = lambda file, done, size: None,
) -> Pulled:
    """Bring a model into `out`, or its place in `models_folder()`; what is there already stays.

    The host is `endpoint`, else `$WEFT_HUB`, else huggingface.co. config.json comes last, so that
    half a model is not taken for one; what was interrupted goes on where it stopped. Raises
    `ConfigError` for a name that cannot be, `WeftError` for a model that is not there or a
    connection that fails, `MalformedFileError` for an answer or a file that is not what it should
    be.
    """
    full = full_name(name)
    if full is None or not _REVISION.fullmatch(revision) or ".." in revision:
        raise ConfigError(f"not a name of the hub: {name!r:.80}; pull; give OWNER/MODEL, or gpt2")
    connection = Connection(endpoint or os.environ.get("WEFT_HUB") or DEFAULT_ENDPOINT)
    listing = _listing(connection, full, revision)
    folder = models_folder() / full if out is None else out
    folder.mkdir(parents=True, exist_ok=True)

    def url(file: str) -> str:
        return f"/{full}/resolve/{quote(revision, safe='')}/{quote(file)}"

    fetched = 0
    if INDEX in listing and WHOLE not in listing:
        fetched += _fetch_all(connection, folder, [listing[INDEX]], url, report)
    wanted = _wanted(listing, folder, full)
    fetched += _fetch_all(connection, folder, wanted, url, report)
    names = tuple(file.name for file in wanted)
    return Pulled(folder, names, sum(file.size for file in wanted), fetched)


def _fetch_all(
    connection: Connection,
    folder: Path,
    files: list[RemoteFile],
    url: Callable[[str], str],
    report: Report,
) -> int:
    """Bring those that are not there; how many bytes came."""
    needed = [file for file in files if not is_there(folder, file)]
    size = missing_bytes(folder, needed)
    for file in needed:
        fetch(connection, url(file.name), folder, file, report)
    return size


def _listing(connection: Connection, name: str, revision: str) -> Mapping[str, RemoteFile]:
    """The files of a revision by name; what is in folders is left out."""
    path = f"/api/models/{name}/tree/{quote(revision, safe='')}"
    entries = connection.json(path, MAX_ANSWER_BYTES)
    where = connection.endpoint + path
    if not isinstance(entries, list):
        raise MalformedFileError(f"the hub's answer is not a list of files; {where}; try again")
    files: dict[str, RemoteFile] = {}
    for entry in entries:
        file = _remote_file(entry, where)
        if file is None:
            continue
        if file.name in files:
            raise MalformedFileError(f"{file.name!r:.80} is listed twice; {where}; try again")
        files[file.name] = file
    return files


def _remote_file(entry: Any, where: str) -> RemoteFile | None:
    name = entry.get("path") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise MalformedFileError(f"an entry without a path; {where}; try again")
    parts = re.split(r"[/\\]", name)
    if any(part in ("", ".", "..") for part in parts) or not name.isprintable():
        raise MalformedFileError(f"a name that leaves the folder: {name!r:.80}; {where}; stop")
    if entry.get("type") != "file" or len(parts) > 1:
        return None
    large = entry.get("lfs") or {}
    size = entry.get("size")
    hash = large.get("oid") if isinstance(large, dict) and large else entry.get("oid")
    digits = 64 if large else 40
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 46:
        raise MalformedFileError(f"the size of {name!r:.80} is {size!r:.30}; {where}; try again")
    if not isinstance(hash, str) or not re.fullmatch(f"[0-9a-f]{{{digits}}}", hash):
        raise MalformedFileError(f"no hash of {name!r:.80}; {where}; try again")
    return RemoteFile(name, size, hash)


def _wanted(listing: Mapping[str, RemoteFile], folder: Path, name: str) -> list[RemoteFile]:
    """Weights first, config.json last."""
    if "config.json" not in listing:
        raise WeftError(f"this model has no config.json; {name}; choose another one")
    names = [file for file in BESIDE if file in listing]
    if WHOLE in listing:
        names.append(WHOLE)
    elif INDEX in listing:
        names += [INDEX, *_shards(folder)]
    elif PICKLED in listing:
        names.append(PICKLED)
    else:
        raise WeftError(f"this model has no {WHOLE}; {name}; choose another one")
    missing = [file for file in names if file not in listing]
    if missing:
        raise MalformedFileError(f"{missing[0]!r:.80} is not on the hub; {name}; choose another")
    return [listing[file] for file in [*names, "config.json"]]


def _shards(folder: Path) -> list[str]:
    from weft.checkpoint.bounded_json import read_object

    places = read_object(folder / INDEX, MAX_ANSWER_BYTES).get("weight_map")
    names = set(places.values()) if isinstance(places, dict) and _are_names(places) else set()
    wrong = sorted(name for name in names if not _SHARD.fullmatch(name))
    if not names or wrong:
        what = f"names {wrong[0]!r:.80}, no shard" if wrong else "has no weight_map"
        raise MalformedFileError(f"the index {what}; {folder / INDEX}; choose another model")
    return sorted(names)


def _are_names(places: dict[str, Any]) -> bool:
    return all(isinstance(file, str) for file in places.values())
