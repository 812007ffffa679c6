"""A whole run: what it leaves behind, what it returns, what it refuses."""

import json
import math

import numpy as np
import pytest

import weft
from weft.checkpoint import RunFolder, best_checkpoint, load_checkpoint
from weft.config import read_toml
from weft.errors import ConfigError, DataError, MalformedFileError, WeftError
from weft.random import default_generator
from weft.runlog import read_events, read_metrics
from weft.training import Progress, train

KEYS = ["step", "tokens", "train_loss", "lr", "grad_norm", "tokens_per_second", "seconds"]


def test_a_run_leaves_everything_behind(quick, tmp_path):
    result = quick()
    folder = RunFolder(tmp_path / "run")
    lines = read_metrics(folder.metrics_path)
    assert [line["step"] for line in lines] == list(range(1, 21))
    assert all(set(KEYS) <= set(line) for line in lines)
    assert [line["step"] for line in lines if "val_loss" in line] == [5, 10, 15, 20]
    assert folder.checkpoints()[-1] == 20 and len(folder.checkpoints()) <= 3
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.config["n_embd"] == 16 and checkpoint.state["val_loss"] > 0
    assert not list((tmp_path / "run").rglob("*.tmp-*"))


def test_the_result_says_what_happened(quick):
    result = quick()
    assert (result.steps, result.tokens) == (20, 20 * 4 * 8)
    assert list(result.to_dict()) == [
        "steps",
        "tokens",
        "seconds",
        "train_loss",
        "val_loss",
        "best_val_loss",
        "val_tokens",
        "tokens_per_second",
        "checkpoint",
    ]
    assert result.best_val_loss <= result.val_loss < math.log(30)
    assert result.tokens_per_second > 0 and result.seconds > 0
    json.dumps(result.to_dict(), allow_nan=False)


def test_val_loss_is_the_whole_split_of_the_last_weights(quick, tmp_path):
    from weft.data import Dataset
    from weft.inference import load
    from weft.training import evaluate

    result = quick()
    loaded = load(result.checkpoint)
    tokens = Dataset.open(tmp_path / "run/data").val.tokens
    again = evaluate(loaded.model, tokens, block_size=8, batch_size=4)
    assert again.tokens == len(tokens) - 1
    assert result.val_loss == pytest.approx(again.loss, rel=1e-9)


def test_best_val_loss_belongs_to_the_best_checkpoint(quick, tmp_path):
    """A rate that is far too high at the end: the best weights are earlier ones."""
    result = quick(learning_rate=1.0, min_learning_rate=1.0, schedule="constant", warmup_steps=15)
    best = best_checkpoint(RunFolder(tmp_path / "run"))
    assert best.step < 20 and result.best_val_loss < result.val_loss


def test_it_learns(quick):
    assert quick(steps=150, eval_interval=50).val_loss < 2.2  # 3.2 at the start


def test_config_toml_is_resolved(quick, tmp_path):
    quick(precision="auto")
    stored = read_toml(tmp_path / "run/config.toml")
    assert stored["train"]["learning_rate"] == 3e-3 and stored["train"]["warmup_steps"] == 2
    assert stored["train"]["precision"] in ("float32", "bfloat16")
    assert stored["model"]["intermediate_size"] == 64 and stored["weft"] == weft.__version__


@pytest.mark.parametrize("arch", ["llama", "qwen3"])
def test_other_architectures_and_bfloat16(quick, arch):
    result = quick(arch=arch, n_kv_head=1, dropout=0.1, precision="bfloat16", sample_tokens=20)
    assert math.isfinite(result.val_loss)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "wsd"])
def test_schedules_reach_the_optimiser(quick, tmp_path, schedule):
    from weft.schedule import learning_rate

    quick(schedule=schedule, learning_rate=1e-2, warmup_steps=4)
    for line in read_metrics(tmp_path / "run/metrics.jsonl"):
        assert line["lr"] == learning_rate(
            line["step"] - 1, steps=20, peak=1e-2, floor=1e-3, warmup_steps=4, shape=schedule
        )


def test_accumulation_is_the_big_batch(quick, tmp_path):
    quick("big", batch_size=8, steps=10)
    quick("small", batch_size=2, accumulate=4, steps=10)
    losses = [
        [line["train_loss"] for line in read_metrics(tmp_path / name / "metrics.jsonl")]
        for name in ("big", "small")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_bpe_tokenizer_is_trained_on_the_way(quick, tmp_path):
    quick(tokenizer="bpe", vocab_size=280)
    assert read_toml(tmp_path / "run/config.toml")["model"]["vocab_size"] == 280


def test_shards_are_used_where_they_are(quick, tmp_path):
    """The data folder of one run is DATA for another."""
    quick("first")
    result = train(
        tmp_path / "first/data",
        out=tmp_path / "second",
        progress=Progress(),
        steps=2,
        **{"n_layer": 1, "n_head": 1, "n_embd": 8, "block_size": 8, "sample_tokens": 0},
    )
    assert result.steps == 2 and not (tmp_path / "second/data/train.bin").exists()


def test_epochs_are_steps_enough_to_read_the_text_so_often(quick, tmp_path):
    result = quick(steps=None, epochs=0.05)
    whole = next(e for e in read_events(tmp_path / "run/events.jsonl") if e["kind"] == "data")
    tokens = result.tokens // result.steps
    assert result.steps == math.ceil(0.05 * whole["train_tokens"] / tokens)
    more = quick(resume=True, epochs=0.1)
    assert more.steps == math.ceil(0.1 * whole["train_tokens"] / tokens) > result.steps


def test_samples_are_shown_at_evaluations(quick):
    class Samples(Progress):
        shown = ()

        def evaluated(self, record, sample):
            self.shown = (*self.shown, (record["step"], sample))

    one, two = Samples(), Samples()
    quick("one", sample_tokens=30, progress=one)
    quick("two", sample_tokens=30, progress=two)
    assert [step for step, _ in one.shown] == [5, 10, 15, 20] and one.shown == two.shown
    assert all(len(sample) == 30 for _, sample in one.shown)


def test_the_callers_random_stream_is_left_alone(quick):
    weft.manual_seed(7)
    expected = weft.rand(3).tolist()
    weft.manual_seed(7)
    quick(dropout=0.2)
    assert weft.rand(3).tolist() == expected
    default_generator().manual_seed(0)


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"n_layers": 2}, ConfigError, "did you mean n_layer?"),
        ({"n_embd": 15}, ConfigError, "n_embd 15 is not divisible by n_head 2"),
        ({"steps": 5, "minutes": 1.0}, ConfigError, "both steps and minutes"),
        ({"steps": 5, "epochs": 1.0}, ConfigError, "both steps and epochs"),
        ({"tokenizer": "gpt2x"}, ConfigError, "gpt2x"),
        ({"vocab_size": 300}, ConfigError, "only --tokenizer bpe"),
        ({"block_size": 5000}, DataError, "5001"),
        ({"n_layer": 100_000, "n_embd": 8192}, WeftError, "this machine has"),
        ({"learning_rate": float("nan")}, ConfigError, "learning_rate nan"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(quick, tmp_path, options, kind, says):
    with pytest.raises(kind) as error:
        quick(**options)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "run/config.toml").exists()  # a correct command can follow
    quick()


@pytest.mark.parametrize("text", ["", "x", " \n ", "short"])
def test_texts_that_cannot_be_learnt_from(tmp_path, text):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(DataError) as error:
        train(tmp_path / "t.txt", out=tmp_path / "run", steps=1, progress=Progress())
    assert "\n" not in str(error.value)


def test_a_missing_text_leaves_no_folder(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        train(tmp_path / "none.txt", out=tmp_path / "run", steps=1, progress=Progress())


def test_no_data_at_all(tmp_path):
    with pytest.raises(ConfigError, match="no DATA given"):
        train(out=tmp_path / "run", steps=1, progress=Progress())
    with pytest.raises(ConfigError, match="no run to go on with"):
        train(out=tmp_path / "run", resume=True, progress=Progress())


def test_a_second_run_in_the_folder_is_refused_and_loses_nothing(quick, tmp_path):
    quick()
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match="there is a run already"):
        quick()
    assert {p: p.read_bytes() for p in before} == before


def test_a_foreign_log_is_not_taken_for_ours(quick, tmp_path):
    quick()
    path = tmp_path / "run/metrics.jsonl"
    path.write_text("not a log\n" + path.read_text())
    with pytest.raises(MalformedFileError, match="line 1 is not a record"):
        quick(resume=True, steps=25)


def test_weights_are_finite_float32(quick):
    checkpoint = load_checkpoint(quick().checkpoint)
    for array in checkpoint.model.values():
        assert array.dtype == np.float32 and np.isfinite(array).all()
