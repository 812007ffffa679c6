"""`weft report`, and the report that `weft train` leaves behind, however it ends."""

import pytest

from weft import training
from weft.errors import NonFiniteError
from weft.training import train
from weft.training.progress import Progress

TEXT = "The cat sat on the mat, and the dog sat too.\n" * 40
SMALL = ["--steps", 3, "--n-layer", 1, "--n-head", 1, "--n-embd", 8, "--block-size", 8]
SMALL += ["--batch-size", 2, "--eval-batches", 1, "--sample-tokens", 4]


@pytest.fixture
def book(tmp_path):
    (tmp_path / "book.txt").write_text(TEXT)
    return tmp_path / "book.txt"


def test_training_leaves_a_report_and_report_makes_it_again(weft, book, tmp_path):
    ran = weft("train", book, "--out", tmp_path / "run", *SMALL)
    page = tmp_path / "run" / "report.html"
    assert ran.code == 0 and str(page) in ran.out
    made = page.read_text(encoding="utf-8")
    assert "Samples over time" in made and "Where the time went" in made
    page.unlink()
    assert weft("report", tmp_path / "run").out == f"{page}\n"
    assert page.read_text(encoding="utf-8") == made
    ran = weft("report", tmp_path / "run", "--out", tmp_path / "a.html", "--json")
    assert ran.json["report"] == str(tmp_path / "a.html")
    assert weft("train", book, "--out", tmp_path / "run", "--overwrite", *SMALL).code == 0


def test_a_report_that_fails_does_not_fail_the_run(weft, book, tmp_path):
    (tmp_path / "run" / "report.html").mkdir(parents=True)
    ran = weft("train", book, "--out", tmp_path / "run", *SMALL, "--json")
    assert ran.code == 0 and ran.json["steps"] == 3
    assert "weft: warning: no report: cannot write the page" in ran.err


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (NonFiniteError("nan; run; lower it"), 1)]
)
def test_a_run_that_does_not_end_by_itself_has_a_report(
    weft, book, tmp_path, monkeypatch, error, code
):
    def interrupted(*arguments, **options):
        train(*arguments, **{**options, "progress": Progress()})
        raise error

    monkeypatch.setattr(training, "train", interrupted)
    assert weft("train", book, "--out", tmp_path / "run", *SMALL).code == code
    assert (tmp_path / "run" / "report.html").exists()


def test_who_stops_a_run_with_a_long_log_does_not_wait(weft, book, tmp_path, monkeypatch):
    def interrupted(*arguments, out, **options):
        train(*arguments, out=out, steps=1, n_layer=1, n_head=1, n_embd=8, progress=Progress())
        with (tmp_path / "run" / "metrics.jsonl").open("r+b") as file:
            file.truncate(17 << 20)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupted)
    ran = weft("train", book, "--out", tmp_path / "run")
    assert ran.code == 130 and "no report" not in ran.err
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_run_that_never_began_has_none(weft, book, tmp_path):
    assert weft("train", book, "--out", tmp_path / "run", "--block-size", 100_000).code != 0
    assert not (tmp_path / "run" / "report.html").exists()
    assert weft("report", tmp_path / "run").error.startswith("no run; ")
    assert weft("report", tmp_path / "nothing").code == 2
