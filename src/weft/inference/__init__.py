"""Using a trained model: load it, continue a text with it, measure it on a text."""

from typing import TYPE_CHECKING

from weft.lazy import on_first_use

if TYPE_CHECKING:
    from weft.inference.evaluation import Score, evaluate_arrays, evaluate_corpus, evaluate_text
    from weft.inference.generation import LoadedModel
    from weft.inference.loading import load
    from weft.inference.text import Generation
    from weft.inference.tokens import Continuation
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "evaluation": "Score evaluate_arrays evaluate_corpus evaluate_text",
            "generation": "LoadedModel",
            "loading": "load",
            "text": "Generation",
            "tokens": "Continuation",
        },
    )

__all__ = [
    "Continuation",
    "Generation",
    "LoadedModel",
    "Score",
    "evaluate_arrays",
    "evaluate_corpus",
    "evaluate_text",
    "load",
]
