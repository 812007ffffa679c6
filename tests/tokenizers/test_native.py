"""The native twins against the definitions: every code point, any text, any merges, any call."""

import contextlib
import copy
import pickle
import random
import sys
import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_bpe_training import SMALL
from test_byte_pairs import tables
from texts import FRAGMENTS, NASTY, TEXTS

from weft.errors import DataError
from weft.kernels.active import native
from weft.tokenizers import BPETokenizer, CharacterTokenizer, active, bpe_training
from weft.tokenizers.byte_alphabet import BYTE_ORDER
from weft.tokenizers.byte_pairs import merge_pairs
from weft.tokenizers.encoder import Encoder
from weft.tokenizers.pattern import split

pytestmark = pytest.mark.skipif(
    not hasattr(native, "BytePairEncoder"), reason="runs on the definitions alone"
)

ANY_TEXT = st.one_of(TEXTS, st.text(max_size=60), st.lists(st.sampled_from(FRAGMENTS)).map("".join))


# ----- the pattern


def shown_classes(points):
    """A letter joins the "a" before it, a number the "1", another sign the "!", a space none."""
    return "".join(f"a{c}1{c}!{c}\n" for c in map(chr, points))


def test_every_code_point_is_what_regex_says():
    text = shown_classes(point for point in range(0x40000) if not 0xD800 <= point < 0xE000)
    advice = "another Unicode than that of the table; run csrc/tokenizer_classes.py, and build"
    assert native.split_pieces(text) == split(text), advice
    above = "!" + "".join(map(chr, range(0x40000, sys.maxunicode + 1)))  # none has a class
    assert native.split_pieces(above) == split(above) == [above], advice


def test_a_wrong_class_is_noticed():
    """The test above can fail: each class is cut in another way."""
    cuts = {tuple(map(len, split(shown_classes([ord(c)])))) for c in "b2?\t"}
    assert len(cuts) == 4


@given(ANY_TEXT)
@settings(max_examples=500, deadline=None)
def test_pieces_are_those_of_the_pattern(text):
    assert native.split_pieces(text) == split(text)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_pieces_of_nasty_texts(text):
    assert native.split_pieces(text) == split(text)


def test_half_a_surrogate_pair_is_left_to_the_definition(gpt2):
    assert native.split_pieces("a\ud83d") is NotImplemented
    assert native.PieceCounter().add("a\ud83d") is False
    assert native.learn_merges({"a\ud83d": 1}, 5, bytes(BYTE_ORDER)) is NotImplemented
    with pytest.raises(DataError, match="at character 1"):
        gpt2.encode("a\ud83d")


# ----- merging and encoding


def native_merge(ids, table):
    """merge_pairs by the native twin; the ranks of `table` are 0, 1, 2 ... in its order."""
    merges = np.array([(*pair, merged) for pair, (_, merged) in table.items()], dtype=np.int64)
    encoder = native.BytePairEncoder(np.full(256, -1, np.int64), merges.reshape(-1, 3))
    return encoder.merge(ids)


@given(st.lists(st.integers(0, 3), max_size=120), tables())  # short pieces, and those with a heap
@settings(max_examples=300, deadline=None)
def test_merges_equal_the_definition(ids, table):
    assert native_merge(ids, table) == merge_pairs(list(ids), table)


@pytest.mark.parametrize("length", [*range(4), *range(45, 52), 1000])
def test_overlapping_pairs_are_taken_from_the_left(length):
    table = {(0, 0): (0, 1)}
    assert native_merge([0] * length, table) == merge_pairs([0] * length, table)


def definition_of(tokenizer):
    tokens = [tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)]
    special = set(tokenizer.special_tokens.values())
    ids = {token: id for id, token in enumerate(tokens) if id not in special}
    return Encoder(
        [ids.get(bytes([byte]), -1) for byte in range(256)],
        {(a, b): (n, ids[tokens[a] + tokens[b]]) for n, (a, b) in enumerate(tokenizer.merges)},
    )


@given(st.lists(ANY_TEXT, max_size=3))
@settings(max_examples=300, deadline=None)
def test_ids_equal_the_definition(small, texts):
    definition = definition_of(small)
    for text in [*texts, "".join(texts)]:  # the cache is warm for the last
        assert small.encode(text) == definition.encode(text).tolist()


def test_more_pieces_than_are_remembered(small):
    """Some fill a place of their own, some share places, and long ones need more memory."""
    generator = random.Random(4)
    words = [
        "".join(generator.choices("etaoinshrdlu\u00e9\u4e2d", k=generator.randint(1, 40)))
        for _ in range(40_000)
    ]
    text = " ".join(words + words[::-1] + words[:1000] * 5)
    assert np.array_equal(small.encode_array(text), definition_of(small).encode(text))


@pytest.mark.parametrize("size", range(1, 70))
def test_pieces_of_each_size_at_the_end_of_a_text(small, size):
    """The cache reads 16 bytes at once, but not beyond the end."""
    definition = definition_of(small)
    for text in ("x" * size, "ab" * size, "\u00e9" * size, "q " + "xyz" * size):
        for repeated in (text, f"{text} {text} {text}"):
            assert small.encode(repeated) == definition.encode(repeated).tolist()


def test_a_missing_byte_is_named_as_by_the_definition():
    tokenizer = BPETokenizer([b"a", b"b", b"ab"], [(0, 1)])
    assert tokenizer.encode("aba") == [2, 0]
    with pytest.raises(DataError, match="byte 0x63 of 'abc' is not in the vocabulary"):
        tokenizer.encode("abc")
    assert tokenizer.encode("aba") == [2, 0]


def test_threads_encode_with_one_tokenizer(shakespeare, gpt2):
    texts = [shakespeare[start : start + 100_000] for start in range(0, 400_000, 100_000)]
    expected = [gpt2.encode(text) for text in texts]
    wrong = []

    def encode(text, ids):
        wrong.extend(None for _ in range(5) if gpt2.encode(text) != ids)

    threads = [
        threading.Thread(target=encode, args=pair) for pair in zip(texts, expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_tokenizer_in_use_can_be_copied(small, duplicate):
    for tokenizer in (small, CharacterTokenizer.train(["once"])):
        ids = tokenizer.encode("once")
        other = duplicate(tokenizer)
        assert other.encode("once") == ids and other.decode(ids) == "once"
        assert other.hash == tokenizer.hash


# ----- decoding


@given(st.lists(st.integers(0, 319), max_size=200))
@settings(max_examples=300, deadline=None)
def test_bytes_equal_the_definition(small, ids):
    expected = b"".join(map(small.token_bytes, ids))
    assert small.decode_bytes(ids) == expected
    for dtype in (np.uint32, np.int64, np.uint16):
        assert small.decode_bytes(np.array(ids, dtype)) == expected
    assert small.decode_bytes(np.array(ids * 2, np.uint32)[::2]) == b"".join(
        map(small.token_bytes, (ids * 2)[::2])
    )
    assert small.decode_bytes(iter(ids)) == expected == small.decode_bytes(tuple(ids))


def test_what_the_native_table_does_not_know_it_leaves_to_the_definition():
    table = native.TokenBytes([b"a", b"", b"x" * 40, b"\xff"])
    assert table.of_list([2, 1, 0, 3, 2]) == b"x" * 40 + b"a\xff" + b"x" * 40
    for ids in ([4], [-1], [2**31], [2**70], [0.0], ["0"], [None], [True], [[0]], [np.int64(0)]):
        assert table.of_list(ids) is NotImplemented
    assert table.of_array(np.array([4], np.uint32)) is NotImplemented
    assert native.TokenBytes([]).of_list([]) == b""


# ----- training


@given(st.lists(ANY_TEXT, max_size=3))
@settings(max_examples=300, deadline=None)
def test_counts_equal_the_definition(chunks):
    assert active.count_pieces(chunks) == bpe_training.count_pieces(chunks)


@given(st.one_of(SMALL, ANY_TEXT), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_learnt_merges_equal_the_definition(text, count):
    pieces = bpe_training.count_pieces([text])
    learnt = native.learn_merges(dict(pieces), count, bytes(BYTE_ORDER))
    assert tuple(learnt) == bpe_training.learn_merges(pieces, count)


PIECES = st.dictionaries(st.text("ab", min_size=1, max_size=12), st.integers(1, 2**40), max_size=9)


@given(PIECES, st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_learnt_merges_of_any_frequencies(pieces, count):
    learnt = native.learn_merges(pieces, count, bytes(BYTE_ORDER))
    assert tuple(learnt) == bpe_training.learn_merges(pieces, count)


def test_learnt_merges_of_many_pieces(shakespeare):
    pieces = bpe_training.count_pieces([shakespeare])
    assert active.count_pieces([shakespeare]) == pieces
    learnt = native.learn_merges(dict(pieces), 2000, bytes(BYTE_ORDER))
    assert tuple(learnt) == bpe_training.learn_merges(pieces, 2000)


@pytest.mark.parametrize("frequency", [0, -1, 2**62, 2**80, 1.0, None, True])
def test_other_frequencies_are_left_to_the_definition(frequency):
    learnt = native.learn_merges({"ab": frequency}, 5, bytes(BYTE_ORDER))
    assert learnt is NotImplemented


def test_negative_frequencies_give_what_the_definition_gives():
    pieces = Counter({"ab": 5, "abc": -2, "bc": 0})
    assert active.learn_merges(pieces, 5) == bpe_training.learn_merges(pieces, 5)


def test_training_can_be_interrupted(monkeypatch):
    """Ctrl-C must not wait for the last merge."""
    import signal

    def interrupt(*_):
        raise KeyboardInterrupt

    generator = random.Random(1)
    pieces = {"".join(generator.choices("acgt", k=200_000)): 1}
    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            native.learn_merges(pieces, 1_000_000, bytes(BYTE_ORDER))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


# ----- any call

ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(), max_size=20),  # lone surrogates as well
        st.binary(max_size=300),
        st.sampled_from(
            [
                np.arange(256),
                np.full(256, -1),
                np.arange(6).reshape(2, 3),
                np.zeros((0, 3), int),
                np.array([[1, 2, 2**40]]),
                np.zeros(5, np.uint32),
                np.arange(9, dtype=np.uint32)[::2],
                np.zeros(3),
                np.array("text"),
                np.array([None]),
                bytes(BYTE_ORDER),
                -(2**63),
                2**63,
            ]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
CALLS = [
    lambda a, b, c: native.split_pieces(a),
    lambda a, b, c: native.TokenBytes(a).of_list(b),
    lambda a, b, c: native.TokenBytes([b"a", b"bc"]).of_list(a),
    lambda a, b, c: native.TokenBytes([b"a", b"bc"]).of_array(a),
    lambda a, b, c: native.BytePairEncoder(a, b).encode(c),
    lambda a, b, c: native.BytePairEncoder(np.arange(256), a).encode(b),
    lambda a, b, c: native.BytePairEncoder(np.arange(256), np.array([[0, 1, 2]])).merge(a),
    lambda a, b, c: (native.PieceCounter().add(a), native.PieceCounter().add(b)),
    lambda a, b, c: native.learn_merges(a, b, c),
    lambda a, b, c: native.learn_merges(a, 300, bytes(BYTE_ORDER)),
]


@given(st.sampled_from(CALLS), ANYTHING, ANYTHING, ANYTHING)
@settings(max_examples=500, deadline=None)
def test_any_call_is_answered_or_refused(call, a, b, c):
    with contextlib.suppress(TypeError, ValueError):
        call(a, b, c)


@given(st.lists(st.tuples(*[st.integers(0, 300)] * 3), max_size=20), st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_merges_are_safe(rows, text):
    """Also those that no file can have: a pair twice, merged to what it is not."""
    encoder = native.BytePairEncoder(np.arange(256), np.array(rows, np.int64).reshape(-1, 3))
    ids = encoder.encode(text)
    assert len(ids) <= len(text.encode())
    assert ids.tolist() == encoder.encode(text).tolist()  # the second time from the cache
