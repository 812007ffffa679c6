"""Training: `train` and what it is made of. Read loop.py first, then step.py."""

from weft.training.evaluation import Evaluation, evaluate
from weft.training.progress import PlainProgress, Progress, RichProgress, choose_progress
from weft.training.result import TrainResult
from weft.training.run import train

__all__ = [
    "Evaluation",
    "PlainProgress",
    "Progress",
    "RichProgress",
    "TrainResult",
    "choose_progress",
    "evaluate",
    "train",
]
