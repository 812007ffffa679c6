"""Which checkpoint a path means, and one clear line for each one that cannot be used."""

import logging

import numpy as np
import pytest
from tiny_model import save_run, tiny

import weft
from weft.checkpoint import RunFolder, save_checkpoint
from weft.config import to_dict
from weft.errors import CheckpointError, ConfigError, MalformedFileError, WeftError
from weft.formats.quantized import quantize_weights
from weft.inference import load
from weft.inference.tokens import forward

TOKENS = np.array([[1, 2, 3, 4]])


def test_a_run_folder_means_its_best_checkpoint(run_folder):
    assert load(run_folder).step == 200
    assert load(run_folder, checkpoint="latest").step == 300
    assert load(run_folder / "checkpoints" / "step-00000300").step == 300
    assert weft.load(run_folder).config.n_layer == 2


def test_the_weights_are_those_that_were_saved(tmp_path):
    loaded = tiny()
    found = load(save_run(tmp_path / "run", loaded).path)
    for name, parameter in loaded.model.named_parameters():
        np.testing.assert_array_equal(
            found.model.get_parameter(name).array, parameter.array + np.float32(0.01)
        )
    assert found.tokenizer.hash == loaded.tokenizer.hash
    assert not found.model.training
    assert len(found.generate("once", max_tokens=5)) == 5


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
@pytest.mark.parametrize("tie", [True, False])
def test_bfloat16_rounds_the_matrices_once_and_the_logits_stay_close(tmp_path, arch, tie):
    path = save_run(tmp_path / "run", tiny(arch, tie_embeddings=tie)).path
    exact, rounded = load(path), load(path, precision="bfloat16")
    assert rounded.model.blocks[0].feed_forward.up.weight.dtype == weft.bfloat16
    assert rounded.model.norm.weight.dtype == weft.float32
    a = forward(exact.model, TOKENS, None, exact.dtype)
    b = forward(rounded.model, TOKENS, None, rounded.dtype).astype(np.float32)
    assert abs(a - b).max() < 0.05 * abs(a).max()
    assert (a != b).any()


def test_loading_draws_no_random_number(run_folder):
    weft.manual_seed(3)
    expected = weft.rand(2).tolist()
    weft.manual_seed(3)
    load(run_folder).generate("once", seed=1)
    assert weft.rand(2).tolist() == expected


def test_a_mistyped_name_names_the_nearest(run_folder):
    with pytest.raises(WeftError, match=r"no such folder; .*tinny; did you mean .*tiny\?"):
        load(run_folder.with_name("tinny"))
    with pytest.raises(ConfigError, match="no model given"):
        load("")
    with pytest.raises(WeftError, match="check the path"):
        load(run_folder / "no" / "where")


def test_a_file_and_an_empty_folder_are_no_model(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(MalformedFileError, match="not a model that weft can read"):
        load(tmp_path / "model.bin")
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        load(tmp_path)


def test_a_damaged_best_checkpoint_is_skipped_with_a_warning(run_folder, caplog):
    weights = run_folder / "checkpoints" / "step-00000200" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING, "weft"):
        assert load(run_folder).step == 300
    assert "step-00000200" in caplog.text


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing", "manifest"])
def test_a_damaged_checkpoint_is_refused(run_folder, damage):
    folder = run_folder / "checkpoints" / "step-00000300"
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    if damage == "truncated":
        weights.write_bytes(data[: len(data) // 2])
    elif damage == "altered":
        data[-5] ^= 1
        weights.write_bytes(data)
    elif damage == "missing":
        weights.unlink()
    else:
        (folder / "MANIFEST.json").unlink()
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert "step-00000300" in str(caught.value) and "\n" not in str(caught.value)


def test_weights_that_do_not_fit_the_configuration(tmp_path):
    loaded = tiny()
    object.__setattr__(loaded.config, "n_layer", 3)
    with pytest.raises(CheckpointError, match=r"do not fit.*missing blocks\.2"):
        load(save_run(tmp_path / "run", loaded).path)


def test_a_vocabulary_larger_than_the_models(tmp_path):
    loaded = tiny()
    loaded.tokenizer = type(loaded.tokenizer).train(["abcdefghijklmnopqrstuvwxyz\n ABCDEFG"])
    with pytest.raises(CheckpointError, match="the tokenizer has 35 tokens, the model 28"):
        load(save_run(tmp_path / "run", loaded).path)


def test_wrong_options(run_folder):
    with pytest.raises(ConfigError, match="choose best or latest"):
        load(run_folder, checkpoint="last")
    with pytest.raises(ConfigError, match="choose one of auto, float32"):
        load(run_folder, precision="int3")


def test_the_precision_of_the_cache(run_folder):
    text = load(run_folder).generate("hello", temperature=0, max_tokens=8)
    for cache in ("float32", "bfloat16", "int8"):
        loaded = load(run_folder, cache=cache)
        assert loaded.decoder.start().keys.dtype == cache
        assert loaded.generate("hello", temperature=0, max_tokens=8) == text
    with pytest.raises(ConfigError, match="unknown cache 'int4'; load; choose float32, bf"):
        load(run_folder, cache="int4")


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_quantised_on_loading_as_by_convert(tmp_path, kind):
    """The same bits whether the file holds the integers or loading makes them; "auto" knows."""
    original = tiny("llama", n_kv_head=1, n_embd=32, intermediate_size=64)
    whole = save_run(tmp_path / "whole", original).path
    rounded = load(whole, precision=kind)
    assert rounded.precision == kind
    assert load(whole).precision == "float32"
    arrays = quantize_weights(load(whole).weights, kind)
    run = RunFolder(tmp_path / "stored")
    run.create()
    save_checkpoint(
        run,
        1,
        config=to_dict(original.config),
        tokenizer_json=original.tokenizer.to_json(),
        model=arrays,
        optimizer={},
        state={},
    )
    stored = load(run.path)
    assert stored.precision == kind
    ids = [1, 5, 9, 2]
    a, b = (m.decoder.read([m.decoder.start()], [ids]) for m in (rounded, stored))
    assert np.array_equal(a, b)
    assert np.array_equal(rounded.model(np.array([ids])).array, stored.model(np.array([ids])).array)
