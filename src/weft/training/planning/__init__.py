"""What a run with --minutes chooses. Read rules.py first, then plan.py and planner.py."""

from weft.training.planning.plan import Choice, Plan, plan_model, plan_tokenizer
from weft.training.planning.planner import Planner
from weft.training.planning.timing import MadeUpStep, step_seconds

__all__ = [
    "Choice",
    "MadeUpStep",
    "Plan",
    "Planner",
    "plan_model",
    "plan_tokenizer",
    "step_seconds",
]
