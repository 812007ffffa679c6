"""Saving a checkpoint so that a crash at any instant leaves the old one or the new one.

Everything goes into a temporary folder and is made durable; the manifest, written last, says what
must be there; one rename gives the folder its name; only when that is durable are old ones pruned.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.checkpoint import durable, tensors
from weft.checkpoint.folder import RunFolder
from weft.checkpoint.load import FORMAT, MANIFEST, by_loss, read_manifest, verify
from weft.errors import CheckpointError

logger = logging.getLogger("weft")
KEPT_LATEST = 2


def save_checkpoint(
    run: RunFolder,
    step: int,
    *,
    config: Mapping[str, Any],
    tokenizer_json: str,
    model: Mapping[str, tensors.Array],
    optimizer: Mapping[str, tensors.Array],
    state: Mapping[str, Any],
) -> Path:
    """Save one checkpoint and prune the others; returns its folder.

    `config` (the model's) and `state` are plain values for JSON; the lowest `state["val_loss"]`
    marks the best checkpoint. When the disk is full or fails: `WeftError`, and the old checkpoints
    are as they were. A step that is saved already with the same contents is left as it is.
    """
    files = {
        "config.json": [_json(config)],
        "tokenizer.json": [tokenizer_json.encode()],
        "state.json": [_json({"step": step, **state})],
        "model.safetensors": tensors.encode(model),
        "optimizer.safetensors": tensors.encode(optimizer),
    }
    size = tensors.encoded_size(model) + tensors.encoded_size(optimizer) + len(tokenizer_json) * 4
    target = run.checkpoint_path(step)
    temporary = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    with durable.one_line_errors("save the checkpoint", target):
        durable.check_space(run.checkpoints_path, size)
        try:
            manifest = _write(temporary, step, files)
            _publish(temporary, target, manifest)
        except BaseException:
            _remove_quietly(temporary)
            raise
        durable.sync_folder(run.checkpoints_path)
    verify(target)
    prune(run)
    return target


def prune(run: RunFolder) -> None:
    """Remove all checkpoints but the latest two and the best one. A failure is a warning.

    The latest is verified before anything goes; when it is bad, nothing is removed. The one before
    it is what remains if it is damaged later.
    """
    steps = run.checkpoints()
    try:
        if steps:
            verify(run.checkpoint_path(steps[-1]))
        kept = {*steps[-KEPT_LATEST:], *by_loss(run)[:1]}
        for step in steps:
            if step not in kept:
                _discard(run.checkpoint_path(step))
    except (CheckpointError, OSError) as error:
        logger.warning("warning: old checkpoints stay: %s; %s", error, run.checkpoints_path)


def _write(folder: Path, step: int, files: Mapping[str, Any]) -> dict[str, Any]:
    durable.make_folder(folder)
    entries = {name: durable.write_file(folder / name, chunks) for name, chunks in files.items()}
    manifest = {"format": FORMAT, "step": step, "files": entries}
    durable.write_file(folder / MANIFEST, [_json(manifest)])
    durable.sync_folder(folder)
    return manifest


def _publish(temporary: Path, target: Path, manifest: dict[str, Any]) -> None:
    if target.exists():
        if _is_good(target):
            if read_manifest(target) != manifest:
                raise CheckpointError(
                    f"this step is saved already with other contents; {target}; "
                    "save another step, or remove that folder first"
                )
            durable.remove_folder(temporary)
            return
        _discard(target)  # it does not verify: nothing is lost
    durable.rename(temporary, target)


def _is_good(folder: Path) -> bool:
    try:
        verify(folder)
    except CheckpointError:
        return False
    return True


def _discard(folder: Path) -> None:
    """Remove a checkpoint; renamed first, so that a crash half-way leaves no bad checkpoint."""
    trash = folder.with_name(f"{folder.name}.tmp-0")
    if trash.exists():
        durable.remove_folder(trash)
    durable.rename(folder, trash)
    durable.remove_folder(trash)


def _remove_quietly(folder: Path) -> None:
    try:
        if folder.exists():
            durable.remove_folder(folder)
    except OSError as error:
        logger.warning("warning: cannot remove: %s; %s; remove it by hand", error.strerror, folder)


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
