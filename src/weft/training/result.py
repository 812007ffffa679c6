"""What a run comes to: the object that `weft train --json` prints."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TrainResult:
    """Figures of a whole run, over all its resumptions."""

    steps: int
    """Optimiser steps."""
    tokens: int
    """Training tokens seen."""
    seconds: float
    """Wall time from the first look at DATA to the last evaluation."""
    train_loss: float
    """Mean of the last 100 logged steps."""
    val_loss: float
    """Of the last weights, on the validation split, in windows that do not overlap."""
    best_val_loss: float
    """Of the best checkpoint, on the same; the best was chosen on the batches used on the way."""
    val_tokens: int
    """Validation targets that were read: all of them, or as many as a run by the clock has time
    for, spread evenly."""
    tokens_per_second: float
    """Of training steps alone, in this process; 0 where there were none."""
    checkpoint: str
    """Folder of the last checkpoint."""
    old_val_loss_before: float | None = None
    """Of a run that goes on from another: on that one's validation text, before the first step."""
    old_val_loss_after: float | None = None
    """On the same, of the best checkpoint: how much was forgotten."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the old text's losses only where they are known."""
        values = dataclasses.asdict(self)
        old = ("old_val_loss_before", "old_val_loss_after")
        return {n: value for n, value in values.items() if n not in old or value is not None}
