"""Our tokenizer.json in the `tokenizers` library, and theirs here."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import FRAGMENTS, KNOWN, NASTY, TEXTS

import tokenizers
from weft.tokenizers import BPETokenizer, CharacterTokenizer, tokenizer_from_json


def reference_of(tokenizer):
    reference = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    reference.encode_special_tokens = True  # take the name of a special token in a text for text
    return reference


@given(text=TEXTS)
@settings(max_examples=500, deadline=None)
def test_byte_pairs_have_the_same_ids_there(text, small):
    reference = reference_of(small)
    ids = small.encode(text)
    assert reference.encode(text).ids == ids
    assert reference.decode(ids) == text


def test_gpt2_has_the_same_ids_there(gpt2, shakespeare):
    reference = reference_of(gpt2)
    assert reference.get_vocab_size() == 50257
    for text in (*NASTY, shakespeare[:100_000]):
        assert reference.encode(text).ids == gpt2.encode(text)


@given(st.text(KNOWN, min_size=1), st.data())
@settings(max_examples=300, deadline=None)
def test_characters_have_the_same_ids_there(known, data):
    tokenizer = CharacterTokenizer.train([known])
    text = data.draw(st.text(sorted(set(known))))
    reference = reference_of(tokenizer)
    assert reference.encode(text).ids == tokenizer.encode(text)
    assert reference.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("unknown", ["<unk>", "?", "\n", "🧵", "\x00"])
@given(text=TEXTS)
@settings(max_examples=200, deadline=None)
def test_unknown_characters_have_the_same_ids_there(unknown, text):
    tokenizer = CharacterTokenizer.train(["<unk> \n\n  e\u0301🧵"], unknown)
    reference = reference_of(tokenizer)
    assert reference.encode(text).ids == tokenizer.encode(text)
    assert reference.decode(tokenizer.encode(text)) == tokenizer.decode(tokenizer.encode(text))


def test_unknown_characters_are_an_error_there_too():
    reference = reference_of(CharacterTokenizer.train(["abc"]))
    with pytest.raises(Exception, match="UNK"):
        reference.encode("abd")


@pytest.mark.parametrize("kind", ["characters", "bpe"])
def test_special_tokens_have_the_same_ids_there(kind, small):
    names = ["<|endoftext|>", "<|user|>", "<|user|>!"]
    characters = CharacterTokenizer.train(FRAGMENTS, None, names)
    tokenizer = {"characters": characters, "bpe": small}[kind]
    reference = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    for text in ("<|user|>a  <|user|>!<|endoftext|>\n", "<|endoftext|>", "a<|user|>"):
        assert reference.encode(text).ids == tokenizer.encode(text, "all")
        assert reference.decode(tokenizer.encode(text, "all"), skip_special_tokens=False) == text
    assert {name: reference.token_to_id(name) for name in names} == tokenizer.special_tokens


@given(st.text(KNOWN, min_size=1), st.sampled_from([None, "<unk>", "?"]), TEXTS)
@settings(max_examples=200, deadline=None)
def test_characters_survive_the_file(known, unknown, text):
    tokenizer = CharacterTokenizer.train([known], unknown, ["<|endoftext|>"])
    again = tokenizer_from_json(tokenizer.to_json())
    assert again.to_json() == tokenizer.to_json() and again.hash == tokenizer.hash
    text = text if unknown else known
    assert again.encode(text) == tokenizer.encode(text)
    assert again.special_tokens == tokenizer.special_tokens
    assert again.unknown == unknown


@given(TEXTS, st.integers(257, 300), TEXTS)
@settings(max_examples=100, deadline=None)
def test_byte_pairs_survive_the_file(learnt, vocab_size, text):
    """With the pattern: minbpe forgets to compile it when loading, and cuts differently."""
    tokenizer = BPETokenizer.train([learnt], vocab_size)
    again = tokenizer_from_json(tokenizer.to_json())
    assert again.to_json() == tokenizer.to_json() and again.hash == tokenizer.hash
    assert again.encode(text) == tokenizer.encode(text)
    assert again.special_tokens == tokenizer.special_tokens


def test_the_file_is_always_the_same(small):
    """Bytes of a released version: shards and checkpoints carry the hash of this text."""
    assert CharacterTokenizer.train(["ba\n"], "?", ["<|a|>"]).to_json() == (
        '{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":4,"content":'
        '"<|a|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special"'
        ':true}],"normalizer":null,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"[\\\\s\\\\S]"}'
        ',"behavior":"Isolated","invert":false},"post_processor":null,"decoder":{"type":"Fuse"},'
        '"model":{"type":"WordLevel","vocab":{"\\n":0,"?":1,"a":2,"b":3,"<|a|>":4},"unk_token":"?"}}\n'
    )
    document = json.loads(BPETokenizer.train([" the the"], 260).to_json())
    assert document["model"]["merges"] == [["h", "e"], ["t", "he"], ["Ġ", "the"]]
    assert document["model"]["vocab"]["<|endoftext|>"] == 259
    assert document["pre_tokenizer"] == document["decoder"] == document["post_processor"]


@pytest.fixture(scope="module")
def foreign():
    """As Hugging Face trains and saves: special tokens first, merges as pairs."""
    reference = tokenizers.Tokenizer(tokenizers.models.BPE())
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    reference.decoder = tokenizers.decoders.ByteLevel()
    reference.post_processor = tokenizers.processors.ByteLevel(trim_offsets=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    reference.train_from_iterator(FRAGMENTS * 3, trainer)
    return reference


def test_foreign_files_are_read(foreign):
    tokenizer = tokenizer_from_json(foreign.to_str())
    foreign.encode_special_tokens = True
    assert tokenizer.end_of_text == 0
    assert tokenizer.special_tokens == {"<|endoftext|>": 0, "<|pad|>": 1}
    for text in NASTY:
        assert tokenizer.encode(text) == foreign.encode(text).ids
    again = tokenizer_from_json(tokenizer.to_json())
    assert again.encode("".join(FRAGMENTS)) == foreign.encode("".join(FRAGMENTS)).ids


def test_both_ways_to_write_merges_and_a_missing_type(foreign):
    document = json.loads(foreign.to_str())
    expected = tokenizer_from_json(json.dumps(document)).to_json()
    document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
    assert tokenizer_from_json(json.dumps(document)).to_json() == expected
    del document["model"]["type"]
    del document["pre_tokenizer"]["use_regex"]
    assert tokenizer_from_json(json.dumps(document)).to_json() == expected


def test_special_tokens_may_be_added_outside_the_vocabulary(foreign):
    document = json.loads(foreign.to_str())
    document["added_tokens"].append({**document["added_tokens"][0], "id": 300, "content": "<|x|>"})
    tokenizer = tokenizer_from_json(json.dumps(document))
    assert tokenizer.special_tokens["<|x|>"] == 300 and tokenizer.vocab_size == 301
    assert tokenizers.Tokenizer.from_str(json.dumps(document)).encode("a<|x|>").ids == (
        tokenizer.encode("a<|x|>", "all")
    )
