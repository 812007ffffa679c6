"""Loading a checkpoint: nothing is believed before its manifest has been checked."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.checkpoint import tensors
from weft.checkpoint.bounded_json import read_bytes, read_object
from weft.checkpoint.folder import STEP_NAME, RunFolder
from weft.errors import CheckpointError

logger = logging.getLogger("weft")
FORMAT = 1  # of the checkpoint folder; a newer one is refused
MANIFEST = "MANIFEST.json"
FILES = (
    "config.json",
    "tokenizer.json",
    "state.json",
    "model.safetensors",
    "optimizer.safetensors",
)
MAX_TOKENIZER_BYTES = 256 << 20


@dataclass(frozen=True)
class Checkpoint:
    """All that one checkpoint folder holds. The arrays are read-only views of the mapped files."""

    config: dict[str, Any]
    tokenizer_json: str
    model: dict[str, tensors.Array]
    optimizer: dict[str, tensors.Array]
    state: dict[str, Any]
    step: int
    path: Path


def load_checkpoint(folder: str | Path, *, optimizer: bool = True) -> Checkpoint:
    """Load and verify one checkpoint folder. Raises `CheckpointError` that names the bad file.

    `optimizer=False` neither checks nor reads the optimizer's file: inference has no use for it.
    """
    folder = Path(folder)
    names = FILES if optimizer else FILES[:-1]
    manifest = verify(folder, names)
    return Checkpoint(
        config=read_object(folder / "config.json"),
        tokenizer_json=_text(folder / "tokenizer.json"),
        model=tensors.read(folder / "model.safetensors"),
        optimizer=tensors.read(folder / "optimizer.safetensors") if optimizer else {},
        state=read_state(folder),
        step=int(manifest["step"]),
        path=folder,
    )


def verify(folder: Path, names: Iterable[str] = FILES) -> dict[str, Any]:
    """Check sizes and sha256 of `names` against the manifest, and return it."""
    manifest = read_manifest(folder)
    for name in names:
        entry = manifest["files"].get(name)
        if not isinstance(entry, dict):
            raise _bad(f"the manifest does not list {name}", folder)
        data = tensors.map_file(folder / name)
        if data.size != entry.get("size"):
            raise _bad(f"{data.size:,} bytes, not {entry.get('size')!r:.20}", folder / name)
        if hashlib.sha256(data.data).hexdigest() != entry.get("sha256"):
            raise _bad("altered: its sha256 is not the manifest's", folder / name)
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, of a format and step that fit. Names in it are never used as paths."""
    path = folder / MANIFEST
    manifest = read_object(path)
    _check_format(manifest, path)
    match = STEP_NAME.fullmatch(folder.resolve().name)
    if match and manifest.get("step") != int(match[1]):
        raise _bad(f"it is of step {manifest.get('step')!r:.20}", path)
    if not isinstance(manifest.get("files"), dict) or not isinstance(manifest.get("step"), int):
        raise _bad("no list of files", path)
    return manifest


def _check_format(values: dict[str, Any], path: Path) -> None:
    """Refuse what a newer release has written."""
    version = values.get("format")
    if not isinstance(version, int) or version < 1:
        raise _bad("it has no format version", path)
    if version > FORMAT:
        raise CheckpointError(
            f"checkpoint format {version} is newer than {FORMAT}; {path}; use a newer weft"
        )


def read_state(folder: Path) -> dict[str, Any]:
    """state.json: step, losses and counters."""
    return read_object(folder / "state.json")


def latest_checkpoint(run: RunFolder, *, optimizer: bool = True) -> Checkpoint | None:
    """The checkpoint of the highest step that verifies; a bad one is skipped with a warning.

    None in a folder without any; `CheckpointError` when there are some and all are bad.
    """
    return _first_good(run, run.checkpoints()[::-1], optimizer)


def best_checkpoint(run: RunFolder, *, optimizer: bool = True) -> Checkpoint | None:
    """The checkpoint with the lowest validation loss, else the latest; bad ones are skipped."""
    return _first_good(run, by_loss(run), optimizer)


def by_loss(run: RunFolder) -> list[int]:
    """Steps from the lowest validation loss up, the earlier of equals first; then the others."""
    ranked = []
    for step in run.checkpoints():
        loss = _val_loss(run.checkpoint_path(step))
        ranked.append((loss, step) if loss is not None else (math.inf, -step))
    return [abs(step) for _, step in sorted(ranked)]


def _val_loss(folder: Path) -> float | None:
    try:
        loss = read_state(folder).get("val_loss")
    except CheckpointError:
        return None
    return float(loss) if isinstance(loss, int | float) else None


def _first_good(run: RunFolder, steps: list[int], optimizer: bool) -> Checkpoint | None:
    errors = []
    for step in steps:
        try:
            return load_checkpoint(run.checkpoint_path(step), optimizer=optimizer)
        except CheckpointError as error:
            errors.append(error)
            logger.warning("warning: checkpoint skipped: %s", error)
    if errors:
        raise CheckpointError(
            f"none of {len(errors)} checkpoints can be read; {run.checkpoints_path}; "
            "start again in another --out, or restore the folder from a copy"
        )
    return None


def _text(path: Path) -> str:
    try:
        return read_bytes(path, MAX_TOKENIZER_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("it is not UTF-8", path) from error


def _bad(what: str, where: Path) -> CheckpointError:
    return CheckpointError(f"{what}; {where}; the checkpoint is damaged: use another one")
