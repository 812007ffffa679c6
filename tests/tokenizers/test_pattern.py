import pytest
import regex
from hypothesis import example, given, settings
from texts import NASTY, TEXTS

import tokenizers
from weft.tokenizers.pattern import last_boundary, split

BYTE_LEVEL = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Not all heroes", ["Not", " all", " heroes"]),
        ("it's IT'S it’s", ["it", "'s", " IT", "'", "S", " it", "’", "s"]),
        ("\n    return", ["\n   ", " return"]),
        ("x² + 10", ["x", "²", " +", " 10"]),
        ("a\x1cb", ["a", "\x1c", "b"]),  # U+001C is white space for `re`, not here
        ("  ", ["  "]),
        ("'ll'llx'l", ["'ll", "'ll", "x", "'", "l"]),
    ],
)
def test_pieces(text, pieces):
    assert split(text) == pieces


def hugging_face_pieces(text):
    return [text[a:b] for _, (a, b) in BYTE_LEVEL.pre_tokenize_str(text)]


@given(TEXTS)
@settings(max_examples=1000, deadline=None)
def test_pieces_are_those_of_hugging_face(text):
    assert split(text) == hugging_face_pieces(text)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_pieces_of_nasty_texts(text):
    assert "".join(split(text)) == text
    assert split(text) == hugging_face_pieces(text)


@given(TEXTS, TEXTS)
@example("it'", "s")
@example("it's", "o")
@example("a ", "b")
@example("a  ", "  b")
@example("a\n", "\nb")
@example("1'", "1")
@example("''", "ll")
@settings(max_examples=1000, deadline=None)
def test_a_boundary_holds_whatever_comes_next(before, after):
    cut = last_boundary(before)
    assert split(before[:cut]) + split(before[cut:] + after) == split(before + after)


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_a_boundary_is_missed_only_next_to_a_space_or_an_apostrophe(text):
    """Memory of streams depends on it: only a run of one class has no boundary inside."""
    cut = last_boundary(text)
    classes = regex.sub(r"[^\sLNO]", "O", regex.sub(r"\p{L}", "L", regex.sub(r"\p{N}", "N", text)))
    rest = regex.sub(r"^\s*", "", classes[cut:])
    assert "'" in text or len(set(regex.sub(r"\s", " ", rest))) <= 1


def test_there_is_no_boundary_in_a_run():
    for text in ("", "a", "abc", " abc", "    ", "123", "!?!", "it's"[2:]):
        assert last_boundary(text) == 0
    assert last_boundary("one two three") == len("one two")
    assert last_boundary("one two!") == len("one two")
