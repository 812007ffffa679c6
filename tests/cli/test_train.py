"""`weft train`: folders, options, what it prints, and what it refuses without losing anything."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weft.cli.train import Train
from weft.config import FAMILIES, TrainConfig, read_toml

SMALL = ["--n-layer", 1, "--n-head", 2, "--n-embd", 16, "--block-size", 8, "--batch-size", 4]
SMALL += ["--sample-tokens", 4, "--precision", "float32"]
TEXT = "the quick brown fox jumps over the lazy dog\n" * 30


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a book.txt").write_text(TEXT)
    return tmp_path


def test_every_field_of_all_configurations_is_an_option():
    options = {field.name for field in dataclasses.fields(Train)}
    configs = [*FAMILIES.values(), TrainConfig]
    fields = {f.name for config in configs for f in dataclasses.fields(config)}
    assert fields <= options
    assert options - fields == {"resume", "init_from", "overwrite", "quiet", "tensorboard", "json"}


def test_train_prints_results_on_stdout_and_all_else_on_stderr(weft, folder):
    ran = weft("train", "a book.txt", *SMALL, "--steps", 4)
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("steps") and "validation loss" in ran.out
    assert "step 4/4" in ran.err and "\x1b" not in ran.out + ran.err
    assert "Next:  weft generate 'runs/a book-1' --seed 1" in ran.err
    assert (folder / "runs" / "a book-1" / "config.toml").exists()
    assert weft("generate", "runs/a book-1", "the", "--max-tokens", 3).code == 0


def test_the_next_run_gets_the_next_number(weft, folder):
    for number in (1, 2):
        ran = weft("train", "a book.txt", *SMALL, "--steps", 1, "--json")
        assert ran.json["checkpoint"] == f"runs/a book-{number}/checkpoints/step-00000001"
    keys = "steps tokens seconds train_loss val_loss best_val_loss val_tokens tokens_per_second"
    assert set(ran.json) == {*keys.split(), "checkpoint", "schema_version"}
    assert ran.json["tokens"] == 32


def test_every_kind_of_option_reaches_the_run(weft, folder):
    options = ["--bias", "false", "--tie-embeddings", "false", "--dropout", 0.25, "--arch", "gpt2"]
    options += ["--optimizer", "muon", "--schedule", "wsd", "--learning-rate", "1e-2", "--seed", 0]
    ran = weft("train", "a book.txt", *SMALL, *options, "--steps", 1, "--out", "r", "--beta2=0.95")
    assert ran.code == 0
    written = read_toml(folder / "r" / "config.toml")
    assert written["model"]["bias"] is False and written["model"]["tie_embeddings"] is False
    assert written["model"]["dropout"] == 0.25 and written["train"]["beta2"] == 0.95
    assert written["train"]["optimizer"] == "muon" and written["train"]["schedule"] == "wsd"
    assert written["train"]["learning_rate"] == 1e-2 and written["train"]["seed"] == 0


def test_eval_of_the_validation_tokens_is_the_validation_loss(weft, folder):
    ran = weft("train", "a book.txt", *SMALL, "--steps", 3, "--out", "r", "--json")
    score = weft("eval", "r", "r/data/val.bin", "--checkpoint", "latest", "--json").json
    assert score["loss"] == pytest.approx(ran.json["val_loss"], rel=1e-6)
    best = weft("eval", "r", "r/data/val.bin", "--json").json
    assert best["loss"] == pytest.approx(ran.json["best_val_loss"], rel=1e-6)


def test_resume_by_out_or_by_the_name_of_the_run(weft, folder):
    weft("train", "a book.txt", *SMALL, "--steps", 2, "--out", "r")
    assert weft("train", "--resume", "--out", "r", "--steps", 4, "--json").json["steps"] == 4
    assert weft("train", "r", "--resume", "--steps", 6, "--json").json["steps"] == 6
    ran = weft("train", "--resume", "--out", "r", "--n-layer", 2)
    assert ran.code == 2 and "n_layer 1 is now 2" in ran.error


def test_an_old_run_is_only_replaced_when_asked_to(weft, folder):
    weft("train", "a book.txt", *SMALL, "--steps", 2, "--out", "r")
    (folder / "r" / "notes.txt").write_text("mine")
    ran = weft("train", "a book.txt", *SMALL, "--steps", 1, "--out", "r")
    assert ran.code == 2 and ran.error.startswith("there is a run already; r; go on with --resume")
    ran = weft("train", "a book.txt", *SMALL, "--steps", 1, "--out", "r", "--overwrite", "--json")
    assert ran.code == 0
    assert [p.name for p in (folder / "r" / "checkpoints").iterdir()] == ["step-00000001"]
    assert (folder / "r" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ([], 2, "no DATA given; weft train; name a text file, a folder or stories"),
        (["nowhere.txt"], 1, "no such file or folder; nowhere.txt"),
        (["a bok.txt"], 1, "no such file or folder; a bok.txt; did you mean a book.txt?"),
        (["--resume"], 2, "no run to go on with; weft train --resume; name it with --out"),
        (["--resume", "--out", "new"], 2, "there is no run to go on with; new"),
        (["--resume", "--overwrite"], 2, "both --resume and --overwrite"),
        (["a book.txt", "--steps", "0"], 2, "steps 0 is not in [1, 2147483647]"),
        (["a book.txt", "--minutes", "nan"], 2, "minutes nan is not in (0"),
        (["a book.txt", "--steps", "2", "--minutes", "1"], 2, "both steps and minutes"),
        (["a book.txt", "--learning-rate", "0"], 2, "learning_rate 0.0 is not in (0"),
        (["a book.txt", "--dropout", "1"], 2, "dropout 1.0 is not in [0, 1)"),
        (["a book.txt", "--n-head", "3"], 2, "n_embd 128 is not divisible by n_head 3"),
        (["a book.txt", "--steps", "2", "--warmup-steps", "3"], 2, "warmup_steps 3 is more than"),
        (
            ["a book.txt", "--block-size", "5000"],
            1,
            "the training text is too short: it has 1188 tokens",
        ),
        (["a book.txt", "--block-size", "1000000000"], 1, "training needs about"),
        (["a book.txt", "--tokenizer", "bpe", "--vocab-size", "10"], 2, "vocab"),
        (["a book.txt", "--vocab-size", "300"], 2, "vocab_size 300 with tokenizer char"),
        (["a book.txt", "--bias", "maybe"], 2, "invalid choice 'maybe' for argument '--bias'"),
        (["a book.txt", "--stpes", "2"], 2, "unknown option '--stpes'; weft train; did you mean"),
    ],
)
def test_train_refuses_in_one_line_and_leaves_no_run(weft, folder, words, code, error):
    ran = weft("train", *words)
    assert ran.code == code and error in ran.error, ran.error
    assert ran.out == ""
    assert not list(folder.glob("**/config.toml")) and not list(folder.glob("**/checkpoints/*"))


@pytest.mark.parametrize("data", [b"", b"a", b"\n\n  \n", b"abc\xffdef" * 50])
def test_train_refuses_what_is_no_text(weft, folder, data):
    (folder / "bad.txt").write_bytes(data)
    ran = weft("train", "bad.txt", *SMALL, "--steps", 1, "--json")
    assert ran.code == 1 and "bad.txt" in ran.error
    assert ran.json["error"]["type"] == "DataError"
    assert not list(folder.glob("**/config.toml"))


def test_train_refuses_a_damaged_archive(weft, folder):
    (folder / "bad.zip").write_bytes(b"PK\x03\x04" + bytes(90))
    ran = weft("train", "bad.zip", *SMALL, "--steps", 1, "--json")
    assert ran.code == 3 and "bad.zip" in ran.error
    assert ran.json["error"]["type"] == "MalformedFileError"
    assert not list(folder.glob("**/config.toml"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_exit_code_names_it(folder, number):
    command = [sys.executable, "-m", "weft", "train", "a book.txt", *map(str, SMALL)]
    command += ["--steps", "1000000", "--out", "r", "--eval-interval", "1000"]
    with open(folder / "err", "wb") as err:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err)
        log = folder / "r" / "metrics.jsonl"
        wait_for(lambda: log.exists() and log.read_bytes().count(b"\n") > 3)
        child.send_signal(number)
        out, _ = child.communicate(timeout=60)
    text = (folder / "err").read_text()
    assert child.returncode == 128 + number and out == b""
    assert "Traceback" not in text and "weft train --resume --out r" in text
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    (last,) = (Path(folder) / "r" / "checkpoints").iterdir()
    assert int(last.name[5:]) == steps[-1] >= 4


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, os.listdir()
        time.sleep(0.02)


def test_the_switches_of_the_transformer(weft, folder):
    """Trained, gone on with, generated from, scored and shown, with all of them on."""
    switches = "--n-expert 8 --n-expert-used 2 --activation relu2 --positions alibi --window 4"
    ran = weft("train", "a book.txt", *SMALL, *switches.split(), "--steps", 3, "--out", "r")
    assert ran.code == 0 and "busiest expert" in ran.err
    assert weft("train", "--resume", "--out", "r", "--steps", 5).code == 0
    assert len(weft("generate", "r", "the", "--max-tokens", 9, "--seed", 1).out) > 9
    assert weft("eval", "r", "a book.txt", "--json").json["loss"] > 0
    shown = weft("info", "r", "--json").json
    assert shown["config"]["window"] == 4 and shown["config"]["positions"] == "alibi"
    # Each expert: 16 x 64 twice, 64 + 16 biases; six of eight do not read a token.
    assert shown["parameters"] - shown["parameters_active"] == 6 * (2 * 16 * 64 + 64 + 16)
    assert "of them for one token" in weft("info", "r").out
    ran = weft("train", "a book.txt", *SMALL, "--n-expert", 4, "--n-expert-used", 5)
    assert ran.code == 2 and "n_expert_used 5 of n_expert 4" in ran.err


def test_quiet_shows_the_result_alone(weft, folder):
    ran = weft("train", "a book.txt", "--steps", 2, *SMALL, "--quiet")
    assert ran.code == 0 and ran.err == "" and "validation loss" in ran.out
    ran = weft("train", "a book.txt", "--resume", "--out", "runs/a book-1", "--steps", 1, "--quiet")
    assert ran.code == 2 and "steps 1 is less" in ran.error


def test_events_for_tensorboard_are_beside_the_run(weft, folder):
    pytest.importorskip("tensorboardX", reason="it is not installed: weft[tensorboard]")
    ran = weft("train", "a book.txt", "--steps", 2, *SMALL, "--quiet", "--tensorboard")
    assert ran.code == 0 and ran.err == ""
    (run,) = (folder / "runs").iterdir()
    assert list((run / "tensorboard").glob("events.out.tfevents.*"))
    assert weft("train", "a book.txt", "--steps", 2, *SMALL, "--out", run, "--overwrite").code == 0
    assert not (run / "tensorboard").exists()


def test_several_texts_name_the_run_after_the_first(weft, folder):
    (folder / "b.txt").write_text(TEXT.upper())
    words = ["a book.txt", "b.txt", *SMALL, "--steps", 2]
    assert weft("train", *words, "--json").code == 0
    run = folder / "runs" / "a book-1"
    assert read_toml(run / "config.toml")["train"]["data"] == ["a book.txt", "b.txt"]
    ran = weft("train", "--resume", "a book.txt", "b.txt", "--out", run, "--steps", 3, "--json")
    assert ran.code == 0, ran.err
    ran = weft("train", "--resume", "b.txt", "--out", run, "--steps", 4)
    assert ran.code == 2 and "data of a run cannot change" in ran.error
    ran = weft("train", "--resume", run, "b.txt")
    assert ran.code == 2 and "no run to go on with" in ran.error


def test_tokenizers_of_tables_and_of_several_texts(weft, folder):
    (folder / "t.jsonl").write_text('{"t": "some words"}\n{"t": "and more"}\n')
    ran = weft("tokenizer", "train", "t.jsonl", "--field", "t", "--kind", "char", "--out", "a.json")
    assert ran.code == 0 and ran.out.startswith("11 tokens"), ran.out
    words = ["a book.txt", "t.jsonl", "--field", "t", "--vocab-size", 300, "--out", "b.json"]
    assert weft("tokenizer", "train", *words, "--json").json["vocab_size"] == 300
    ran = weft("tokenizer", "train", "a book.txt", "--field", "t", "--out", "c.json")
    assert ran.code == 3 and "not a line of JSON" in ran.error
