"""The decoder: together or alone, at once or in pieces, the same logits."""

import numpy as np
import pytest
from tiny_model import tiny

from weft.inference.decoder import Decoder


@pytest.fixture(params=["gpt2", "llama", "qwen3"])
def loaded(request):
    return tiny(request.param, block_size=32)


def test_a_batch_gives_what_each_sequence_gives_alone(loaded):
    decoder = Decoder(loaded.model)
    prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10]]
    together = [decoder.start() for _ in prompts]
    for step in range(3):
        new = prompts if step == 0 else [[step], [step + 1], [step + 2]]
        logits = decoder.read(together, new)
        for i in range(len(prompts)):
            alone = decoder.start()
            before = [*prompts[i], *[s + i for s in range(1, step)]]
            if step:
                decoder.read([alone], [prompts[i]])
                for token in before[len(prompts[i]) :]:
                    decoder.read([alone], [[token]])
            assert np.array_equal(decoder.read([alone], [new[i]])[0], logits[i])
    assert [state.position for state in together] == [5, 3, 8]


def test_taking_back_and_branching(loaded):
    decoder = Decoder(loaded.model)
    state = decoder.start(8)
    first = decoder.read_all([state], [[1, 2, 3, 4]])[0]
    assert first.shape == (4, loaded.config.vocab_size)
    state.position = 3
    branch = state.copy()
    assert np.allclose(decoder.read([branch], [[4]])[0], first[3], atol=1e-4)
    decoder.read([state], [[9]])
    branch.position = 3
    assert np.allclose(decoder.read([branch], [[4]])[0], first[3], atol=1e-4)


def test_no_room(loaded):
    with pytest.raises(ValueError, match="5 tokens do not fit into 4"):
        decoder = Decoder(loaded.model)
        decoder.read([decoder.start(4)], [[1, 2, 3, 4, 5]])
