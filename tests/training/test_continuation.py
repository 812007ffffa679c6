"""A run that goes on from another: its model and tokenizer, what is new, what is forgotten."""

import json
import os
import signal

import numpy as np
import pytest

from weft.checkpoint import RunFolder, latest_checkpoint
from weft.config import read_toml
from weft.errors import CheckpointError, ConfigError, DataError, MalformedFileError
from weft.runlog import read_events
from weft.training import Progress
from weft.training.session import Session

# Options of a tiny run that one which goes on has from the other.
RUN_ONLY = ("n_layer", "n_head", "n_embd", "block_size", "batch_size")


class Listening(Progress):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def other(tmp_path):
    """Other words of the same letters."""
    path = tmp_path / "other.txt"
    path.write_text("no man has ever seen the hen that sat on a hat.\n" * 60)
    return path


@pytest.fixture
def more(quick, other, tmp_path):
    """`more("new", **options)` goes on from the run `old` on the other text."""

    def run(name="new", **options):
        return quick(
            name,
            **{
                **dict.fromkeys(RUN_ONLY),
                "data": other,
                "init_from": str(tmp_path / "old"),
                **options,
            },
        )

    return run


def contents(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_comes_from_the_other_run_and_what_is_new(quick, more, tmp_path):
    quick("old", learning_rate=6e-3, batch_size=3, grad_clip=0.5)
    before = contents(tmp_path / "old")
    heard = Listening()
    result = more(progress=heard, learning_rate=None)
    assert contents(tmp_path / "old") == before
    stored, old = (read_toml(tmp_path / name / "config.toml") for name in ("new", "old"))
    assert stored["model"] == old["model"]
    assert (stored["train"]["batch_size"], stored["train"]["grad_clip"]) == (3, 0.5)
    assert stored["train"]["learning_rate"] == pytest.approx(2e-3)
    assert stored["train"]["warmup_steps"] == 2
    assert stored["from"]["path"] == str(tmp_path / "old")
    tokenizers = [(tmp_path / name / "data/tokenizer.json").read_bytes() for name in ("new", "old")]
    assert tokenizers[0] == tokenizers[1]
    assert stored["from"]["val_loss"] == result.old_val_loss_before
    assert any("loss on" in text and "before:" in text for text in heard.messages)
    end = read_events(tmp_path / "new/events.jsonl")[-1]
    assert end["kind"] == "end"
    assert end["result"]["old_val_loss_after"] == result.old_val_loss_after


def test_it_begins_where_the_other_one_ended(quick, more):
    """Before: the loss that the best checkpoint of the other run has. After: more, of old words."""
    old = quick("old", steps=60, learning_rate=1e-2)
    heard = Listening()
    result = more(steps=60, learning_rate=1e-2, progress=heard)
    assert result.old_val_loss_before == pytest.approx(old.best_val_loss, rel=1e-6)
    assert result.old_val_loss_after > result.old_val_loss_before + 0.1
    assert heard.messages[-1].startswith(f"forgotten: {result.old_val_loss_before:.4f} -> ")
    assert "old_val_loss_before" not in old.to_dict()
    assert result.to_dict()["old_val_loss_after"] == result.old_val_loss_after


@pytest.mark.parametrize("family", ["gpt", "lstm", "mlp"])
def test_resuming_it_is_exact(quick, more, same_bits, crash, tmp_path, family):
    options = {"model": family} | ({} if family == "gpt" else {"n_head": None})
    quick("old", steps=10, **options)
    whole = more("whole")
    for at in (3, 13):  # before the first checkpoint, and after the second
        name = f"cut-{at}"
        with pytest.raises(crash[0]):
            more(name, progress=crash[1](at))
        again = quick(name, resume=True)
        same_bits("whole", name)
        assert again.old_val_loss_before == whole.old_val_loss_before
        assert again.old_val_loss_after == whole.old_val_loss_after


def test_by_the_clock_the_architecture_stays(quick, more, tmp_path):
    quick("old", steps=10)
    result = more(steps=None, minutes=0.03, eval_interval=None)
    assert read_toml(tmp_path / "new/config.toml")["model"]["n_embd"] == 16
    assert result.steps >= 1 and result.old_val_loss_after is not None
    choices = {
        c["name"]: c for c in json.loads((tmp_path / "new/plan.json").read_text())["choices"]
    }
    assert all(choices[name]["given"] for name in ("n_embd", "n_layer", "tokenizer", "block_size"))


def test_a_checkpoint_folder_will_do(quick, more, tmp_path):
    quick("old")
    place = tmp_path / "old/checkpoints/step-00000020"
    assert more(init_from=str(place)).old_val_loss_before is not None
    alone = tmp_path / "alone"
    place.rename(alone)  # without its run: nothing to measure what is forgotten by
    heard = Listening()
    assert more("two", init_from=str(alone), progress=heard).old_val_loss_before is None
    assert any("not measured" in text for text in heard.messages)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_embd": 32}, ConfigError, r"n_embd 16 is now 32; .* without --from"),
        ({"arch": "llama"}, ConfigError, "arch gpt2 is now llama"),
        ({"model": "lstm"}, ConfigError, "model gpt is now lstm"),
        ({"tokenizer": "bpe"}, ConfigError, "come from the other run: tokenizer bpe"),
        ({"init_from": "nowhere"}, CheckpointError, "no checkpoint to go on from; nowhere"),
    ],
)
def test_what_cannot_be_is_refused(quick, more, tmp_path, options, error, words):
    quick("old", steps=5, arch="gpt2")
    with pytest.raises(error, match=words):
        more(**options)
    assert not (tmp_path / "new/config.toml").exists()
    more(dropout=0.2, steps=5)  # no weight depends on it


def test_unknown_characters_are_named(quick, more, other):
    quick("old", steps=5)
    other.write_text("Zoë went to the zoo. " * 100)
    with pytest.raises(
        DataError, match=r"unknown characters 'Z' \(U\+005A\), .*'\\xeb' \(U\+00EB\)"
    ):
        more()


def test_an_ngram_model_is_refused(quick, more, tmp_path):
    names = dict.fromkeys(("steps", "precision", "sample_tokens", "eval_batches", "eval_interval"))
    quick("old", model="ngram", **names, **dict.fromkeys(RUN_ONLY))
    with pytest.raises(ConfigError, match="counted, not trained on"):
        more()


def test_resuming_from_something_else_is_refused(quick, more, tmp_path):
    quick("old", steps=5)
    quick("another", steps=5)
    more(steps=5)
    with pytest.raises(ConfigError, match=r"began from .*old, not from .*another"):
        quick("new", resume=True, steps=9, init_from=str(tmp_path / "another"))
    with pytest.raises(ConfigError, match="did not begin from a model"):
        quick("old", resume=True, steps=9, init_from=str(tmp_path / "another"))
    quick("new", resume=True, steps=9, init_from=str(tmp_path / "old"))
    assert latest_checkpoint(RunFolder(tmp_path / "new")).step == 9


@pytest.mark.parametrize(
    "damage", ['"runs/x"', "{}", "{checkpoint = 7}", '{checkpoint = "x", more = 1}']
)
def test_a_damaged_origin_is_one_clear_error(quick, more, tmp_path, damage):
    quick("run", steps=5)
    path = tmp_path / "run/config.toml"
    path.write_text(f"from = {damage}\n{path.read_text()}")
    with pytest.raises(MalformedFileError, match=r"\[from\]"):
        quick("run", resume=True, steps=9)


def test_the_weights_are_the_other_runs(quick, more, tmp_path):
    quick("old", steps=5)
    more(steps=1, learning_rate=1e-9)
    old = latest_checkpoint(RunFolder(tmp_path / "old")).model
    for name, array in latest_checkpoint(RunFolder(tmp_path / "new")).model.items():
        assert np.allclose(array, old[name], atol=1e-6)


def test_a_signal_ends_the_measurement(quick, more, tmp_path, monkeypatch):
    """It comes while the old text is read before the first step: there is nothing to save yet."""
    quick("old", steps=5)
    real = Session.evaluate

    def interrupted(self, max_batches=None, check=None):
        os.kill(os.getpid(), signal.SIGINT)
        return real(self, max_batches, check)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            more()
    assert not RunFolder(tmp_path / "new").checkpoints()
    assert more("again").old_val_loss_before is not None
