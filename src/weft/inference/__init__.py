"""Using a trained model: load it, continue a text with it, measure it on a text."""

from weft.inference.evaluation import Score, evaluate_arrays, evaluate_text
from weft.inference.generation import LoadedModel
from weft.inference.loading import load
from weft.inference.text import Generation
from weft.inference.tokens import Continuation

__all__ = [
    "Continuation",
    "Generation",
    "LoadedModel",
    "Score",
    "evaluate_arrays",
    "evaluate_text",
    "load",
]
