"""The very ids of tiktoken and `tokenizers`, with GPT-2's files: random, nasty and real texts."""

import random
import unicodedata

import pytest
from scripts import SCRIPTS
from texts import FRAGMENTS

from weft.errors import DataError

NEWLINES = ["\n", "\r\n", "\r", "\n\n", "\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\n \n", "\t\n"]
FEW = " \n\t'sltrevmd1a\u00e9!<|>\u4e2d\U0001f9f5"


@pytest.fixture(scope="module")
def known():
    """Every character of Unicode 14, of which the peers' tables agree with ours; by its plane."""
    planes: dict[int, list[str]] = {}
    for point in range(0x110000):
        # No plane from 4 to 13 has characters: whatever the table, they are in no class.
        if 4 <= point >> 16 <= 13 or unicodedata.category(chr(point)) not in ("Cn", "Cs"):
            planes.setdefault(point >> 16, []).append(chr(point))
    assert len(planes) == 17
    return list(planes.values())


def any_text(generator, known):
    """A short text of one of many kinds."""
    some = generator.choices
    character = lambda: generator.choice(generator.choice(known))  # noqa: E731
    length = generator.randrange(1, 60)
    kinds = [
        lambda: [character() for _ in range(length)],  # all planes
        lambda: some(generator.choice(known), k=length),  # one plane
        lambda: some([chr(c) for c in range(128)], k=length),
        lambda: some(FEW, k=length),
        lambda: some(FRAGMENTS, k=length // 3 + 1),
        lambda: [c for c in FRAGMENTS for c in (c, generator.choice(NEWLINES))][:length],
        lambda: some([*NEWLINES, "a", " ", "word", "1", "!"], k=length),
        lambda: [generator.choice([*FEW, character()]) * generator.randrange(1, 200)],  # runs
        lambda: some(generator.choice(list(SCRIPTS.values())), k=length),  # letters at random
    ]
    return "".join(generator.choice(kinds)())


def check(texts, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    ours = [gpt2.encode(text) for text in texts]
    assert [gpt2.decode(ids) for ids in ours] == texts
    for text, ids in zip(texts, ours, strict=True):
        assert ids == tiktoken_gpt2.encode_ordinary(text), text[:200]
    for text, ids, theirs in zip(texts, ours, hugging_face_gpt2.encode_batch(texts), strict=True):
        assert ids == theirs.ids, text[:200]


def test_random_texts(known, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    generator = random.Random(1)
    texts = [any_text(generator, known) for _ in range(3000)]
    check(texts, gpt2, tiktoken_gpt2, hugging_face_gpt2)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(2, 22))
def test_a_hundred_thousand_texts(seed, known, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    generator = random.Random(seed)
    texts = [any_text(generator, known) for _ in range(5000)]
    check(texts, gpt2, tiktoken_gpt2, hugging_face_gpt2)


@pytest.mark.parametrize("character", "a 1!\n\u00e9\U0001f9f5")
def test_runs_of_a_hundred_thousand(character, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    texts = [character * 100_000, "x" + character * 100_000 + "y"]
    check(texts, gpt2, tiktoken_gpt2, hugging_face_gpt2)


@pytest.mark.parametrize("script", SCRIPTS)
def test_real_texts(script, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    text = SCRIPTS[script]
    words = text.split(" ")
    texts = [text, text * 3, text.upper(), "\n".join(words), "'".join(words), text[::-1]]
    check(texts, gpt2, tiktoken_gpt2, hugging_face_gpt2)


def test_all_scripts_in_one_text(gpt2, tiktoken_gpt2, hugging_face_gpt2):
    check(["".join(SCRIPTS.values())], gpt2, tiktoken_gpt2, hugging_face_gpt2)


@pytest.mark.parametrize("text", ["\ud83d", "a\ud83d b", "\udcff\udc00!", "\ude00\ud83d"])
def test_lone_surrogates_are_an_error_and_not_another_text(text, gpt2, tiktoken_gpt2):
    """tiktoken encodes U+FFFD in their place; `tokenizers` refuses them as Weft does."""
    with pytest.raises(DataError, match="lone surrogate"):
        gpt2.encode(text)
    replaced = "".join("\ufffd" if "\ud800" <= c < "\ue000" else c for c in text)
    assert gpt2.encode(replaced) == tiktoken_gpt2.encode_ordinary(text)
