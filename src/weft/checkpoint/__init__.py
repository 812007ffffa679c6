"""The run folder and its checkpoints: saved so that no crash loses both the old and the new one."""

from weft.checkpoint.folder import RunFolder
from weft.checkpoint.load import (
    Checkpoint,
    best_checkpoint,
    latest_checkpoint,
    load_checkpoint,
    verify,
)
from weft.checkpoint.save import prune, save_checkpoint

__all__ = [
    "Checkpoint",
    "RunFolder",
    "best_checkpoint",
    "latest_checkpoint",
    "load_checkpoint",
    "prune",
    "save_checkpoint",
    "verify",
]
