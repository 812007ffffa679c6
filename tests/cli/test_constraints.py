"""`weft generate --regex, --choices, --json-schema`: what is written, and what is refused."""

import json
import re

import pytest


def test_a_regular_expression(weft, run_folder):
    ran = weft("generate", run_folder, "once", "--regex", "[a-c]{4}z", "--json")
    (sample,) = ran.json["samples"]
    assert re.fullmatch("[a-c]{4}z", sample["text"]) and sample["finish_reason"] == "end"
    assert ran.err == ""


def test_choices_and_their_samples(weft, run_folder):
    ran = weft("generate", run_folder, "once", "--choices", "yes", "--choices", "not so",
               "--samples", 12, "--temperature", 5, "--json")  # fmt: skip
    assert {sample["text"] for sample in ran.json["samples"]} == {"yes", "not so"}


def test_a_schema_that_the_vocabulary_cannot_write(weft, run_folder, tmp_path):
    (tmp_path / "schema.json").write_text(json.dumps({"type": ["null", "string"]}))
    ran = weft("generate", run_folder, "a", "--json-schema", tmp_path / "schema.json", "--json")
    assert ran.json["samples"][0]["text"] == "null"  # there is no quotation mark in it
    (tmp_path / "schema.json").write_text(json.dumps({"type": "string"}))
    ran = weft("generate", run_folder, "a", "--json-schema", tmp_path / "schema.json")
    assert ran.code == 2 and ran.error.startswith("no text that the constraint allows can be")


def test_a_text_that_was_cut_is_told_of(weft, run_folder):
    ran = weft("generate", run_folder, "a", "--regex", "b{9}", "--max-tokens", 4)
    assert ran.out == "abbbb\n" and "was cut before the constraint ended it" in ran.err


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (["--regex", "(a"], 2, "a ( without its ); regular expression, character 3; "),
        (["--regex", "(a{1000}){1000}"], 2, "too large: more than 50,000 states; constraint; "),
        (["--regex", "a", "--choices", "b"], 2, "regex and choices given; constraint; "),
        (["--choices", ""], 2, "1 choices, one of them empty; "),
        (["--json-schema", "FILE"], 2, "'format' beside type is not supported; JSON schema, #; "),
        (["--json-schema", "MALFORMED"], 3, "not JSON: "),
        (["--json-schema", "LARGE"], 3, "larger than 1 MiB; "),
        (["--json-schema", "none.json"], 1, "No such file or directory; none.json; "),
    ],
)
def test_what_cannot_be_a_constraint(weft, run_folder, tmp_path, monkeypatch, options, code, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text('{"type": "string", "format": "date"}')
    (tmp_path / "MALFORMED").write_text("{")
    (tmp_path / "LARGE").write_text(" " * 2_000_000)
    ran = weft("generate", run_folder, "a", *options)
    assert ran.code == code and ran.error.startswith(error)
