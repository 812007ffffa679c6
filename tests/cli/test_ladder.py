"""`weft ladder`: one tokenizer, one text, a table, reasons, a picture, and runs that load."""

import json
import random
import xml.etree.ElementTree as ET

import pytest

from weft.cli import ladder
from weft.inference import load

WORDS = ["the", "cat", "dog", "bird", "sat", "ran", "flew", "over", "mat", "hill", "and", "then"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = random.Random(0).choices(WORDS, k=3000)
    (tmp_path / "a book.txt").write_text(" ".join(words).replace(" then ", ".\n"))
    small = {
        "bow": {"n_embd": 8, "context_size": 3, "batch_size": 4, "block_size": 8},
        "mlp": {"context_size": 6, "n_embd": 8, "intermediate_size": 32, "block_size": 8},
    }
    rungs = [ladder.Rung(name, 1, options) for name, options in small.items()]
    monkeypatch.setattr(ladder, "RUNGS", tuple(rungs))
    return tmp_path


def test_table_reasons_picture_and_runs(weft, folder):
    pytest.importorskip("matplotlib")
    arguments = ("ladder", "a book.txt", "--minutes", 0.02, "--models", "mlp,bow", "--json")
    ran = weft(*arguments, "--tokenizer", "char")
    assert ran.code == 0, ran.err
    values = json.loads(ran.out)
    mlp, bow = values["rungs"]
    assert [mlp["model"], bow["model"]] == ["mlp", "bow"]
    for row in (mlp, bow):
        loaded = load(folder / "runs/ladder" / row["model"])
        weights = loaded.model.state_dict().values()
        assert row["parameters"] == sum(tensor.array.size for tensor in weights)
        assert 0 < row["bits_per_byte"] < 8 and row["tokens"] > 0
        assert loaded.generate("", max_tokens=120, seed=1337) == row["sample"]
    tokenizers = {
        (folder / "runs/ladder" / name / "data/tokenizer.json").read_text()
        for name in ("mlp", "bow")
    }
    assert len(tokenizers) == 1
    assert (bow["why_not_below"] is None) == (bow["bits_per_byte"] < mlp["bits_per_byte"])
    assert ET.parse(folder / values["picture"]).getroot().tag.endswith("svg")
    again = weft(*arguments)
    assert again.code == 2 and "there is a run already" in again.err
    assert weft(*arguments, "--overwrite").code == 0


def test_the_text_of_a_table():
    row = {"parameters": 1234, "seconds": 3.2, "tokens_per_second": 5000.4, "sample": "\na b\n"}
    rows = [
        {**row, "model": "ngram", "bits_per_byte": 2.0, "best_before": None},
        {**row, "model": "mlp", "bits_per_byte": 2.5, "best_before": "ngram"},
    ]
    rows[0]["why_not_below"], rows[1]["why_not_below"] = None, "is too small"
    shown = ladder.text(rows)
    assert "ngram       1,234          2.000        3              5,000" in shown
    assert "mlp is not below ngram: is too small." in shown
    assert shown.endswith("[mlp]\na b")


def test_reasons_follow_from_the_numbers():
    others = [{"model": "ngram", "bits_per_byte": 2.0}, {"model": "bow", "bits_per_byte": 4.0}]
    row = {"model": "lstm", "bits_per_byte": 2.5, "tokens": 500, "training_tokens": 100}

    def why(**values):
        best, reason = ladder._why_not_below({**row, "loss": 1.7, **values}, others)
        assert best == "ngram"
        return reason

    assert why(bits_per_byte=1.9, train_loss=1) is None
    assert "over-fits: 1.00" in why(train_loss=1.0)
    assert "after 5.0 passes" in why(train_loss=1.65)
    assert "order" in why(model="bow", train_loss=1.65)
    assert ladder._why_not_below(row, []) == (None, None)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--models", "mlp,cnn"), "unknown model 'cnn'"),
        (("--models", "mlp,mlp"), "name each once"),
        (("--models", ""), "one at least"),
        (("--minutes", 0), "more than 0"),
    ],
)
def test_wrong_options(weft, folder, options, says):
    ran = weft("ladder", "a book.txt", *options)
    assert ran.code == 2 and says in ran.err and ran.err.count("\n") == 1
