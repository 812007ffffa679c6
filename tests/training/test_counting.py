"""`train` with an n-gram model: run folder, log and result as of the other families, one pass."""

import errno
import json
import math

import numpy as np
import pytest

from weft.cli.main import main
from weft.config import NGramConfig
from weft.errors import CheckpointError, ConfigError, WeftError
from weft.inference import evaluate_text, load
from weft.models import NGram
from weft.models.ngram_counts import FOLDER, Counter
from weft.runlog import read_metrics
from weft.training import Progress, train


class Messages(Progress):
    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


@pytest.fixture
def run(text, tmp_path):
    def go(out="run", progress=None, **options):
        first = {} if options.get("resume") else {"model": "ngram", "order": 3}
        data = None if options.get("resume") else text
        progress = progress or Progress()
        return train(data, out=tmp_path / out, progress=progress, **{**first, **options})

    return go


def test_the_model_is_that_of_the_training_tokens(run, tmp_path):
    result = run(smoothing="backoff")
    loaded = load(tmp_path / "run")
    ids = np.fromfile(tmp_path / "run/data/train.bin", "<u2", offset=64)
    config = NGramConfig(vocab_size=loaded.tokenizer.vocab_size, order=3, smoothing="backoff")
    expected = NGram.count(ids, config)
    assert loaded.config == config
    for name, tensor in expected.state_dict().items():
        np.testing.assert_array_equal(loaded.model.state_dict()[name].array, tensor.array)
    val = np.fromfile(tmp_path / "run/data/val.bin", "<u2", offset=64).astype(np.int64)[None]
    assert result.val_loss == pytest.approx(expected.loss(val[:, :-1], val[:, 1:]).item(), rel=1e-6)
    assert result.steps == 1 and result.tokens == len(ids)
    assert result.best_val_loss == result.val_loss < math.log(config.vocab_size)
    (line,) = read_metrics(tmp_path / "run/metrics.jsonl")
    assert line["val_loss"] == result.val_loss and line["train_loss"] == result.train_loss


def test_eval_reads_the_text_as_one_piece(run, text, tmp_path):
    run()
    loaded = load(tmp_path / "run")
    words = text.read_text()
    ids = np.array(loaded.tokenizer.encode(words))[None]
    score = evaluate_text(loaded, [words])
    assert score.tokens == ids.size - 1
    expected = loaded.model.loss(ids[:, :-1], ids[:, 1:]).item()
    assert score.loss == pytest.approx(expected, rel=1e-6)
    assert score.bits_per_byte == pytest.approx(expected / math.log(2), rel=1e-6)


def test_it_generates_from_the_counts(run, tmp_path):
    run(smoothing="none")
    loaded = load(tmp_path / "run")
    written = loaded.generate("the ", max_tokens=200, seed=1)
    assert written == loaded.generate("the ", max_tokens=200, seed=1)
    ids = np.array(loaded.tokenizer.encode("the " + written))
    for i in range(4, len(ids)):  # every token has followed the two before it
        assert ids[i] in loaded.model.continuations(ids[i - 2 : i])[0]


def test_resuming_what_is_finished_does_nothing(run, tmp_path):
    first = run()
    before = sorted((p.name, p.stat().st_mtime_ns) for p in (tmp_path / "run").rglob("step-*/*"))
    log = (tmp_path / "run/metrics.jsonl").read_text()
    messages = Messages()
    again = run(resume=True, progress=messages)
    assert any("nothing left to do" in text for text in messages.texts)
    assert (again.val_loss, again.train_loss, again.tokens) == (
        first.val_loss,
        first.train_loss,
        first.tokens,
    )
    assert again.tokens_per_second == 0
    assert log == (tmp_path / "run/metrics.jsonl").read_text()
    after = sorted((p.name, p.stat().st_mtime_ns) for p in (tmp_path / "run").rglob("step-*/*"))
    assert after == before


def test_resuming_what_was_interrupted_counts(run, tmp_path, same_bits):
    run("whole")

    class Interrupted(Progress):
        def message(self, text):
            if text.startswith("counting"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("cut", progress=Interrupted())
    assert not list((tmp_path / "cut/checkpoints").iterdir())
    run("cut", resume=True)
    same_bits("cut", "whole", step=1)


def test_an_impossible_token_makes_the_loss_infinite_and_no_run_fail(run, tmp_path, capsys):
    result = run(order=6, smoothing="none")
    assert result.val_loss == math.inf
    assert load(tmp_path / "run").state["val_loss"] is None
    assert run(order=6, smoothing="none", resume=True, out="run").val_loss == math.inf


@pytest.mark.parametrize("option", [{"steps": 10}, {"minutes": 1.0}, {"learning_rate": 1e-3}])
def test_options_of_training_by_gradients_are_refused(run, tmp_path, option):
    name = next(iter(option)).replace("_", "-")
    with pytest.raises(ConfigError, match=f"leave --{name} out"):
        run(**option)
    assert not (tmp_path / "run").exists()
    run()
    with pytest.raises(ConfigError, match=f"leave --{name} out"):
        run(resume=True, **option)


def test_arrays_of_another_order_are_refused(run, tmp_path):
    run()
    run("other", order=4)
    checkpoint = tmp_path / "run/checkpoints/step-00000001"
    other = tmp_path / "other/checkpoints/step-00000001"
    (checkpoint / "config.json").write_bytes((other / "config.json").read_bytes())
    manifest = json.loads((checkpoint / "MANIFEST.json").read_text())
    theirs = json.loads((other / "MANIFEST.json").read_text())
    manifest["files"]["config.json"] = theirs["files"]["config.json"]
    (checkpoint / "MANIFEST.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"tokens_4|fanout_3"):
        load(tmp_path / "run")


def test_the_command_does_not_offer_more_steps(run, text, tmp_path, capsys):
    first = ["train", str(text), "--model", "ngram", "--out", str(tmp_path / "run")]
    for words in (first, ["train", "--resume", "--out", str(tmp_path / "run")]):
        assert main(words) == 0
        shown = capsys.readouterr()
        assert "weft doctor" in shown.err and "--steps" not in shown.err
        assert "validation loss" in shown.out


def test_info_counts_the_n_grams(run, tmp_path, capsys):
    run()
    model = load(tmp_path / "run").model
    assert main(["info", str(tmp_path / "run")]) == 0
    assert f"{sum(model.sizes):,} n-grams" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "run"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["n_grams"] == model.sizes
    assert values["memory_bytes"] == {"counts": model.nbytes}


@pytest.mark.parametrize("smoothing", ["kneser-ney", "none"])
def test_convert_keeps_the_counts(run, tmp_path, smoothing, capsys):
    run(smoothing=smoothing)
    before = load(tmp_path / "run").model.state_dict()
    command = ["convert", str(tmp_path / "run"), str(tmp_path / "copy"), "--to", "weft"]
    assert main(command) == 0
    assert "logits equal" in capsys.readouterr().out
    for name, tensor in load(tmp_path / "copy").model.state_dict().items():
        assert tensor.array.dtype == before[name].array.dtype
        np.testing.assert_array_equal(tensor.array, before[name].array)
    assert main([*command[:2], str(tmp_path / "other"), "--to", "gguf"]) == 2


def test_what_a_killed_process_left_is_removed(run, tmp_path, monkeypatch):
    left = tmp_path / "run/data" / f"{FOLDER}x"
    left.mkdir(parents=True)
    (left / "0-keys.npy").write_bytes(b"x")
    run()
    assert not left.exists()


def test_a_full_disk_is_one_line(run, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    monkeypatch.setattr(Counter.__init__, "__defaults__", (0, None, 1000))  # all goes to disk
    monkeypatch.setattr(NGram.count.__func__, "__kwdefaults__", {"memory": 0, "folder": None})
    with pytest.raises(WeftError, match=r"cannot count the n-grams: No space left.*data") as error:
        run()
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "run/data").glob(f"{FOLDER}*"))
