import os

import pytest

from weft.errors import ConfigError, MalformedFileError
from weft.tokenizers import CharacterTokenizer, load_tokenizer, strict_json

TOKENIZER = CharacterTokenizer.train(["hello"])


def test_a_file_and_a_folder(tmp_path):
    folder = tmp_path / "a folder, ünïcode"
    folder.mkdir()
    for name in ("tokenizer.json", "other.json"):
        (folder / name).write_text(TOKENIZER.to_json(), encoding="utf-8")
        assert load_tokenizer(folder / name).to_json() == TOKENIZER.to_json()
    assert load_tokenizer(str(folder)).to_json() == TOKENIZER.to_json()


def test_tokenizer_json_comes_first(tmp_path):
    (tmp_path / "tokenizer.json").write_text(TOKENIZER.to_json(), encoding="utf-8")
    (tmp_path / "vocab.json").write_text("{}", encoding="utf-8")
    assert load_tokenizer(tmp_path).vocab_size == 4


@pytest.mark.parametrize("name", ["nothing", "nothing/tokenizer.json", "vocab.bpe", "", "a" * 300])
def test_nothing_there(tmp_path, name):
    message = "no such file|no tokenizer.json, encoder.json|cannot read the tokenizer"
    with pytest.raises(ConfigError, match=message):
        load_tokenizer(tmp_path / name)


def test_half_of_a_pair(tmp_path):
    (tmp_path / "vocab.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no such file; .*merges\.txt"):
        load_tokenizer(tmp_path)


def test_things_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "tokenizer.json")
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "loop", "/dev/zero"):
        with pytest.raises(ConfigError, match=r"no such file|cannot read"):
            load_tokenizer(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.touch(mode=0)
    with pytest.raises(ConfigError, match="cannot read the tokenizer: Permission denied"):
        load_tokenizer(path)


def test_too_large(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: a terabyte of nothing
    monkeypatch.setattr(strict_json, "MAX_BYTES", 1 << 20)
    with pytest.raises(MalformedFileError, match=r"larger than 1 MiB; .*tokenizer.json"):
        load_tokenizer(path)


def test_messages_stay_one_line(tmp_path):
    path = tmp_path / "a\n\x1b[31mb.json"
    path.write_text("x", encoding="utf-8")
    with pytest.raises(MalformedFileError) as raised:
        load_tokenizer(path)
    assert str(raised.value).isprintable()
