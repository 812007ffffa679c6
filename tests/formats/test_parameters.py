"""The table of names and shapes is that of the model."""

import pytest

from weft.config import ModelConfig
from weft.formats.parameters import parameter_shapes
from weft.models import GPT


@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": True},
        {"bias": False, "tie_embeddings": False},
        {"positions": "alibi", "n_expert": 3, "bias": True},
        {"positions": "learned", "window": 2},
    ],
)
def test_they_are_the_models(arch, options):
    config = ModelConfig(
        arch=arch, vocab_size=7, block_size=3, n_layer=2, n_head=2, n_embd=8, **options
    )
    shapes = {name: tensor.shape for name, tensor in GPT(config).state_dict().items()}
    assert list(parameter_shapes(config)) == list(shapes)
    assert parameter_shapes(config) == shapes
