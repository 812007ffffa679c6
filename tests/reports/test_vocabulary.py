"""Counts of a run's tokens: exact for a small text, sampled for a large one, never a guess."""

import numpy as np

from weft.data import write_shard
from weft.reports import vocabulary
from weft.reports.vocabulary import read_vocabulary, visible
from weft.tokenizers import BPETokenizer, CharacterTokenizer

TEXT = "a häuser, a haus, a maus.\n" * 20


def prepared(folder, tokenizer, train=TEXT, val="a maus"):
    folder.mkdir()
    (folder / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    for name, text in (("train.bin", train), ("val.bin", val)):
        write_shard(
            folder / name, [tokenizer.encode_array(text)], tokenizer.vocab_size, tokenizer.hash
        )
    return folder


def test_characters(tmp_path):
    read = read_vocabulary(prepared(tmp_path / "data", CharacterTokenizer.train(TEXT + "z")))
    assert (read.kind, read.size) == ("char", len(set(TEXT)) + 1)
    assert read.train.tokens == read.train.counted == read.train.characters == len(TEXT)
    assert read.train.bytes == len(TEXT.encode())
    assert read.most_frequent()[0] == (b" ", TEXT.count(" ") / len(TEXT))
    assert read.unused() == [b"z"]
    assert read.rarest()[0] in (b".", b"\n", b"e", b"r", b"m", "ä".encode())
    assert read.val.bytes_per_token == 1.0


def test_byte_pairs(tmp_path):
    tokenizer = BPETokenizer.train([TEXT], 275)
    read = read_vocabulary(prepared(tmp_path / "data", tokenizer))
    ids = tokenizer.encode(TEXT)
    assert (read.kind, read.special) == ("bpe", ["<|endoftext|>"])
    assert read.train.bytes_per_token == len(TEXT.encode()) / len(ids)
    assert read.train.characters_per_token == len(TEXT) / len(ids)
    lengths = [len(token) for token in read.longest()]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == max(len(tokenizer.token_bytes(i)) for i in ids)
    assert b"<|endoftext|>" in read.unused() and b"<|endoftext|>" not in read.longest()


def test_a_large_text_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(vocabulary, "SAMPLED", 128)
    read = read_vocabulary(prepared(tmp_path / "data", CharacterTokenizer.train(TEXT)))
    assert read.train.tokens == len(TEXT) and read.train.counted == 128
    shares = dict(read.most_frequent())
    exact = TEXT.count("a") / len(TEXT)
    # 128 draws of a share of 0.27 have a standard deviation of 0.04; and these are fixed ones.
    assert abs(shares[b"a"] - exact) < 0.12


def test_what_cannot_be_read_is_left_out(tmp_path):
    assert read_vocabulary(tmp_path) is None
    data = prepared(tmp_path / "data", CharacterTokenizer.train(TEXT))
    (data / "val.bin").unlink()
    (data / "train.bin").write_bytes(b"WEFTTOKS")
    read = read_vocabulary(data)
    assert read.train is read.val is None
    assert read.most_frequent() == read.unused() == read.rarest() == []
    other = CharacterTokenizer.train("another")
    write_shard(data / "val.bin", [np.zeros(3, np.uint16)], other.vocab_size, other.hash)
    assert read_vocabulary(data).val is None
    (data / "tokenizer.json").write_text("{}")
    assert read_vocabulary(data) is None


def test_tokens_are_made_visible():
    assert visible(b" the") == "␣the" and visible(b"\n\t") == "⏎⇥"
    assert visible(b"\xc3") == "\\xc3" and visible("\u200e\x1b".encode()) == "\\u200e\\x1b"
