"""`weft plan`: choices with reasons, and that `weft train` makes the same ones."""

import json

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def text(folder):
    (folder / "a book.txt").write_text("To be, or not to be, that is the question.\n" * 400)
    return "a book.txt"


def test_it_says_what_and_why(weft, text):
    ran = weft("plan", text, "--minutes", 0.02)
    for word in ("tokenizer", "n_embd", "learning_rate", "steps", "memory", "bits per byte"):
        assert word in ran.out
    plan = weft("plan", text, "--minutes", 0.02, "--n-embd", 32, "--json").json
    given = {choice["name"]: choice["value"] for choice in plan["choices"] if choice["given"]}
    assert given == {"n_embd": 32} and plan["tokens"] > 0 and plan["expected"]["low"] > 0


def test_training_follows_the_plan_that_it_writes(weft, text, folder):
    run = folder / "run"
    weft("train", text, "--minutes", 0.02, "--n-layer", 1, "--out", run)
    plan = json.loads((run / "plan.json").read_text())
    config = (run / "config.toml").read_text()
    for choice in plan["choices"]:
        name, value = choice["name"], choice["value"]
        if name in ("n_layer", "n_embd", "batch_size", "optimizer", "schedule"):
            shown = f'"{value}"' if isinstance(value, str) else value
            assert f"{name} = {shown}\n" in config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no time to plan for"),
        (("--minutes", 1, "--n-head", 5, "--n-embd", 32), "not divisible"),
        (("--minutes", "nan"), "minutes nan"),
    ],
)
def test_wrong_usage_is_one_line(weft, text, arguments, message):
    ran = weft("plan", text, *arguments)
    assert ran.code == 2 and message in ran.error
