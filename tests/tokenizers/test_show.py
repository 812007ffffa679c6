import pytest

from weft.tokenizers import CharacterTokenizer, show
from weft.tokenizers.show import visible


def test_pieces(gpt2):
    shown = show(gpt2, "Hi 🧵\n<|endoftext|>", {"<|endoftext|>"})
    assert [piece.text for piece in shown.pieces] == [
        *("Hi", r" \xf0\x9f", r"\xa7", r"\xb5", r"\n", "<|endoftext|>")
    ]
    assert b"".join(piece.bytes for piece in shown.pieces).decode() == "Hi 🧵\n<|endoftext|>"
    assert [piece.id for piece in shown.pieces] == gpt2.encode("Hi 🧵\n<|endoftext|>", "all")
    assert [piece.special for piece in shown.pieces] == [False] * 5 + [True]
    assert shown.text_bytes == 21 and shown.bytes_per_token == 3.5


def test_nothing(gpt2):
    assert show(gpt2, "").pieces == [] and show(gpt2, "").bytes_per_token == 0.0


def test_bytes_are_those_of_the_text_not_of_the_fallback():
    shown = show(CharacterTokenizer.train(["ab"], "<unk>"), "a中")
    assert shown.text_bytes == 4 and shown.bytes_per_token == 2.0
    assert [piece.text for piece in shown.pieces] == ["a", "<unk>"]


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (b" the", " the"),
        ("é中🧵".encode(), "é中🧵"),
        (b"\n\t\x00\x1b[0m", r"\n\t\x00\x1b[0m"),
        ("\u202e\u2028".encode(), r"\u202e\u2028"),
        (b"\xf0\x9fa", r"\xf0\x9fa"),
    ],
)
def test_visible(token, text):
    assert visible(token) == text and visible(token).isprintable()
