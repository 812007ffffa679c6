"""The run folder and its checkpoints: saved so that no crash loses both the old and the new one."""

from typing import TYPE_CHECKING

from weft.lazy import on_first_use

if TYPE_CHECKING:
    from weft.checkpoint.folder import RunFolder
    from weft.checkpoint.load import (
        Checkpoint,
        best_checkpoint,
        latest_checkpoint,
        load_checkpoint,
        verify,
    )
    from weft.checkpoint.save import prune, save_checkpoint
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "folder": "RunFolder",
            "load": "Checkpoint best_checkpoint latest_checkpoint load_checkpoint verify",
            "save": "prune save_checkpoint",
        },
    )

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
