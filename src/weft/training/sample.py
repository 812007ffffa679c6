"""A few lines of text from the model in training, to see what it has learnt so far.

As short as it can be; `weft.inference` has prompts, streams and stops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.autograd import no_grad
from weft.random import Generator
from weft.sampling import Sampling, sample
from weft.training.precision import computing_in


def sample_text(
    model: Any, tokenizer: Any, length: int, block_size: int, seed: int, dtype: Any = None
) -> str:
    """`length` tokens at temperature 0.8; the same ones for the same weights and seed.

    When the context is full, its last half is read again into an empty cache.
    """
    generator, training = Generator(seed), model.training
    ids, state = [_first_token(tokenizer)], None
    model.eval()
    with no_grad(), computing_in(dtype):
        while len(ids) <= length:
            if state is None or state.full:
                state, new = model.start(1), ids[-max(1, block_size // 2) :]
            else:
                new = ids[-1:]
            logits = np.asarray(model(np.array([new]), state).array)[:, -1]  # (1, V)
            ids.append(int(sample(logits, generator, Sampling())[0]))
    model.train(training)
    return _decoded(tokenizer, ids[1:])


def _decoded(tokenizer: Any, ids: list[int]) -> str:
    """The text of some ids, with a blank line where a document ends."""
    ends = [i for i, id in enumerate(ids) if id == tokenizer.end_of_text]
    begins = [0, *(i + 1 for i in ends)]
    spans = zip(begins, [*ends, len(ids)], strict=True)
    return "\n\n".join(str(tokenizer.decode(ids[begin:end])) for begin, end in spans)


def _first_token(tokenizer: Any) -> int:
    """The end of the text before, else the token of a line's end, else any."""
    if tokenizer.end_of_text is not None:
        return int(tokenizer.end_of_text)
    tokens = range(tokenizer.vocab_size)
    return next((i for i in tokens if tokenizer.token_bytes(i) == b"\n"), 0)
