import json

import pytest

from weft.errors import MalformedFileError
from weft.tokenizers import load_tokenizer
from weft.tokenizers.byte_alphabet import BYTE_ORDER, to_characters

BYTES = {to_characters(bytes([byte])): id for id, byte in enumerate(BYTE_ORDER)}
VOCAB = {**BYTES, "th": 256, "the": 257, "Ġthe": 258, "##": 259, "<|endoftext|>": 260}
MERGES = "#version: 0.2\nt h\nth e\nĠ the\n# #\n"


def write(folder, vocab=VOCAB, merges=MERGES, names=("vocab.json", "merges.txt")):
    text = vocab if isinstance(vocab, str) else json.dumps(vocab)
    (folder / names[0]).write_text(text, encoding="utf-8")
    (folder / names[1]).write_bytes(merges if isinstance(merges, bytes) else merges.encode())
    return folder


def test_gpt2(gpt2):
    assert gpt2.vocab_size == 50257 and gpt2.end_of_text == 50256
    assert gpt2.special_tokens == {"<|endoftext|>": 50256}
    assert len(gpt2.merges) == 50000
    assert gpt2.decode([50256]) == "<|endoftext|>"


@pytest.mark.parametrize("names", [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")])
def test_both_pairs_of_names(tmp_path, names):
    tokenizer = load_tokenizer(write(tmp_path, names=names))
    assert tokenizer.encode("the the ##") == [257, 258, BYTES["Ġ"], 259]
    for name in names:
        assert load_tokenizer(tmp_path / name).to_json() == tokenizer.to_json()


@pytest.mark.parametrize(
    "merges",
    [MERGES.replace("\n", "\r\n"), MERGES.removeprefix("#version: 0.2\n"), MERGES.rstrip()],
    ids=["crlf", "no version", "no last newline"],
)
def test_other_ways_to_write_the_merges(tmp_path, merges):
    expected = load_tokenizer(write(tmp_path)).to_json()
    assert load_tokenizer(write(tmp_path, merges=merges)).to_json() == expected


def test_no_end_of_text(tmp_path):
    tokenizer = load_tokenizer(write(tmp_path, {"a": 0, "b": 1, "ab": 2}, "a b\n"))
    assert tokenizer.end_of_text is None
    assert tokenizer.encode("ab") == [2]
    assert load_tokenizer(write(tmp_path, {"a": 0}, "")).merges == ()


@pytest.mark.parametrize(
    ("vocab", "merges", "message"),
    [
        (VOCAB, "#version: 0.2\nt h\nth\n", r"line 3 is 'th', not two tokens; .*merges\.txt"),
        (VOCAB, "t h e\n", "line 1 is 't h e', not two tokens"),
        (VOCAB, "t h\n\nth e\n", "line 2 is '', not two tokens"),
        (VOCAB, "t h\nt x\n", r"the merge \('t', 'x'\) needs 'tx', which is no token"),
        (VOCAB, "t h\nq\U0001f600 e\n", r"needs 'q\\U0001f600', which is no token"),
        (VOCAB, "t h\nth e\nt h\n", r"the merge \('t', 'h'\) is there twice"),
        (VOCAB, b"t h\n\xff e\n", "not UTF-8 at byte 4; .*merges"),
        ({"a": 1}, "", "token 'a' has id 1, but the 1 tokens should have 0 to 0"),
        ({"a": -1}, "", "token 'a' has id -1"),
        ({"a": 2**62}, "", "token 'a' has id 4611686018427387904"),
        ({"a": 0, "b": 0}, "", "tokens 'a' and 'b' both have id 0"),
        ({"a": "0"}, "", "the id of token 'a' is '0', not an integer"),
        ({"a": True}, "", "the id of token 'a' is True, not an integer"),
        ({"a": 0.0}, "", "the id of token 'a' is 0.0, not an integer"),
        ({"<|endoftext|>": "x"}, "", "is 'x', not an integer"),
        ({"▁the": 0}, "", r"token '\\u2581the' has '\\u2581', which is not in the byte alphabet"),
        ({"": 0}, "", "a token is empty"),
        ({}, "", "the vocabulary is not an object"),
        ("[]", "", "a JSON list where an object should be"),
        ("", "", "not JSON"),
        ('{"a": 0, "a": 1}', "", "the key 'a' is there twice"),
        ('{"\\ud800": 0}', "", r"token '\\ud800' has '\\ud800', which is not in the byte"),
    ],
)
def test_malformed(tmp_path, vocab, merges, message):
    with pytest.raises(MalformedFileError, match=message) as raised:
        load_tokenizer(write(tmp_path, vocab, merges))
    assert "\n" not in str(raised.value) and str(raised.value).count("; ") >= 2


def test_a_merge_cannot_spell_the_end_of_text(tmp_path):
    vocab = {"<|": 0, "endoftext|>": 1, "<|endoftext|>": 2}
    with pytest.raises(MalformedFileError, match="any text could spell it"):
        load_tokenizer(write(tmp_path, vocab, "<| endoftext|>\n"))
