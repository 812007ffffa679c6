"""Runs on several texts: what config.toml keeps, the token between documents, copies, overlap."""

import json
import random

import pytest

from weft.config import read_toml
from weft.data import Dataset
from weft.errors import ConfigError, DataError
from weft.runlog import read_events
from weft.tokenizers import load_tokenizer
from weft.training import Progress

WORDS = ["the", "cat", "dog", "bird", "sat", "ran", "flew", "over", "mat", "hill", "and", "then"]


def sentence(seed, count=60):
    draw = random.Random(seed)
    return " ".join(f"{draw.choice(WORDS)}{draw.randrange(50)}" for _ in range(count))


def rows(path, texts):
    path.write_text("\n".join(json.dumps({"t": text}) for text in texts))
    return path


def noted(folder, kind="data"):
    return next(e for e in read_events(folder / "events.jsonl") if e["kind"] == kind)


class Messages(Progress):
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_several_texts_are_kept_as_a_list_and_end_in_a_token(quick, text, tmp_path, tokenizer):
    other = tmp_path / "other.txt"
    other.write_text("<|endoftext|> " + sentence(1))
    size = {"vocab_size": 300} if tokenizer == "bpe" else {}
    quick(data=[text, other], tokenizer=tokenizer, **size)
    stored = read_toml(tmp_path / "run/config.toml")["train"]
    assert stored["data"] == [str(text), str(other)]
    made = load_tokenizer(tmp_path / "run/data/tokenizer.json")
    data = Dataset.open(tmp_path / "run/data")
    ids = [*data.train.tokens.tolist(), *data.val.tokens.tolist()]
    assert ids.count(made.end_of_text) == 2 and ids[-1] == made.end_of_text
    assert made.decode(ids) == "".join(f"{p.read_text()}<|endoftext|>" for p in (text, other))
    facts = noted(tmp_path / "run")
    assert facts["documents"] == 2 and facts["duplicates"] == {"exact": 0, "near": 0}
    assert facts["bytes"] == sum(p.stat().st_size for p in (text, other)) + 2
    quick(resume=True, steps=25, data=[text, other])
    quick(resume=True, steps=26, data=[tmp_path / "run/.." / text.name, other])
    with pytest.raises(ConfigError, match="cannot change: data"):
        quick(resume=True, steps=30, data=[other, text])
    with pytest.raises(ConfigError, match="cannot change: duplicates"):
        quick(resume=True, steps=30, duplicates="remove")


def test_one_text_in_a_list_is_that_text_and_has_no_such_token(quick, text, tmp_path, same_bits):
    quick("one")
    quick("list", data=[text])
    same_bits("one", "list")
    assert read_toml(tmp_path / "list/config.toml")["train"]["data"] == str(text)
    assert load_tokenizer(tmp_path / "list/data/tokenizer.json").end_of_text is None
    assert "duplicates" not in noted(tmp_path / "one")


def test_tables_among_several_texts(quick, text, tmp_path):
    table = rows(tmp_path / "a.jsonl", [sentence(i) for i in range(5)])
    quick(data=[text, table], field="t")
    assert noted(tmp_path / "run")["documents"] == 6


@pytest.mark.parametrize(("choice", "left"), [("keep", 7), ("remove-exact", 5), ("remove", 4)])
def test_copies_are_counted_and_left_out_if_asked(quick, tmp_path, choice, left):
    one, two, three = (sentence(seed, 150) for seed in (1, 2, 3))
    changed = one.replace(one.split()[70], "another")
    table = rows(tmp_path / "a.jsonl", [one, two, one, changed, two, three, "short one"])
    progress = Messages()
    quick(data=table, field="t", duplicates=choice, progress=progress)
    assert noted(tmp_path / "run")["duplicates"] == {"exact": 2, "near": 1}
    message = next(said for said in progress.said if "copies" in said)
    assert "of 7 documents 2 are copies of another and 1 near copies" in message
    data = Dataset.open(tmp_path / "run/data")
    end = load_tokenizer(tmp_path / "run/data/tokenizer.json").end_of_text
    ids = [*data.train.tokens.tolist(), *data.val.tokens.tolist()]
    assert ids.count(end) == left


def test_an_overlap_is_noted_and_said(quick, tmp_path):
    path = tmp_path / "twice.txt"
    path.write_text(sentence(1, 900) + "\n" + sentence(1, 100))
    progress = Messages()
    quick(data=path, progress=progress)
    assert noted(tmp_path / "run")["overlap"] > 0.5
    assert any("shares" in said and "20 words" in said for said in progress.said)
    fresh = tmp_path / "fresh.txt"
    fresh.write_text(sentence(1, 2000))
    quick("other", data=fresh, progress=(quiet := Messages()))
    assert noted(tmp_path / "other")["overlap"] == 0
    assert not any("shares" in said for said in quiet.said)


def test_what_cannot_be(quick, text, tmp_path):
    for data, kind, word in (
        ([], ConfigError, "data is empty"),
        ([text, tmp_path / "nowhere"], DataError, "no such file"),
        ([text, ""], DataError, "no DATA"),
    ):
        with pytest.raises(kind, match=word):
            quick(data=data)
    quick("shards")
    with pytest.raises(DataError, match="a token shard"):
        quick("more", data=[text, tmp_path / "shards/data/val.bin"])
