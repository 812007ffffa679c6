"""Corpora: what is read, and what is refused with one line."""

from __future__ import annotations

import io
import os
import re
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.data import documents, open_corpus
from weft.data.corpus import SEPARATOR, Corpus
from weft.errors import DataError, WeftError

fresh = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(corpus: Corpus) -> str:
    return "".join(corpus.chunks())


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(data: str | Path, *words: str) -> str:
    with pytest.raises(WeftError) as caught:
        for _ in open_corpus(data).chunks():
            pass
    message = str(caught.value)
    assert "\n" not in message and message.count("; ") >= 2, message
    for word in words:
        assert word in message, message
    return message


@pytest.mark.parametrize(
    "text",
    ["ab", "a line without newline", "one\r\ntwo\rthree\u2028four\n", "with\0nul", "é🙂e\u0301",
     "<|endoftext|> is text", "RIFF is a riff, GIF8 a poem\n", "x" * 600_000],
)  # fmt: skip
def test_text_is_kept_as_it_is(tmp_path: Path, text: str) -> None:
    corpus = open_corpus(str(put(tmp_path / "a.txt", text)))
    assert read(corpus) == text
    assert corpus.size == len(text.encode())
    assert corpus.name == "a"


@fresh
@given(st.text(min_size=2, max_size=60), st.integers(0, 250), st.integers(1, 7))
def test_two_parts_are_the_whole(tmp_path: Path, text: str, cut: int, piece: int) -> None:
    path = put(tmp_path / "a.txt", "x" + text)
    corpus = open_corpus(path)
    before = documents.PIECE
    documents.PIECE = piece  # cut characters in all places
    try:
        first, second = "".join(corpus.chunks(0, cut)), "".join(corpus.chunks(cut))
    finally:
        documents.PIECE = before
    assert first + second == "x" + text
    assert len(first.encode()) == corpus.boundary(cut)


@fresh
@given(st.lists(st.text(min_size=1, max_size=9), min_size=2, max_size=4), st.integers(0, 60))
def test_folder_is_its_texts_joined(tmp_path_factory, texts: list[str], cut: int) -> None:
    folder = tmp_path_factory.mktemp("folder")
    for i, text in enumerate(texts):
        put(folder / f"{i}.txt", "visible" + text)
    corpus = open_corpus(folder)
    whole = SEPARATOR.join("visible" + text for text in texts)
    assert read(corpus) == whole
    assert corpus.size == len(whole.encode())
    assert "".join(corpus.chunks(0, cut)) + "".join(corpus.chunks(cut)) == whole


def test_folder_rule_and_counts(tmp_path: Path) -> None:
    put(tmp_path / "b.txt", "bee")
    put(tmp_path / "a/z.md", "zed")
    put(tmp_path / ".hidden", "no")
    put(tmp_path / ".git/config", "no")
    put(tmp_path / "empty.txt", "")
    put(tmp_path / "image.png", b"\x89PNG\r\n\x1a\n\0\0")
    put(tmp_path / "blob.dat", b"\0\xff\0\xfe\x80")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    corpus = open_corpus(str(tmp_path))
    assert read(corpus) == "zed" + SEPARATOR + "bee"
    assert corpus.skipped == {
        "hidden": 2, "empty": 1, "binary": 2, "broken link": 2, "linked folder": 1, "not a file": 1,
    }  # fmt: skip


def test_folder_does_not_swallow_text_in_another_encoding(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", "fine text")
    put(tmp_path / "latin.txt", "caf\u00e9 au lait".encode("latin-1"))
    refused(tmp_path, "latin.txt", "offset 3", "UTF-8")


def test_utf8_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    corpus = open_corpus(put(tmp_path / "a.txt", b"\xef\xbb\xbfhello"))
    assert (read(corpus), corpus.size) == ("hello", 5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty"]),
        (b"\xef\xbb\xbf", ["empty"]),
        (b" \n\t\r\n ", ["only whitespace"]),
        (b"x", ["one character"]),
        ("é".encode(), ["one character"]),
        (b"abc\xffdef", ["0xff", "offset 3", "iconv"]),
        (b"\xef\xbb\xbfabc\xff", ["offset 6"]),
        (b"abc\xe2\x82", ["0xe2", "offset 3"]),
        (b"a" * 700_001 + b"\x80", ["0x80", "offset 700001"]),
        ("hello".encode("utf-16"), ["UTF-16"]),
        ("hello".encode("utf-32"), ["UTF-32"]),
        (b"\xfe\xff\0h", ["UTF-16"]),
        (b"\x1f\x8b\x08\0", ["gzip"]),
        (b"PK\x03\x04abc", ["zip"]),
        (b"%PDF-1.7\n", ["PDF"]),
        (b"\x89PNG\r\n\x1a\n", ["PNG"]),
        (b"\xff\xd8\xff\xe0", ["JPEG"]),
        (b"PAR1\0\xff\0", ["Parquet"]),
        (b"SQLite format 3\0", ["SQLite"]),
        (b"\x7fELF\x02", ["ELF"]),
        (b"GGUF\x03\0\0\0\xff", ["GGUF"]),
        (b"\x93NUMPY\x01", ["NumPy"]),
        (b"\x40\0\0\0\0\0\0\0" + b'{"a":1}', ["safetensors"]),
        (b"WEFTTOKS", ["token shard"]),
        (b"name\0" + bytes(252) + b"ustar\0", ["tar"]),
        (b"\0\x01\xff\xfe\0", ["binary data"]),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    refused(put(tmp_path / "given.txt", content), "given.txt", *words)


def test_missing_file_suggests_a_neighbour(tmp_path: Path, monkeypatch) -> None:
    put(tmp_path / "novel.txt", "text")
    refused(tmp_path / "novle.txt", "no such file", "did you mean", "novel.txt")
    refused(tmp_path / "zzzzzz", "no such file", "standard input")
    refused(tmp_path / "no" / "where", "no such file")
    monkeypatch.chdir(tmp_path)
    refused("storys", "did you mean stories?")
    refused("", "no DATA")
    refused("builtin:nothing", "there are: stories")


def test_path_and_builtin_of_one_name_are_ambiguous(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "stories", "my own stories")
    refused("stories", "./stories", "builtin:stories")
    assert read(open_corpus("./stories")) == "my own stories"
    assert read(open_corpus(Path("stories"))) == "my own stories"


def test_folders_without_text(tmp_path: Path) -> None:
    refused(tmp_path, "no text files", "it is empty")
    put(tmp_path / "a.xz", b"\xfd7zXZ\0")
    refused(tmp_path, "1 binary")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "a pipe")
    refused("/dev/zero", "a device")
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / "loop", "cannot open")
    refused("a\0b", "cannot open")
    refused("n" * 300, "cannot open")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        refused(tmp_path / "socket", "a socket")


def test_name_with_a_newline_stays_on_one_line(tmp_path: Path) -> None:
    refused(put(tmp_path / "two\nlines", ""), "two\\nlines")


def test_unreadable_file(tmp_path: Path, monkeypatch) -> None:
    path = put(tmp_path / "secret.txt", "text")

    def deny(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(documents.os, "open", deny)
    refused(path, "Permission denied", "secret.txt")


def test_changing_file(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "some text\n" * 100)
    corpus = open_corpus(path)
    put(path, "short")
    with pytest.raises(DataError, match="changed while"):
        list(corpus.chunks())


def test_standard_input(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("pé\r\n".encode() * 9)))
    corpus = open_corpus("-")
    assert read(corpus) == "pé\r\n" * 9 == read(corpus)  # may be read again
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    refused("-", "standard input", "empty")


def test_standard_input_on_a_full_disk(monkeypatch) -> None:
    def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(documents.tempfile, "mkstemp", full)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text")))
    refused("-", "No space left", "TMPDIR")


def test_progress_counts_the_bytes(tmp_path: Path) -> None:
    corpus = open_corpus(put(tmp_path / "a.txt", "é" * 400_000))
    seen: list[int] = []
    assert sum(len(c) for c in corpus.chunks(progress=seen.append)) == 400_000
    assert seen == sorted(seen) and seen[-1] == 800_000 and len(seen) > 2


def test_chunks_are_bounded(tmp_path: Path) -> None:
    corpus = open_corpus(put(tmp_path / "a.txt", "ab\n" * 300_000))
    assert max(len(c) for c in corpus.chunks()) <= documents.PIECE


def test_tiny_shakespeare_is_cut_where_everyone_cuts_it(shakespeare: Path) -> None:
    corpus = open_corpus(shakespeare)
    cut = corpus.boundary(int(corpus.size * (1 - 0.1)))
    assert sum(len(c) for c in corpus.chunks(0, cut)) == 1_003_854
    assert re.match("First Citizen", next(corpus.chunks()))
