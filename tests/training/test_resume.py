"""A resumed run is the uninterrupted one, bit for bit; what may change half-way, what may not."""

import numpy as np
import pytest

from weft.checkpoint import RunFolder, latest_checkpoint
from weft.config import read_toml
from weft.errors import CheckpointError, ConfigError, DataError, NonFiniteError, WeftError
from weft.kernels import active
from weft.runlog import read_metrics
from weft.training import Progress, loop, session
from weft.training.optimization import Optimization


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_same_bits(quick, same_bits, crash, optimizer, dropout, accumulate):
    """Crash after a step: before the first save, at a save, between two."""
    options = {"optimizer": optimizer, "dropout": dropout, "accumulate": accumulate}
    options |= {"steps": 14, "eval_interval": 4}
    quick("whole", **options)
    for step in (2, 4, 11):
        with pytest.raises(crash[0]):
            quick(f"cut at {step}", progress=crash[1](step), **options)
        quick(f"cut at {step}", resume=True)
        same_bits("whole", f"cut at {step}", step=14)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
def test_the_same_bits_in_every_architecture(quick, same_bits, crash, arch, precision):
    options = {"arch": arch, "precision": precision, "dropout": 0.1, "sample_tokens": 10}
    quick("whole", **options)
    with pytest.raises(crash[0]):
        quick("cut", progress=crash[1](13), **options)
    quick("cut", resume=True)
    same_bits("whole", "cut")


def test_a_seed_matters(quick, tmp_path):
    quick("one", seed=1)
    quick("two", seed=2)
    losses = [read_metrics(tmp_path / n / "metrics.jsonl")[5]["train_loss"] for n in ("one", "two")]
    assert losses[0] != losses[1]


@pytest.mark.skipif(active.native is None, reason="the reference kernels have one thread")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_bits_for_any_number_of_threads(quick, same_bits, precision):
    for threads in (1, 2, 3):
        options = {"precision": precision, "n_embd": 64, "block_size": 32, "dropout": 0.1}
        quick(f"{threads}", threads=threads, **options)
    same_bits("1", "2")
    same_bits("1", "3")


@pytest.mark.skipif(active.native is None, reason="the reference kernels have one thread")
def test_threads_are_used_kept_and_given_back(quick, tmp_path):
    class Watching(Progress):
        seen = frozenset()

        def step(self, record):
            self.seen |= {active.native.num_threads()}

    before = active.native.num_threads()
    first, second = Watching(), Watching()
    quick("run", threads=before + 1, progress=first)
    quick("run", resume=True, steps=25, progress=second)
    assert first.seen == second.seen == {before + 1}
    assert active.native.num_threads() == before


def test_resuming_twice_and_a_finished_run(quick, same_bits, crash, tmp_path):
    whole = quick("whole")
    with pytest.raises(crash[0]):
        quick("cut", progress=crash[1](7))
    with pytest.raises(crash[0]):
        quick("cut", resume=True, progress=crash[1](12))
    result = quick("cut", resume=True)
    same_bits("whole", "cut")
    again = quick("cut", resume=True)
    same_bits("whole", "cut")
    assert result.val_loss == again.val_loss == whole.val_loss and again.tokens_per_second == 0
    assert again.tokens == whole.tokens and again.train_loss == whole.train_loss


def test_a_torn_log_is_mended(quick, same_bits, crash, tmp_path):
    quick("whole")
    with pytest.raises(crash[0]):
        quick("cut", progress=crash[1](13))
    path = tmp_path / "cut/metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    quick("cut", resume=True)
    same_bits("whole", "cut")


def test_the_newest_checkpoint_damaged(quick, same_bits, crash, tmp_path, caplog):
    quick("whole")
    with pytest.raises(crash[0]):
        quick("cut", progress=crash[1](13))
    newest = RunFolder(tmp_path / "cut").checkpoint_path(10)
    (newest / "model.safetensors").write_bytes(b"damaged")
    assert latest_checkpoint(RunFolder(tmp_path / "cut")).step == 5
    quick("cut", resume=True)
    same_bits("whole", "cut")
    assert "checkpoint skipped" in caplog.text


def test_all_checkpoints_damaged_is_an_error_and_not_a_new_start(quick, tmp_path, caplog):
    quick("run")
    run = RunFolder(tmp_path / "run")
    for step in run.checkpoints():
        (run.checkpoint_path(step) / "MANIFEST.json").unlink()
    with pytest.raises(CheckpointError, match="none of"):
        quick("run", resume=True)


def test_options_given_again_unchanged_are_fine(quick, same_bits, crash, text, tmp_path):
    quick("whole")
    with pytest.raises(crash[0]):
        quick("cut", progress=crash[1](13))
    quick("cut", resume=True, data=text, n_embd=16, batch_size=4, steps=20)
    same_bits("whole", "cut")


def test_longer_and_slower_is_allowed_and_noted(quick, tmp_path, crash):
    quick("run")
    progress = crash[1](None)
    result = quick("run", resume=True, steps=30, learning_rate=1e-4, progress=progress)
    assert result.steps == 30 and result.tokens == 30 * 32
    lines = read_metrics(tmp_path / "run/metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 31))
    assert lines[-1]["lr"] < 1e-4 < lines[15]["lr"]
    stored = read_toml(tmp_path / "run/config.toml")
    changed = {c["option"]: (c["step"], c["old"], c["new"]) for c in stored["changes"]}
    assert changed["steps"] == (20, 20, 30) and changed["learning_rate"] == (20, 3e-3, 1e-4)
    assert any("steps 20 -> 30" in message for message in progress.messages)


def test_a_changed_batch_size_counts_its_tokens(quick):
    quick("run")
    assert quick("run", resume=True, steps=30, batch_size=8).tokens == 20 * 32 + 10 * 64


def test_fewer_steps_than_are_done_are_refused(quick, tmp_path):
    quick("run")
    before = (tmp_path / "run/config.toml").read_bytes()
    with pytest.raises(ConfigError, match="steps 10 is less than the 20 that are done"):
        quick("run", resume=True, steps=10)
    assert (tmp_path / "run/config.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n_layer": 3, "n_embd": 32}, ["n_layer 2 is now 3", "n_embd 16 is now 32"]),
        ({"arch": "llama"}, ["arch gpt2 is now llama"]),
        ({"seed": 5}, ["seed 1337 is now 5"]),
        ({"tokenizer": "bpe"}, ["tokenizer char is now bpe"]),
    ],
)
def test_the_model_and_the_data_cannot_change(quick, tmp_path, changes, says):
    quick("run")
    before = (tmp_path / "run/config.toml").read_bytes()
    with pytest.raises(ConfigError) as error:
        quick("run", resume=True, steps=30, **changes)
    assert all(part in str(error.value) for part in says) and "\n" not in str(error.value)
    assert (tmp_path / "run/config.toml").read_bytes() == before


def test_a_config_edited_by_hand_against_the_weights_is_refused(quick, tmp_path):
    quick("run")
    path = tmp_path / "run/config.toml"
    path.write_text(path.read_text().replace("n_layer = 2", "n_layer = 3"))
    with pytest.raises(ConfigError, match="n_layer 2 is now 3"):
        quick("run", resume=True, steps=30)


def test_other_tokens_under_the_run_are_found(quick, tmp_path):
    from weft.data import TokenShard, write_shard

    quick("run")
    path = tmp_path / "run/data/train.bin"
    shard = TokenShard.open(path)
    tokens = np.array(shard.tokens)
    tokens[0] = (tokens[0] + 1) % shard.vocab_size
    write_shard(path, [tokens], shard.vocab_size, shard.tokenizer_hash)
    with pytest.raises(DataError, match="the data has changed"):
        quick("run", resume=True, steps=30)


def test_a_bad_gradient_stops_the_run_and_spoils_nothing(quick, same_bits, tmp_path, monkeypatch):
    quick("whole")
    real, calls = loop.gradients, []

    def poisoned(model, batches, dtype):
        loss = real(model, batches, dtype)
        calls.append(loss)
        if len(calls) == 13:
            dict(model.named_parameters())["position.weight"].grad.array[0, 0] = np.inf
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(loop, "gradients", poisoned)
        with pytest.raises(NonFiniteError, match=r"step 13, first in the gradient of position"):
            quick("cut")
    assert latest_checkpoint(RunFolder(tmp_path / "cut")).step == 10
    quick("cut", resume=True)
    same_bits("whole", "cut")


def test_weights_that_became_nan_never_reach_a_checkpoint(quick, tmp_path, monkeypatch):
    def broken(self, step, gradient_scale):
        rate = real(self, step, gradient_scale)
        if step == 9:
            self.optimizers["adamw"].param_groups[0]["params"][0].array[0, 0] = np.nan
        return rate

    real = Optimization.step
    monkeypatch.setattr(Optimization, "step", broken)
    with pytest.raises(NonFiniteError, match="are not finite after step 10"):
        quick("run")
    assert latest_checkpoint(RunFolder(tmp_path / "run")).step == 5


def test_a_validation_loss_that_is_not_finite_stops_the_run(quick, tmp_path, monkeypatch):
    import dataclasses

    def infinite(model, tokens, **options):
        result = real(model, tokens, **options)
        return dataclasses.replace(result, loss=float("inf")) if len(calls) == 2 else result

    real, calls = session.evaluate, []
    monkeypatch.setattr(
        session, "evaluate", lambda *args, **kw: (calls.append(1), infinite(*args, **kw))[1]
    )
    with pytest.raises(NonFiniteError, match="validation loss is inf after step 10"):
        quick("run")
    assert latest_checkpoint(RunFolder(tmp_path / "run")).step == 5


def test_a_disk_that_is_full_for_a_while_costs_one_save(quick, same_bits, tmp_path, monkeypatch):
    quick("whole")
    full_at, messages = {5, 10}, []
    real = loop.save_checkpoint

    def save(run, step, **contents):
        if step in full_at:
            raise WeftError("cannot save the checkpoint: No space left on device; x; y")
        return real(run, step, **contents)

    monkeypatch.setattr(loop, "save_checkpoint", save)

    class Listening(Progress):
        def message(self, text):
            messages.append(text)

    quick("full", progress=Listening())
    same_bits("whole", "full")
    assert sum("the run goes on" in m for m in messages) == 2
    full_at.update({15, 20})
    with pytest.raises(WeftError, match="No space left"):
        quick("fuller")
