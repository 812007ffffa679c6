"""Models of the sizes that people have, with random weights: minutes, so among the slow tests."""

# ruff: noqa: E402 (the peers are asked for first)
import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
import their_models as their

from weft.formats.hugging_face_write import write_hugging_face
from weft.inference import load
from weft.inference.loading import build
from weft.inference.tokens import forward

ROTARY = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 6}
ROTARY |= {"num_attention_heads": 16, "num_key_value_heads": 8, "max_position_embeddings": 2048}
CONFIGS = {
    "gpt2 124M": transformers.GPT2Config(),
    "llama": transformers.LlamaConfig(vocab_size=32_000, **ROTARY),
    "qwen3": transformers.Qwen3Config(vocab_size=50_000, tie_word_embeddings=True, **ROTARY),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONFIGS)
def test_logits_and_greedy_ids_there_and_back(kind, tmp_path):
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(CONFIGS[kind]).eval()
    theirs.generation_config.eos_token_id = None
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size="200MB")
    loaded = load(tmp_path / "theirs")
    tokens = np.random.default_rng(0).integers(0, loaded.config.vocab_size, (1, 200))
    expected = their.logits(theirs, tokens)
    found = forward(build(loaded.config, loaded.weights), tokens, None, None)
    assert np.abs(found - expected).max() <= 2e-4 * np.abs(expected).max()
    assert (found.argmax(-1) == expected.argmax(-1)).all()
    sequence, new, ids = loaded.decoder.start(60), tokens[0, :20].tolist(), []
    for _ in range(40):
        new = [int(loaded.decoder.read([sequence], [new])[0].argmax())]
        ids += new
    assert ids == their.greedy(theirs, tokens[0, :20].tolist(), 40)
    write_hugging_face(tmp_path / "ours", loaded.config, loaded.weights, None)
    del theirs, loaded, found
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    np.testing.assert_array_equal(their.logits(again, tokens), expected)
