"""What both kinds of tokenizer promise: laws, special tokens, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import FRAGMENTS, TEXTS

from weft.errors import ConfigError, DataError
from weft.tokenizers import BPETokenizer, CharacterTokenizer

SPECIAL = ["<|endoftext|>", "<|user|>", "<|user|>!"]
CHARACTERS = CharacterTokenizer.train(["".join(FRAGMENTS), "user"], "<unk>", SPECIAL)


@pytest.fixture(params=["characters", "bpe"])
def tokenizer(request, small):
    return CHARACTERS if request.param == "characters" else small


@given(text=st.lists(st.sampled_from(FRAGMENTS)).map("".join))
@settings(max_examples=200, deadline=None)
def test_decode_undoes_encode(text, small):
    for tokenizer in (CHARACTERS, small):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode_bytes(ids) == text.encode()
        assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()
        array = tokenizer.encode_array(text)
        assert array.dtype == np.uint32 and array.tolist() == ids
        assert tokenizer.decode(array) == text


@given(text=st.lists(st.sampled_from([*SPECIAL, "a", " ", "<|", "user", "|>"])).map("".join))
@settings(max_examples=200, deadline=None)
def test_text_never_spells_a_special_token(text, small):
    for tokenizer in (CHARACTERS, small):
        special = set(tokenizer.special_tokens.values())
        assert not special.intersection(tokenizer.encode(text))
        assert not special.intersection(np.concatenate([*tokenizer.encode_stream([text]), []]))
        allowed = tokenizer.encode(text, "all")
        assert tokenizer.decode(allowed) == text


@given(text=TEXTS)
@settings(max_examples=200, deadline=None)
def test_allowed_special_tokens_change_nothing_else(text, small):
    ids = small.special_tokens
    text = text.replace("<|endoftext|>", "")
    expected = [*small.encode(text), ids["<|endoftext|>"], *small.encode(text)]
    assert small.encode(f"{text}<|endoftext|>{text}", {"<|endoftext|>"}) == expected


def test_only_the_allowed_ones(tokenizer):
    ids = tokenizer.special_tokens
    text = "<|user|><|endoftext|>"
    assert tokenizer.encode(text, "all") == [ids["<|user|>"], ids["<|endoftext|>"]]
    first = tokenizer.encode(text, ["<|user|>"])
    assert first[0] == ids["<|user|>"] and ids["<|endoftext|>"] not in first
    assert tokenizer.decode(first) == text


def test_the_longest_special_token_wins(tokenizer):
    ids = tokenizer.special_tokens
    assert tokenizer.encode("<|user|>!", "all") == [ids["<|user|>!"]]
    assert tokenizer.encode("<|user|>!", ["<|user|>"]) == [ids["<|user|>"], *tokenizer.encode("!")]


def test_nothing(tokenizer):
    assert tokenizer.encode("") == [] == tokenizer.encode("", "all")
    assert tokenizer.encode_array("").dtype == np.uint32
    assert tokenizer.decode([]) == "" and tokenizer.decode(np.empty(0, np.uint32)) == ""
    assert list(tokenizer.encode_stream([])) == [] == list(tokenizer.encode_stream(["", ""]))


def test_a_special_token_that_does_not_exist(tokenizer):
    with pytest.raises(ConfigError, match=r"'<\|system\|>' is not a special token"):
        tokenizer.encode("a", {"<|system|>"})
    with pytest.raises(ConfigError, match='give "all" or a set of names'):
        tokenizer.encode("a", "<|user|>")


@pytest.mark.parametrize("id", [-1, 10**6, 2**63, 10**30])
def test_an_id_that_does_not_exist(tokenizer, id):
    with pytest.raises(DataError, match=r"token ids|token -?\d+ does not exist; ids are 0 to"):
        tokenizer.decode([0, id])
    with pytest.raises(DataError, match=rf"token {id} does not exist"):
        tokenizer.token_bytes(id)
    with pytest.raises(DataError, match=rf"token {id} does not exist"):
        tokenizer.stream_decoder().push(id)


@pytest.mark.parametrize("ids", [[1.5], ["1"], "12", [[1], [2]], [[1], [2, 3]], [None], [True]])
def test_ids_that_are_no_integers(tokenizer, ids):
    with pytest.raises(DataError, match="token ids are"):
        tokenizer.decode(ids)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.uint64])
def test_ids_in_any_integer_type(tokenizer, dtype):
    ids = tokenizer.encode("a b")
    assert tokenizer.decode(np.array(ids, dtype=dtype)) == "a b"
    assert tokenizer.decode(iter(ids)) == "a b" == tokenizer.decode(tuple(ids))


@pytest.mark.parametrize("text", ["\ud83d", "a\ud83d\ude00", "\udcff"])
def test_lone_surrogates_are_refused_with_their_place(tokenizer, text):
    place = len("<|user|>") + next(i for i, c in enumerate(text) if c > "\ud7ff")
    with pytest.raises(
        DataError, match=rf"lone surrogate U\+D[8C][0-9A-F]+; at character {place};"
    ):
        tokenizer.encode("<|user|>" + text, "all")


def test_it_says_what_it_is(tokenizer):
    assert f"vocab_size={tokenizer.vocab_size}" in repr(tokenizer)
    assert "<|endoftext|>" in repr(tokenizer)


def test_the_hash_is_that_of_the_file(tokenizer, small):
    import hashlib

    assert tokenizer.hash == hashlib.sha256(tokenizer.to_json().encode()).hexdigest()
    assert tokenizer.hash != CharacterTokenizer.train(["ab"]).hash
    merges = small.merges
    tokens = [small.token_bytes(id) for id in range(small.vocab_size)]
    same = BPETokenizer(tokens, merges, small.special_tokens)
    other = BPETokenizer(tokens, [merges[1], merges[0], *merges[2:]], small.special_tokens)
    assert small.hash == same.hash != other.hash


def test_the_table_cannot_be_changed_from_outside(tokenizer):
    tokenizer.special_tokens["<|new|>"] = 0
    assert "<|new|>" not in tokenizer.special_tokens
