import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import CUTS, NASTY, TEXTS, cut

import tokenizers
from weft.errors import ConfigError, DataError
from weft.tokenizers import BPETokenizer
from weft.tokenizers.bpe_training import count_pieces, learn_merges
from weft.tokenizers.byte_alphabet import BYTE_ORDER, to_characters
from weft.tokenizers.pattern import split

SMALL = st.lists(st.text("ab ", max_size=30), max_size=5).map("".join)


def by_definition(pieces, count):
    """Count all pairs anew for every merge."""
    tokens = [bytes([byte]) for byte in BYTE_ORDER]
    chains = [
        ([tokens.index(bytes([b])) for b in piece.encode()], n) for piece, n in pieces.items()
    ]
    merges = []
    while len(tokens) < 256 + count:
        pairs = Counter()
        for ids, n in chains:
            for pair in pairwise(ids):
                pairs[pair] += n
        if not pairs:
            break
        pair = min(pairs, key=lambda p: (-pairs[p], p))
        token = tokens[pair[0]] + tokens[pair[1]]
        if token not in tokens:
            tokens.append(token)
        merges += [pair] if pair not in merges else []
        for ids, _ in chains:
            i = 0
            while i < len(ids) - 1:
                if (ids[i], ids[i + 1]) == pair:
                    ids[i : i + 2] = [tokens.index(token)]
                i += 1
    return tokens, merges


@given(st.one_of(SMALL, TEXTS), st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_equals_the_definition(text, count):
    pieces = count_pieces([text])
    assert learn_merges(pieces, count) == by_definition(pieces, count)


def hugging_face_merges(chunks, vocab_size):
    reference = tokenizers.Tokenizer(tokenizers.models.BPE())
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    reference.train_from_iterator(chunks, trainer)
    return [tuple(merge) for merge in json.loads(reference.to_str())["model"]["merges"]]


def merges_of(tokenizer):
    written = [to_characters(tokenizer.token_bytes(id)) for id in range(tokenizer.vocab_size - 1)]
    return [(written[left], written[right]) for left, right in tokenizer.merges]


@given(TEXTS, st.integers(257, 290))
@settings(max_examples=150, deadline=None)
def test_merges_are_those_of_hugging_face(text, vocab_size):
    ours = merges_of(BPETokenizer.train([text], vocab_size))
    assert ours == hugging_face_merges([text], vocab_size)


def test_merges_of_shakespeare_are_those_of_hugging_face(shakespeare):
    tokenizer = BPETokenizer.train([shakespeare], 8192)
    assert tokenizer.vocab_size == 8192
    assert merges_of(tokenizer) == hugging_face_merges([shakespeare], 8192)


@given(TEXTS, CUTS)
@settings(max_examples=300, deadline=None)
def test_chunks_do_not_matter(text, places):
    assert count_pieces(cut(text, places)) == Counter(split(text))


def test_chunks_do_not_matter_in_a_long_text():
    text = "".join(NASTY) * 2
    assert len(text) > 3 * 65536
    for size in (1, 100, 65536, 100_000):
        chunks = [text[i : i + size] for i in range(0, len(text), size)]
        assert count_pieces(chunks) == Counter(split(text))


def test_the_wikipedia_example():
    """https://en.wikipedia.org/wiki/Byte_pair_encoding: Z = aa, Y = ab, X = ZY."""
    tokenizer = BPETokenizer.train(["aaabdaaabac"], 256 + 3, special_tokens=())
    assert [tokenizer.token_bytes(id) for id in range(256, 259)] == [b"aa", b"ab", b"aaab"]
    assert [tokenizer.token_bytes(id) for id in tokenizer.encode("aaabdaaabac")] == [
        *(b"aaab", b"d", b"aaab", b"a", b"c")
    ]


def test_stops_when_nothing_is_left_to_merge():
    tokenizer = BPETokenizer.train(["abc abc"], 5000)
    assert tokenizer.vocab_size == 256 + 3 + 1
    assert tokenizer.encode("abc abc") == [tokenizer.encode("abc")[0], tokenizer.encode(" abc")[0]]
    assert BPETokenizer.train([], 5000).vocab_size == 257


def test_layout_is_that_of_gpt2():
    tokenizer = BPETokenizer.train(["aa aa"], 300, ["<|endoftext|>", "<|user|>"])
    assert tokenizer.token_bytes(0) == b"!"
    assert tokenizer.token_bytes(256) == b"aa"
    assert tokenizer.special_tokens == {"<|endoftext|>": 258, "<|user|>": 259}
    assert tokenizer.end_of_text == 258


@pytest.mark.parametrize("vocab_size", [-1, 0, 256, 257])
def test_too_small(vocab_size):
    with pytest.raises(ConfigError, match=f"vocab_size {vocab_size} is too small.*at least 258"):
        BPETokenizer.train(["abc"], vocab_size, ["<|a|>", "<|b|>"])


@pytest.mark.parametrize("name", ["", "a", "the", " the", "!!", "Ġthe", "\n\n", "'s"])
def test_special_tokens_that_a_text_could_spell(name):
    with pytest.raises(ConfigError, match="special token"):
        BPETokenizer.train(["the the"], 300, [name])


def test_a_special_token_that_files_could_not_tell_from_another():
    with pytest.raises(ConfigError, match="how files write another token"):
        BPETokenizer.train([" !! !! !!"], 300, ["Ġ!!"])


def test_a_special_token_named_twice():
    with pytest.raises(ConfigError, match="named twice"):
        BPETokenizer.train(["the"], 300, ["<|a|>", "<|a|>"])


def test_a_surrogate_is_named_with_its_place():
    with pytest.raises(DataError, match=r"U\+D83D; at character 3;"):
        BPETokenizer.train(["ab", "c\ud83d"], 300)


def test_a_piece_of_a_megabyte():
    """One piece without any space: only the places of a pair are visited, not the whole piece."""
    text = "acgtaaccggtt" * 20_000
    tokenizer = BPETokenizer.train([text], 300)
    assert tokenizer.decode(tokenizer.encode(text)) == text
