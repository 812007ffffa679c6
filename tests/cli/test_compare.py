"""`weft compare` as a command: text, JSON, a page, and what it refuses."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))
from folders import CONFIG, lines, write_run


@pytest.fixture
def two(tmp_path):
    other = CONFIG.replace("n_layer = 2", "n_layer = 3")
    return write_run(tmp_path / "one", lines()), write_run(
        tmp_path / "two", lines(40, 10), config=other
    )


def test_text_and_page(weft, two, tmp_path):
    ran = weft("compare", *two, "--by", "tokens", "--html", tmp_path / "both.html")
    assert ran.code == 0 and "validation loss, nats per token, by tokens" in ran.out
    assert "weft: wrote " in ran.err and (tmp_path / "both.html").stat().st_size > 10_000


def test_json(weft, two):
    values = weft("compare", *two, "--json").json
    assert [run["name"] for run in values["runs"]] == ["one", "two"]
    assert [line["step"] for line in values["runs"][1]["curve"]] == [10, 20, 30, 40]
    assert values["differences"] == {"n_layer": [2, 3]}
    assert values["best"]["validation_loss"] == [0] and values["unit"] == "nats per token"
    assert values["runs"][0]["figures"]["tokens"] == 7680 and values["html"] is None


def test_refusals(weft, two, tmp_path):
    assert weft("compare", two[0]).error == (
        "1 different runs; compare; name two to eight, each once"
    )
    assert weft("compare", two[0], tmp_path).error.startswith("no run; ")
    (two[1] / "metrics.jsonl").write_text("{}\n")
    ran = weft("compare", *two)
    assert ran.code == 3 and ran.error.startswith("line 1 has no step; ")
    assert weft("compare").code == 2
    ran = weft("compare", two[0], two[0])
    assert ran.code == 2
