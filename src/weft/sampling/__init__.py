"""From logits to the next token: pure functions on arrays of logits (N, V), no state.

Each filter returns new logits in which what it removes is minus infinity, so filters compose in any
order. `Sampling` fixes one, that of the transformers library: what may come at all (a constraint),
logit bias, the penalties, banned words, temperature, top-k, top-p, min-p, typical; then one draw
by inverting the cumulative distribution. Not here: the loop over tokens (`weft.inference`).
"""

from weft.sampling.choice import Sampling, checked, sample
from weft.sampling.distribution import UniformSource, draw, log_probabilities, probabilities
from weft.sampling.filters import (
    apply_temperature,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
)
from weft.sampling.greedy import greedy_rows
from weft.sampling.penalties import (
    add_bias,
    ban_words,
    keep_allowed,
    penalise_frequency,
    penalise_presence,
    penalise_repetition,
)
from weft.sampling.trace import Stage, explain

__all__ = [
    "Sampling",
    "Stage",
    "UniformSource",
    "add_bias",
    "apply_temperature",
    "ban_words",
    "checked",
    "draw",
    "explain",
    "greedy_rows",
    "keep_allowed",
    "keep_min_p",
    "keep_top_k",
    "keep_top_p",
    "keep_typical",
    "log_probabilities",
    "penalise_frequency",
    "penalise_presence",
    "penalise_repetition",
    "probabilities",
    "sample",
]
