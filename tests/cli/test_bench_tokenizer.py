import pytest

from weft.cli.bench_tokenizer import _check_same, rates, table
from weft.cli.bench_turns import Outcome
from weft.errors import WeftError

TEXT = "Once upon a time there was a cat, and the cat's hat was red.\nİt 12 ☃\r\n" * 40


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_bytes(TEXT.encode())
    return tmp_path / "text.txt"


def test_it_takes_turns_with_the_peers(weft, text):
    pytest.importorskip("tiktoken")
    pytest.importorskip("tokenizers")
    words = ["bench", "tokenizer", text, "--vocab-size", 280, "--turns", 1, "--json"]
    ran = weft(*words, "--compare", "tiktoken,tokenizers")
    assert ran.code == 0, ran.err
    values = ran.json
    assert values["text_bytes"] == len(TEXT.encode()) and values["vocab_size"] == 280
    assert values["tokens"] < values["text_bytes"] / 2
    speeds = values["megabytes_per_second"]
    assert set(speeds) == {"weft", "tiktoken", "tokenizers"}
    assert min(rate for side in speeds.values() for rate in side.values()) > 0
    assert values["ratios"]["tiktoken"]["decode"] == pytest.approx(
        speeds["weft"]["decode"] / speeds["tiktoken"]["decode"]
    )
    assert "train" in values["ratios"]["tokenizers"]


def test_alone_with_a_given_tokenizer_and_a_part_of_the_text(weft, text, tmp_path):
    weft("tokenizer", "train", text, "--out", tmp_path, "--vocab-size", 270)
    words = ["bench", "tokenizer", text, "--tokenizer", tmp_path, "--vocab-size", 280]
    ran = weft(*words, "--turns", 1, "--megabytes", 0.001)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[1].startswith("weft ") and "tokens of 270; training makes 280" in lines[-1]
    assert lines[-1].startswith("1,0")  # thousand characters, some of more bytes


def test_rates_and_table():
    values = rates(2_000_000, {"weft encode": 10.0, "weft encode to a list": 20.0,
        "weft decode": 5.0, "weft train": 500.0, "tokenizers encode to a list": 100.0,
        "tokenizers decode": 10.0, "tokenizers train": 1000.0})  # fmt: skip
    ours = {"encode": 200, "encode to a list": 100, "decode": 400, "train": 4}
    assert values["megabytes_per_second"]["weft"] == {**ours, "train_seconds": 0.5}
    assert values["ratios"] == {"tokenizers": {"encode to a list": 5, "decode": 2, "train": 2}}
    sizes = {"text_bytes": 5, "tokens": 2, "vocab_size": 9, "trained_vocab_size": 8}
    assert "20.0 (5.0 x)" in table({**values, **sizes})


def test_other_ids_are_no_comparison():
    outcomes = {name: Outcome(losses=[1.0]) for name in ("weft encode", "tiktoken encode")}
    _check_same(outcomes)
    outcomes["tiktoken encode"].losses = [2.0]
    with pytest.raises(WeftError, match="tiktoken gives another result than Weft at: encode;"):
        _check_same(outcomes)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--vocab-size", 256], "vocab_size = 256; bench tokenizer"),
        (["--turns", 0], "--turns 0; bench tokenizer"),
        (["--megabytes", 0], "--megabytes 0.0; bench tokenizer"),
        (["--compare", "other"], "--compare other; bench tokenizer; give tiktoken, tokenizers"),
        (["--compare", "tiktoken,tiktoken"], "--compare tiktoken,tiktoken; bench tokenizer"),
    ],
)
def test_refused(weft, text, words, error):
    ran = weft("bench", "tokenizer", text, *words)
    assert ran.code == 2 and error in ran.error


def test_a_peer_that_is_not_installed(weft, text, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ran = weft("bench", "tokenizer", text, "--compare", "tiktoken")
    assert ran.code == 1 and "tiktoken is not installed; bench tokenizer" in ran.error


def test_a_tokenizer_of_characters(weft, text, run_folder):
    ran = weft("bench", "tokenizer", text, "--tokenizer", run_folder)
    assert ran.code == 2 and "not a tokenizer of byte pairs" in ran.error
