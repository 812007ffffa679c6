"""Constrained text is always in its language, and everything in the language can be written."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import LETTERS, tiny

from weft.errors import ConfigError
from weft.inference.constraint import Vocabulary, constrain
from weft.tokenizers import BPETokenizer, CharacterTokenizer, load_tokenizer

TEXT = 'the cat sat on the mat, "a" {"b": [1, 2, 33]} 2024-01-01 né €5 😀😀 aaa aaaa ab abab\n' * 3
BPE = BPETokenizer.train([TEXT], 300)
PADDED = Vocabulary(BPE, BPE.vocab_size + 5)
ENDLESS = Vocabulary(CharacterTokenizer.train([LETTERS + "é€"], "<unk>"))


def write(language, seed, most=60):
    """What a model of random logits writes: its text, and whether it came to an end."""
    rng, vocabulary, data = np.random.default_rng(seed), language.vocabulary, b""
    constraint = language.start()
    for _ in range(most):
        if constraint.finished:
            break
        logits = rng.standard_normal(vocabulary.size)
        token = int(np.where(constraint.allowed(), logits, -np.inf).argmax())
        constraint.advance(token)
        if token == vocabulary.end:
            break
        data += vocabulary.tokens[token]
    return data, constraint.complete


PATTERNS = [
    "(a|ab)*", "[^a]{2,5}", r"\d{4}-\d\d", r".{0,9}(é|€)?", "(the|a) (cat|mat)s?", r"\w+@\w+\.com",
    "(😀|€)+[a-z]",
]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(PATTERNS), st.integers(0, 2**32 - 1))
def test_what_is_written_matches_the_pattern(pattern, seed):
    data, complete = write(constrain(PADDED, regex=pattern), seed)
    text = data.decode(errors="strict" if complete else "ignore")  # it may end inside a character
    assert regex.fullmatch(pattern, text, regex.ASCII, partial=not complete)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        ["(a|ab)*", "[^a]{2,5}", "(a5|b|c(Z|x7|y))+", "x(é|€|Z)[^a-z]", r"(Q|[a-c]\d?)+"]
    ),
    st.integers(0, 999),
)
def test_a_vocabulary_of_some_characters_never_runs_into_a_dead_end(pattern, seed):
    """Digits, capitals and most of Unicode are not in it: no way through them is opened."""
    language = constrain(ENDLESS, regex=pattern)
    data, complete = write(language, seed)
    text = data.decode()
    assert re.fullmatch(pattern, text) if complete else len(text) == 60


def test_what_is_written_parses():
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 5}, "n": {"type": "integer"}},
        "required": ["n"],
    }
    language, ended = constrain(PADDED, schema=schema), 0
    for seed in range(30):
        data, complete = write(language, seed)
        if complete:
            ended += 1
            value = json.loads(data)
            assert set(value) <= {"name", "n"} and isinstance(value["n"], int)
            assert len(value.get("name", "")) <= 5
    assert ended > 20


@pytest.mark.parametrize("pattern", ["(a|b|ab){1,3}", "the (cat|mat)|né?", "a{4}b|€"])
def test_every_way_to_write_every_text_is_open(pattern):
    """Against all sequences of tokens that can spell a prefix of one of the texts."""
    alphabet = [t for t in PADDED.tokens if t and all(b in "abthecmné €".encode() for b in t)]
    texts = _texts(pattern)
    language = constrain(PADDED, regex=pattern)
    todo, seen = [(language.start(), b"")], set()
    while todo:
        constraint, data = todo.pop()
        if data in seen:
            continue
        seen.add(data)
        allowed = constraint.allowed()
        expected = {t for t in alphabet if any(x.startswith(data + t) for x in texts)}
        assert {PADDED.tokens[i] for i in np.flatnonzero(allowed) if i != PADDED.end} == expected
        assert allowed[PADDED.end] == constraint.complete == (data in texts)
        for token in np.flatnonzero(allowed):
            if token != PADDED.end:
                branch = constraint.copy()
                branch.advance(int(token))
                todo.append((branch, data + PADDED.tokens[token]))
    assert texts <= seen


def _texts(pattern):
    words = ["a", "b", "ab", "the cat", "the mat", "n", "né", "aaaab", "€"]
    together = {x + y + z for x in ["", *words[:3]] for y in ["", *words[:3]] for z in words}
    return {t.encode() for t in together if re.fullmatch(pattern, t)}


@pytest.fixture(scope="module")
def gpt2():
    folder = Path(__file__).parents[3] / "shared" / "data" / "gpt2"
    if not folder.is_dir():
        pytest.skip("../shared/data/gpt2, OpenAI's vocabulary, is not there")
    return Vocabulary(load_tokenizer(folder))


@pytest.mark.parametrize("written", ["", "a", "abc-1", "abc-12", "abc-123 the", "zz the a.", "x "])
def test_masks_of_gpt2_are_those_of_partial_matches(gpt2, written):
    """Each of 50,257 tokens (those of ASCII) against the regex package, which matches starts."""
    pattern = regex.compile(r"[a-z]+(-[0-9]{2,3})?( the| a)*[.!]?\n?")
    constraint = constrain(gpt2, regex=pattern.pattern).start()
    for byte in written.encode():
        constraint.advance(gpt2.tokens.index(bytes([byte])))
    allowed = constraint.allowed()
    for i, token in enumerate(gpt2.tokens[:-1]):
        if token.isascii():
            text = written + token.decode()
            assert allowed[i] == bool(pattern.fullmatch(text, partial=True)), text
    assert allowed[gpt2.end] == bool(pattern.fullmatch(written))


def test_choices_come_whole_and_end():
    language = constrain(PADDED, choices=["cat", "category", "né"])
    written = {write(language, seed) for seed in range(40)}
    assert written == {(b"cat", True), (b"category", True), ("né".encode(), True)}
    constraint = language.start()
    for token in BPE.encode("cat"):
        constraint.advance(token)
    assert constraint.complete and not constraint.finished  # "category" may still come
    constraint.advance(PADDED.end)
    assert constraint.finished and constraint.complete and not constraint.allowed().any()
    with pytest.raises(ValueError, match="not allowed"):
        constraint.advance(PADDED.end)


def test_without_an_end_token_a_text_ends_where_nothing_may_follow():
    language = constrain(ENDLESS, choices=["no", "nothing"])
    assert ENDLESS.end is None
    assert {write(language, seed)[0] for seed in range(20)} == {b"nothing"}
    constraint = language.start()
    for letter in "nothing":
        assert not constraint.finished
        constraint.advance(ENDLESS.tokens.index(letter.encode()))
    assert constraint.finished and constraint.complete


def test_tokens_that_write_nothing_are_never_allowed():
    special = BPETokenizer.train([TEXT], 280, ["<|endoftext|>", "<|user|>"])
    vocabulary = Vocabulary(special, 290)
    allowed = constrain(vocabulary, regex=".*").start().allowed()
    assert allowed[: len(special.merges) + 256].sum() > 150
    assert (
        not allowed[special.special_tokens["<|user|>"]] and not allowed[special.vocab_size :].any()
    )
    assert allowed[special.end_of_text]
    unknown = ENDLESS.tokens.index(b"")
    assert not constrain(ENDLESS, regex=".*").start().allowed()[unknown]


def test_a_token_that_is_not_allowed_is_an_error_and_changes_nothing():
    constraint = constrain(PADDED, choices=["cat"]).start()
    before = constraint.allowed()
    for token in (BPE.encode("x")[0], PADDED.end, -1, PADDED.size, PADDED.size - 1):
        with pytest.raises(ValueError, match="not allowed here"):
            constraint.advance(token)
    assert np.array_equal(constraint.allowed(), before)


def test_what_the_vocabulary_cannot_write_is_refused():
    with pytest.raises(ConfigError, match="no text that the constraint allows can be written"):
        constrain(ENDLESS, choices=["QUIT", "42"])


def test_masks_are_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr("weft.inference.constraint.MOST_MASKS", 3)
    language = constrain(PADDED, regex="(ab){9}")
    assert write(language, 1) == (b"ab" * 9, True)
    assert 1 <= len(language._masks) <= 3
    first = language.start().allowed()
    assert np.array_equal(first, language.start().allowed())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "no constraint given"),
        ({"regex": "a", "choices": ["b"]}, "regex and choices given"),
        ({"choices": []}, "0 choices"),
        ({"choices": ["a", ""]}, "2 choices, one of them empty"),
        ({"choices": ["\ud800"]}, "a choice is not valid Unicode"),
        ({"choices": ["a"] * 10_001}, "10001 choices"),
        ({"choices": ["abcdef" * 20] * 9_999}, "too large: more than 50,000 states"),
        ({"schema": []}, "[] is not an object"),
    ],
)
def test_wrong_constraints(options, error):
    with pytest.raises(ConfigError) as caught:
        constrain(PADDED, **options)
    assert error in str(caught.value) and "\n" not in str(caught.value)


WAYS = [
    {"top_k": 2, "repetition_penalty": 1.5}, {"temperature": 0}, {"beams": 3, "temperature": 0},
    {"prompt_lookup": 3}, {"contrastive_alpha": 0.5, "top_k": 4},
]  # fmt: skip


@pytest.mark.parametrize("options", WAYS)
def test_a_model_writes_what_it_must(options):
    """The constraint comes before the other filters: they cannot remove all that it leaves."""
    loaded = tiny("gpt2", 32)
    options = {"max_tokens": 25, **options}
    pattern = "([a-m]{3} ){1,3}(yes|no)"
    language = loaded.constrain(regex=pattern)
    for seed in range(5):
        text = loaded.generate("once", constraint=language, seed=seed, **options)
        assert re.fullmatch(pattern, text)
    assert loaded.generate("once", constraint=loaded.constrain(choices=["qq"])) == "qq"


def test_texts_of_a_batch_share_a_language_and_not_their_places():
    loaded = tiny("gpt2", 32)
    language = loaded.constrain(regex="[a-f]{2}( [a-f]{2}){1,4}q")
    prompts = ["a", "the", "the", "dog"]
    texts = loaded.generate_batch(prompts, constraint=language, seed=3, max_tokens=20)
    alone = [
        loaded.generate(prompt, constraint=language, seed=3 + i, max_tokens=20)
        for i, prompt in enumerate(prompts)
    ]
    assert texts == alone and all(re.fullmatch("[a-f ]+q", text) for text in texts)


HOSTILE = [
    "(a+)+$", "(x+x+)+y", "(a{1000}){1000}", "((){9999}){9999}", "(.*a.{2000})",
    "(a?){3000}a{3000}", "(.?){3000}", r"(\w|\w\w|\w\w\w){1,500}",
    "(.*)*" * 1000, ".*" * 5000, "(.|..|...|....){1,400}",
    "(" * 50 + "a" + ")*" * 50,
]  # fmt: skip


@pytest.mark.parametrize("pattern", HOSTILE)
def test_hostile_patterns_cost_little_or_are_refused(pattern, monkeypatch):
    """Every step is counted: the work is bounded by the limits, not by the pattern."""
    monkeypatch.setattr("weft.inference.automaton.MOST_STEPS", 300_000)
    monkeypatch.setattr("weft.inference.automaton.MOST_SETS", 3_000)
    try:
        language = constrain(PADDED, regex=pattern)
        for seed in range(3):
            write(language, seed)
        assert len(language.automaton) <= 3_000 and language.automaton._steps <= 300_000
    except ConfigError as error:
        assert str(error).startswith("too large: ") and "\n" not in str(error)
