"""`weft sweep`: the table, the picture, JSON, going on, and usage errors."""

import json
import shlex

import pytest

from weft.training import sweep as sweeps

SIZES = ["--set=n_embd=8", "--set=n_head=2", "--set=block_size=8", "--set=batch_size=2"]


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "book.txt"
    path.write_text("the cat sat on the mat, and the dog ran over the hill.\n" * 60)
    return "book.txt"


def test_a_table_a_picture_and_the_next_command(weft, book, tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    words = ["sweep", book, "--steps=3", "--set=learning_rate=1e-5,1e-2", "--set=n_layer=1,2"]
    ran = weft(*words, *SIZES)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].split() == ["learning_rate", "n_layer", "rung", "seconds", "validation", "loss",
                                "run"]  # fmt: skip
    assert [line.split()[0] for line in lines[1:5]] == ["1", "2", "3", "4"]
    best = lines[1].split()
    assert best[3] == "2" and best[-1].startswith("runs/sweep-book-1/point-0")
    assert "A higher rung trained longer" in lines[5]
    # The command to run next is one that runs.
    command = ran.err.split("Next:  ")[1].splitlines()[0]
    assert command.startswith("weft train book.txt --steps 30 --n-embd 8")
    assert f"--learning-rate {best[1]} --n-layer {best[2]}" in command
    assert weft(*shlex.split(command)[1:], "--json").code == 0
    picture = (tmp_path / "runs/sweep-book-1/sweep.svg").read_text()
    assert "<svg" in picture and "Date" not in picture
    again = weft(*words, *SIZES, "--json").json  # another folder
    assert again["folder"] == "runs/sweep-book-2" and again["rungs"][0]["runs"] == 4
    assert [p["rank"] for p in again["points"]] == [1, 2, 3, 4]
    assert f"{again['points'][0]['val_loss']:.4f}" == best[5]
    assert again["next"] == command


def test_resuming(weft, book, monkeypatch, tmp_path):
    real, calls = sweeps.sweep.train, []

    def train(*data, **options):
        calls.append(options)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*data, **options)

    monkeypatch.setattr(sweeps.sweep, "train", train)
    words = ["sweep", book, "--steps=2", "--rungs=1", "--out=s", "--set=learning_rate=1e-5,1e-2"]
    ran = weft(*words, *SIZES, "--set=n_layer=1")
    assert ran.code == 130 and "weft: go on with: weft sweep s --resume" in ran.err
    assert len(json.loads((tmp_path / "s/sweep.json").read_text())["trials"]) == 1
    assert "there is a sweep already; s; go on with" in weft(*words, "--set=n_layer=1").error
    assert "--steps with --resume" in weft("sweep", "s", "--resume", "--steps=3").error
    ran = weft("sweep", "s", "--resume", "--json")
    assert ran.code == 0 and len(ran.json["points"]) == 2 and len(calls) == 3
    assert weft("sweep", "s", "--resume", "--json").json["points"] == ran.json["points"]
    assert len(calls) == 3  # there was nothing left to do


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "nothing to compare; sweep; say --set"),
        (["--set=n_layer=2"], "nothing to compare"),
        (["--set=n_layer=1,2", "--set=n-layer=3"], "an option is set twice"),
        (["--set=n_layer=1..3"], "n_layer is a range; sweep; say how many points"),
        (["--set=n_layer=1,2", "--steps=2", "--minutes=1"], "both steps and minutes"),
        (["--set=n_layer=1,2", "--eta=1"], "eta = 1; sweep; give more than 1"),
        (["--set=n_layer=1,2", "--rungs=99"], "rungs = 99; sweep; give 1 to 10"),
        (["--set=n_layer=1,2", "--minutes=0"], "minutes 0; sweep; give more than 0"),
        (["--set=n_layer=1..4", "--points=999"], "points = 999; sweep; give 1 to 256"),
    ],
)
def test_usage(weft, book, words, error):
    ran = weft("sweep", book, *words)
    assert ran.code == 2 and error in ran.error
