"""The verbs on an encoder-decoder: train on a file of pairs, generate, eval, info."""

from __future__ import annotations

import pytest


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
