import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import TEXTS

from weft.errors import ConfigError, DataError
from weft.tokenizers import CharacterTokenizer


def test_sorted_characters_of_shakespeare(shakespeare):
    """The 65 characters and the first ids of nanoGPT's `data/shakespeare_char`."""
    tokenizer = CharacterTokenizer.train([shakespeare])
    characters = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert [tokenizer.decode([id]) for id in range(tokenizer.vocab_size)] == list(characters)
    assert tokenizer.encode("First Ci") == [18, 47, 56, 57, 58, 1, 15, 47]
    assert tokenizer.decode(tokenizer.encode_array(shakespeare)) == shakespeare


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])), st.data())
@settings(max_examples=500, deadline=None)
def test_any_text_of_known_characters_comes_back(text, data):
    tokenizer = CharacterTokenizer.train([text])
    other = data.draw(st.text(sorted(set(text))))
    ids = tokenizer.encode(other)
    assert ids == [sorted(set(text)).index(c) for c in other]
    assert tokenizer.decode(ids) == other


@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_unknown_characters_become_the_fallback(known, text):
    for unknown in ("<unk>", "?", "🧵"):
        tokenizer = CharacterTokenizer.train([known + "a"], unknown)
        expected = [c if c in known + "a" else unknown for c in text]
        assert tokenizer.decode(tokenizer.encode(text)) == "".join(expected)
        assert len(tokenizer.encode(text)) == len(text)


def test_the_layout():
    tokenizer = CharacterTokenizer.train(["ba", "ca"], "<unk>", ["<|endoftext|>", "<|user|>"])
    assert [tokenizer.decode([id]) for id in range(6)] == [
        *("a", "b", "c", "<unk>", "<|endoftext|>", "<|user|>")
    ]
    assert tokenizer.special_tokens == {"<|endoftext|>": 4, "<|user|>": 5}
    assert tokenizer.end_of_text == 4
    assert tokenizer.unknown == "<unk>"


def test_a_text_cannot_spell_the_fallback_or_a_special_token():
    tokenizer = CharacterTokenizer.train(["<unk>|edoftx"], "<unk>", ["<|endoftext|>"])
    assert len(tokenizer.encode("<unk>")) == 5
    assert len(tokenizer.encode("<|endoftext|>")) == 13
    assert len(tokenizer.encode("<|endoftext|>", "all")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("héllo", r"unknown character '\\xe9' \(U\+00E9\); first at character 1;"),
        ("😀\x1b[", r"unknown characters '\\U0001f600' \(U\+1F600\), '\\x1b' \(U\+001B\), '\['"),
        ("hell" + "0123456789éé" * 2, r"'9' \(U\+0039\) and 1 more; first at character 4;"),
    ],
)
def test_unknown_characters_are_named(text, message):
    with pytest.raises(DataError, match=message) as raised:
        CharacterTokenizer.train(["hello"]).encode(text)
    assert "\n" not in str(raised.value) and str(raised.value).isprintable()


def test_the_place_is_that_in_the_whole_text():
    tokenizer = CharacterTokenizer.train(["hello\n"], special_tokens=["<|user|>"])
    with pytest.raises(DataError, match="first at character 200007;"):
        list(tokenizer.encode_stream(["hell"] * 50_000 + ["hello\n", "h!"]))
    with pytest.raises(DataError, match="first at character 11;"):
        tokenizer.encode("he<|user|>h!", allowed_special="all")


def test_a_vocabulary_of_all_code_points_fits():
    points = [*range(0, 0xD800, 3), *range(0xE000, 0x110000, 3), 0x10FFFF]
    tokenizer = CharacterTokenizer.train(["".join(map(chr, points))])
    assert tokenizer.vocab_size == len(points) > 1 << 16
    text = "".join(map(chr, points[::-997]))
    np.testing.assert_array_equal(
        tokenizer.encode_array(text), np.arange(len(points), dtype=np.uint32)[::-997]
    )


def test_nothing_to_learn():
    for chunks in ([], "", ["", ""]):
        with pytest.raises(DataError, match="the text is empty"):
            CharacterTokenizer.train(chunks)


def test_surrogates_are_refused_everywhere():
    with pytest.raises(DataError, match=r"U\+DC00; at character 4;"):
        CharacterTokenizer.train(["abc", "d\udc00"])
    for unknown in (None, "<unk>"):
        with pytest.raises(DataError, match=r"U\+DC00; at character 1;"):
            CharacterTokenizer.train(["abc"], unknown).encode("a\udc00")


@pytest.mark.parametrize(
    ("unknown", "special"),
    [("", []), ("<unk>", ["<unk>"]), (None, ["<a>", "<a>"]), (None, ["x"]), (None, [""])],
)
def test_names_that_cannot_be(unknown, special):
    with pytest.raises(ConfigError, match=r"special token|token names"):
        CharacterTokenizer.train(["abc"], unknown, special)
