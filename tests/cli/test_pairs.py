"""The verbs on an encoder-decoder: train on a file of pairs, generate, eval, info."""

from __future__ import annotations

import pytest

from weft.inference import load


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("a\tb\nb\tc\nc\tab\n" * 20)
    return path


def test_from_pairs_to_targets(weft, file, tmp_path) -> None:
    out = tmp_path / "run"
    sizes = ["--n-layer", 1, "--n-embd", 32, "--n-head", 2, "--learning-rate", 1e-2]
    ran = weft("train", file, "--model", "encoder-decoder", "--out", out, "--steps", 80, *sizes)
    assert ran.code == 0 and " -> " in ran.err

    values = weft("eval", out, file, "--json").json
    assert values["pairs"] == 60 and values["right"] == round(60 * values["exact"])
    assert values["exact"] == 1.0  # three pairs, seen hundreds of times each
    shown = weft("eval", out, file).out
    assert "1.0000 (60 of 60 targets, greedy)" in shown

    assert weft("generate", out, "c", "--temperature", 0).out == "ab\n"
    assert weft("generate", out, "c", "--beams", 2).out == "ab\n"
    assert weft("generate", out, "c", "--cache", "int8", "--temperature", 0).out == "ab\n"
    assert "encoder-decoder" in weft("info", out).out

    copy = tmp_path / "copy"
    assert weft("convert", out, copy, "--to", "weft").code == 0
    assert weft("generate", copy, "c", "--temperature", 0).out == "ab\n"
    assert (
        "no other program has a model" in weft("convert", out, tmp_path / "x", "--to", "hf").error
    )


def test_what_belongs_to_other_models(weft, file, tmp_path) -> None:
    out = tmp_path / "run"
    weft("train", file, "--model", "encoder-decoder", "--out", out, "--steps", 1, "--n-embd", 8)
    assert "--stride is for a running text" in weft("eval", out, file, "--stride", 4).error
    ran = weft("generate", out, "", "--temperature", 0)
    assert ran.code == 2 and "not one line of text" in ran.error


@pytest.mark.slow
def test_dates_to_99_percent(weft, tmp_path, monkeypatch) -> None:
    """The built-in corpus; its last tenth is held out, and no day of it is in the rest."""
    monkeypatch.setenv("WEFT_HOME", str(tmp_path))
    from weft.data import dates

    held_out = list(dates.pairs())[-2000:]
    (tmp_path / "held out.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in held_out))
    options = ["--steps", 1600, "--batch-size", 64, "--learning-rate", 4e-3, "--eval-batches", 8]
    out = tmp_path / "run"
    ran = weft("train", "dates", "--model", "encoder-decoder", "--out", out, *options)
    assert ran.code == 0
    values = weft("eval", out, tmp_path / "held out.tsv", "--json").json
    assert values["pairs"] == 2000 and values["exact"] >= 0.99  # 99.7 % where it was measured
    loaded = load(out)
    beams = [loaded.generate(a, beams=4, max_tokens=20) == b for a, b in held_out[:200]]
    assert sum(beams) >= 0.97 * 200  # fewer than 7 of 200 wrong, where 2 are to be expected
