"""A model with any switch generates as it was trained: cached logits are those of the model."""

import numpy as np
import pytest
from tiny_model import save_run, tiny

import weft
from weft.config import ModelConfig
from weft.inference import load
from weft.inference.packed_decoder import PackedDecoder
from weft.kernels import active

EXPERTS = {"n_expert": 4, "n_expert_used": 2}
DEFINED = {  # what the native decoder does not know
    "window": {"window": 5},
    "alibi": {"positions": "alibi"},
    "relu2": {"activation": "relu2"},
    "experts": EXPERTS,
    "capacity": {**EXPERTS, "expert_capacity": 0.5},
    "llama": {"arch": "llama", "positions": "alibi", "window": 3, **EXPERTS},
}
NATIVE = {"sinusoidal": {"positions": "sinusoidal"}, "rotary": {"positions": "rotary"}}
IDS = np.random.default_rng(0).integers(0, 28, 14)


@weft.no_grad()
@pytest.mark.parametrize("options", [*DEFINED.values(), *NATIVE.values()], ids=[*DEFINED, *NATIVE])
def test_cached_logits_are_the_models(tmp_path, options):
    loaded = load(save_run(tmp_path / "run", tiny(**options)).path)
    decoder = loaded.decoder
    native = active.native is not None and options in NATIVE.values()
    assert isinstance(decoder, PackedDecoder) == native
    whole = loaded.model(IDS[None]).array[0]
    sequence, parts = decoder.start(), []
    for cut in (IDS[:6], IDS[6:7], IDS[7:12], IDS[12:]):
        parts += decoder.read_all([sequence], [cut.tolist()])
    # Sums of up to 64 terms, in two layers, in another order.
    bound = 128 * np.finfo(np.float32).eps * np.abs(whole).max()
    assert np.abs(np.concatenate(parts) - whole).max() <= bound


@pytest.mark.parametrize("precision", ["bfloat16", "int8", "int4"])
def test_every_precision_reads_experts(tmp_path, precision):
    path = save_run(tmp_path / "run", tiny(n_embd=32, **EXPERTS)).path
    loaded = load(path, precision=precision)
    assert len(loaded.generate("once", max_tokens=5, temperature=0)) == 5
    names = [name for name in loaded.weights if name.endswith("router.weight")]
    exact = load(path).weights
    for name in names:  # what decides where a token goes is not rounded
        np.testing.assert_array_equal(loaded.weights[name], exact[name])
    router = loaded.model.blocks[0].feed_forward.router.weight
    assert len(names) == 2 and router.dtype == np.float32


@pytest.mark.skipif(active.native is None, reason="there is no native decoder")
def test_what_runs_natively():
    for options in NATIVE.values():
        assert PackedDecoder.runs(ModelConfig(vocab_size=5, **options))
    for options in DEFINED.values():
        assert not PackedDecoder.runs(ModelConfig(vocab_size=5, **options))
