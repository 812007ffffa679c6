"""What quantisation costs a trained model: its perplexity with the integers' values as weights."""

from __future__ import annotations

import pytest

from weft.autograd import Tensor
from weft.cli.main import main
from weft.data.shards import TokenShard
from weft.formats.quantized import quantize_weights, read_quantized
from weft.inference import load
from weft.inference.evaluation import evaluate_arrays


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_perplexity_of_a_trained_model(tmp_path, arch):
    run = str(tmp_path / "run")
    options = {"n-layer": 2, "n-head": 3, "n-embd": 192, "block-size": 96, "batch-size": 8,
               "steps": 600, "tokenizer": "bpe", "vocab-size": 1024, "seed": 3}  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    assert main(["train", "stories", "--out", run, "--arch", arch, *words]) == 0
    loaded = load(run)
    weights = {name: tensor.array for name, tensor in loaded.model.state_dict().items()}
    unseen = TokenShard.open(f"{run}/data/val.bin").tokens[:50_000]
    exact = evaluate_arrays(loaded, [unseen]).perplexity
    assert exact < 20  # of 1,024 tokens: it has learnt something
    for kind, bound in (("int8", 1.005), ("int4", 1.03)):
        values = read_quantized(quantize_weights(weights, kind), "here")
        for name, parameter in loaded.model.named_parameters():
            parameter.data = Tensor(values[name])
        cost = evaluate_arrays(loaded, [unseen]).perplexity / exact
        print(f"{arch} {kind}: {cost:.5f} of {exact:.3f}")
        assert 1 / bound < cost < bound
