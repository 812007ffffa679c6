"""Findings on the text: its overlap, its size for the model, its vocabulary, what was learnt."""

import numpy as np
import pytest
from made_runs import decay, found, kinds, record

from weft.data import write_shard

DATA = {"kind": "data", "step": 0, "seconds": 0.0}
HASH = "00" * 32


def run_on(tmp_path, train, val, losses=None, vocabulary=65, best=3.0, **more):
    """A record of a run folder with these ids in its shards."""
    (tmp_path / "data").mkdir()
    for name, ids in (("train", train), ("val", val)):
        write_shard(tmp_path / f"data/{name}.bin", [np.asarray(ids)], vocabulary, HASH)
    losses = decay(100, scale=0.05) if losses is None else losses
    model = {"vocab_size": vocabulary}
    return record(losses, [best + 0.5, best], 50, path=tmp_path, model=model, **more)


def test_text_that_is_in_both_parts():
    run = record(decay(100), events=[{**DATA, "overlap": 0.14}])
    assert "shares 14 % of its 20-grams" in found(run, "overlap").message
    assert found(run, "overlap").severity == "warning"
    resumed = [{**DATA, "overlap": 0.14}, {**DATA, "train_tokens": 10**6}]
    assert "overlap" in kinds(record(decay(100), events=resumed))  # not measured again
    assert "overlap" not in kinds(record(decay(100), events=[{**DATA, "overlap": 0.01}]))


def test_documents_that_are_copies():
    data = {**DATA, "documents": 200, "duplicates": {"exact": 20, "near": 30}}
    assert "25 % of the 200 documents are copies of others (20 exact, 30 near)" in (
        found(record(decay(100), events=[data]), "duplicates").message
    )
    few = {**DATA, "documents": 200, "duplicates": {"exact": 3, "near": None}}
    assert "duplicates" not in kinds(record(decay(100), events=[few]))


def test_a_text_that_is_tiny_for_the_model():
    data = {**DATA, "train_tokens": 1000}
    finding = found(record(decay(100), events=[data]), "tiny-text")
    assert "tokens per weight (1,000 tokens, " in finding.message
    assert "read 13 times" in finding.message and "(62 read it 8 times)" in finding.advice
    once = {**DATA, "train_tokens": 12_800}
    assert "tiny-text" not in kinds(record(decay(100), events=[once]))
    for epochs, says in ((13.0, False), (5.0, True)):  # as often as it was to be read, and more
        run = record(decay(100), events=[data], train_options={"epochs": epochs})
        assert ("tiny-text" in kinds(run)) == says
    unknown = record(decay(100), events=[data], model={"n_layer": "many"})
    assert "tiny-text" not in kinds(unknown)


def test_a_vocabulary_that_is_hardly_used(tmp_path):
    run = run_on(tmp_path, np.arange(5000) % 900, [1, 2, 3], vocabulary=50257)
    finding = found(run, "unused-vocabulary")
    assert "98 % of the vocabulary is never used: 900 of 50,257 tokens" in finding.message
    assert "--vocab-size 450," in finding.advice


def test_frequencies_alone(tmp_path):
    """65 tokens alike give log 65 = 4.17; a validation loss of 4.15 has learnt no order."""
    ids = np.random.default_rng(0).integers(0, 65, 20_000)
    losses = np.linspace(4.3, 4.05, 100)
    run = run_on(tmp_path, ids, ids[:2000], losses, best=4.12)
    finding = found(run, "no-better-than-frequencies")
    assert "(4.12) never went below 4.17" in finding.message


def test_order_that_was_learnt(tmp_path):
    ids = np.random.default_rng(0).integers(0, 65, 20_000)
    assert kinds(run_on(tmp_path, ids, ids[:2000], best=3.0)) == []


@pytest.mark.parametrize("damage", ["short", "elsewhere", "other vocabulary"])
def test_shards_that_cannot_be_counted_are_left_out(tmp_path, damage):
    run = run_on(tmp_path, [1, 2, 3], [1, 2], best=4.17)
    path = tmp_path / "data/val.bin"
    path.unlink()
    if damage == "short":
        path.write_bytes(b"WEFTTOKS short")
    elif damage == "other vocabulary":
        write_shard(path, [np.arange(3)], 7, HASH)
    assert "no-better-than-frequencies" not in kinds(run)
