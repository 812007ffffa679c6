"""Runs side by side: what is best, what differs, on which scale; as text and as a page."""

import math

import pytest
from folders import CONFIG, lines, write_run
from html_checks import checked
from test_vocabulary import prepared

from weft.errors import ConfigError
from weft.reports.comparison import BITS, NATS, compare
from weft.reports.comparison_page import comparison_page, write_comparison
from weft.reports.comparison_text import text
from weft.tokenizers import BPETokenizer, CharacterTokenizer

OTHER = CONFIG.replace("n_layer = 2", "n_layer = 3").replace("0.003", "0.006")
HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e"


def ended(**result):
    return [
        {"kind": "sample", "step": 60, "text": "words of one"},
        {"kind": "end", "result": result},
    ]


@pytest.fixture
def two(tmp_path):
    slow = [line | {"seconds": 3 * line["seconds"]} for line in lines()]
    results = ended(best_val_loss=2.2, tokens_per_second=10.0), ended(best_val_loss=2.1)
    first = write_run(tmp_path / "one", lines(), results[0])
    return first, write_run(tmp_path / "two", slow, results[1], OTHER)


def test_figures_with_the_best_marked(two):
    compared = compare(two)
    rows = {row.name: row for row in compared.figures}
    assert rows["validation loss"].values == [2.2, 2.1] and rows["validation loss"].best == [1]
    # The second says nothing of its speed: the median of its log is 9,000.
    assert rows["tokens per second"].values == [10.0, 9000.0]
    assert rows["tokens per second"].best == [1] and rows["steps"].best == []
    assert "bits per byte" not in rows  # no run has its tokens
    assert [side.name for side in compared.sides] == ["one", "two"]


def test_only_what_differs(two):
    compared = compare(two)
    differing = {row.name: row.values for row in compared.differences}
    assert differing == {"learning_rate": [0.003, 0.006], "n_layer": [2, 3]}
    assert compared.notes == [] and compared.unit == NATS


def test_curves_over_steps_tokens_and_time(two):
    compared = compare(two)
    first, second = compared.sides
    losses = [line["val_loss"] for line in lines() if "val_loss" in line]
    assert compared.curve(first, "step") == list(zip([20, 40, 60], losses, strict=True))
    assert [x for x, _ in compared.curve(first, "tokens")] == [2560, 5120, 7680]
    times = [[x for x, _ in compared.curve(side, "time")] for side in (first, second)]
    assert times[1] == pytest.approx([3 * x for x in times[0]])
    assert len(compared.curve(first, "step", "train_loss")) == 60


def test_different_tokenizers_are_compared_in_bits_per_byte(two):
    book = "a häuser, a haus, a maus.\n" * 20
    tokenizers = CharacterTokenizer.train(book), BPETokenizer.train([book], 275)
    for run, tokenizer in zip(two, tokenizers, strict=True):
        prepared(run / "data", tokenizer, val=book)
    compared = compare(two)
    assert compared.unit == BITS
    rows = {row.name: row for row in compared.figures}
    assert rows["validation loss"].best == []  # they are of other tokens
    counts = [len(tokenizer.encode(book)) for tokenizer in tokenizers]
    sides = zip((2.2, 2.1), counts, strict=True)
    bits = [loss * n / math.log(2) / len(book.encode()) for loss, n in sides]
    assert rows["bits per byte"].values == pytest.approx(bits)
    assert rows["bits per byte"].best == [bits.index(min(bits))]
    last = compared.curve(compared.sides[0], "step")[-1][1]
    assert last == pytest.approx(lines()[-1]["val_loss"] * bits[0] / 2.2)
    (two[1] / "data" / "val.bin").unlink()
    assert "do not compare them" in compare(two).notes[0] and compare(two).unit == NATS


def test_names_tell_the_runs_apart(tmp_path):
    runs = [write_run(tmp_path / name / "book", lines()) for name in ("a", "b")]
    assert [side.name for side in compare(runs).sides] == ["a/book", "b/book"]
    assert compare(runs).differences == [] and "are the same" in text(
        compare(runs), "step", 80, False, True
    )


def test_other_texts_are_noted(two):
    config = (two[1] / "config.toml").read_text().replace("book.txt", "other.txt")
    (two[1] / "config.toml").write_text(config)
    assert compare(two).notes == ["the runs were trained and validated on different texts"]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_two_to_eight_runs(tmp_path, count):
    runs = [write_run(tmp_path / str(n)) for n in range(count)]
    with pytest.raises(ConfigError, match=f"{count} different runs; compare; name two to eight"):
        compare(runs)
    if runs:
        with pytest.raises(ConfigError, match="different runs"):
            compare([runs[0], runs[0].parent / "." / runs[0].name])


def test_as_text(two):
    said = text(compare(two), "time", 80, colour=False, ascii_only=True)
    assert said.isascii() and "validation loss    2.2000  2.1000*" in said
    assert "by seconds" in said and "n_layer            2      3" in said
    assert "[B] after step 60\nwords of one" in said
    assert max(map(len, said.splitlines())) <= 80
    assert "A" in said and "\x1b" not in said
    coloured = text(compare(two), "step", 80, colour=True, ascii_only=False)
    assert "\x1b[34m" in coloured and "\x1b[31m" in coloured


def test_runs_that_were_hardly_evaluated_are_compared_by_their_training_losses(tmp_path):
    runs = [write_run(tmp_path / name, lines(60, 40)) for name in "ab"]
    compared = compare(runs)
    assert compared.shown == "train_loss"
    assert "training loss, smoothed, nats per token" in text(compared, "step", 80, False, True)
    page = checked(comparison_page(compared))
    assert page.says("Training loss nats per token") and page.says("taken too rarely")


def test_runs_without_curves_or_samples(tmp_path):
    runs = [write_run(tmp_path / name) for name in "ab"]
    said = text(compare(runs), "step", 80, colour=False, ascii_only=False)
    assert "unfinished" in said and "validation loss" not in said
    assert not checked(comparison_page(compare(runs))).of("svg")


def test_as_a_page(two, tmp_path):
    path = write_comparison(compare(two), tmp_path / "both.html")
    page = checked(path.read_text(encoding="utf-8"))
    assert len(page.of("svg")) == 3 and len(page.of("input")) == 3
    assert page.says("by step by tokens by time") and page.says("What differs")
    assert page.says("n_layer 2 3") and page.says("words of one")


def test_hostile_runs_are_only_text(two, tmp_path):
    run = tmp_path / f"{HOSTILE.replace('/', '_')}"
    config = OTHER.replace('"book.txt"', '"<img src=x onerror=alert(1)>"')
    events = [
        {"kind": "sample", "step": 1, "text": HOSTILE},
        {"kind": "begin", "machine": {"isa": [HOSTILE]}},
    ]
    write_run(run, lines(), events, config)
    compared = compare([two[0], run])
    assert "<img" in "".join(checked(comparison_page(compared)).texts)
    said = text(compared, "step", 80, colour=False, ascii_only=False)
    assert "\x1b" not in said and "\u202e" not in said
