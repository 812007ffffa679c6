"""What DATA may be: the same documents from every kind of file, and hostile files refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.data import documents, open_corpus, packed, rows, unpacked
from weft.data.documents import SEPARATOR
from weft.errors import ConfigError, DataError, MalformedFileError, WeftError

fresh = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=4)


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def table(texts: list[str], delimiter: str) -> str:
    held = io.StringIO()
    writer = csv.writer(held, delimiter=delimiter)
    writer.writerows([["id", "the text"], *([i, text] for i, text in enumerate(texts))])
    return held.getvalue()


def refused(kind: type[WeftError], path: Path, *words: str, **options: str) -> None:
    with pytest.raises(kind) as caught:
        for _ in open_corpus(path, **options).chunks():
            pass
    message = str(caught.value)
    assert "\n" not in message and message.count("; ") >= 2, message
    for word in words:
        assert word in message, message


@fresh
@given(TEXTS, st.integers(0, 60), st.integers(1, 9))
def test_documents_are_the_same_from_every_kind(tmp_path_factory, texts, cut, piece) -> None:
    """The law, and that two parts are the whole wherever blocks and characters are cut."""
    texts = ["visible" + text for text in texts] + ["last"]
    folder = tmp_path_factory.mktemp("kinds")
    whole = SEPARATOR.join(texts)
    for i, text in enumerate(texts):
        put(folder / "files" / f"{i}.txt", text)
        put(folder / "packed" / f"{i}.txt.gz", gzip.compress(text.encode()))
    lines = "\n".join(json.dumps({"id": 1, "body": text}) for text in texts)
    backwards = {f"{i}.txt": texts[i].encode() for i in reversed(range(len(texts)))}
    mixed = zipped({"a.jsonl": lines.encode(), "b.txt": b"x"})
    tabs = b"\xef\xbb\xbf" + table(texts, "\t").encode()
    kinds = [
        (folder / "files", {}),
        (folder / "packed", {}),
        (put(folder / "a.txt.gz", gzip.compress(whole.encode())), {}),
        (put(folder / "a.zip", zipped(backwards)), {}),
        (put(folder / "stored.zip", zipped(backwards, zipfile.ZIP_STORED)), {}),
        (put(folder / "a.jsonl", lines), {"field": "body"}),
        (put(folder / "a.jsonl.gz", gzip.compress(lines.encode())), {"field": "body"}),
        (put(folder / "t.zip", mixed), {"field": "body"}),
        (put(folder / "a.csv", table(texts, ",")), {"column": "the text"}),
        (put(folder / "a.tsv", tabs), {"column": "the text"}),
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for module in (documents, packed, unpacked):
            patch.setattr(module, "PIECE", piece)
        for data, options in kinds:
            corpus = open_corpus(data, **options)
            assert "".join(corpus.chunks()) == whole, data
            assert corpus.size == len(whole.encode())
            first, second = "".join(corpus.chunks(0, cut)), "".join(corpus.chunks(cut))
            assert first + second == whole and len(first.encode()) == corpus.boundary(cut), data


def test_rows_without_text_and_blank_lines_are_no_documents(tmp_path: Path) -> None:
    lines = '{"t": "one"}\n\n{"t": ""}\r\n{"t": "two\\n"}'
    assert "".join(open_corpus(put(tmp_path / "a", lines), field="t").chunks()) == "one\n\ntwo\n"
    cells = 'a;t\n1;"one; ""1"""\n\n2;\n3;"two\nlines"\n'
    assert "".join(open_corpus(put(tmp_path / "b", cells), column="t").chunks()) == (
        'one; "1"\n\ntwo\nlines'
    )


def test_what_a_zip_leaves_out_is_counted(tmp_path: Path) -> None:
    files = {
        "b/z.txt": b"bee", "b/a.txt": b"\xef\xbb\xbfay", "../../up.txt": b"no",
        ".git/config": b"no", "node_modules/x.js": b"no", "x.min.js": b"no", "empty": b"",
        "i.png": b"\x89PNG\r\n\x1a\n",
        "inner.zip": zipped({"c.txt": b"sea"}), "b.txt": b"dot", "folder/": b"",
    }  # fmt: skip
    corpus = open_corpus(put(tmp_path / "a.zip", zipped(files)))
    assert "".join(corpus.chunks()) == SEPARATOR.join(["ay", "bee", "dot"])
    assert corpus.skipped == {"hidden": 2, "generated": 2, "empty": 1, "binary": 2}
    assert [text.name.rpartition(":")[2] for text in corpus.texts] == [
        "b/a.txt", "b/z.txt", "b.txt",
    ]  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip"}


def test_long_texts_come_in_bounded_pieces(tmp_path: Path) -> None:
    text = "é and more of it\n" * 60_000
    line = json.dumps({"t": text}).encode()
    for name, content, options in (
        ("a.gz", gzip.compress(text.encode()), {}),
        ("a.zip", zipped({"a": text.encode()}), {}),
        ("a.jsonl", line, {"field": "t"}),
    ):
        corpus = open_corpus(put(tmp_path / name, content), **options)
        chunks = list(corpus.chunks())
        assert "".join(chunks) == text and max(map(len, chunks)) <= documents.PIECE


def test_memory_does_not_grow_with_what_is_packed(tmp_path: Path) -> None:
    held = io.BytesIO()
    with gzip.open(held, "wb", 1) as file:
        for i in range(400):
            file.write(b"%d and some text\n" % i * 8_000)  # about 60 MB in all
    path = put(tmp_path / "a.gz", held.getvalue())
    tracemalloc.start()
    try:
        assert sum(len(chunk) for chunk in open_corpus(path).chunks()) > 50_000_000
        assert tracemalloc.get_traced_memory()[1] < 12 * documents.PIECE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_unsupported(tmp_path: Path, method: int) -> None:
    path = put(tmp_path / "a.zip", zipped({"a.txt": b"text " * 99}, method))
    refused(MalformedFileError, path, "deflate", "a.zip:a.txt")


def test_bombs(tmp_path: Path) -> None:
    zeros = bytes(packed.SMALL + 1_000_000)
    refused(MalformedFileError, put(tmp_path / "a.gz", gzip.compress(zeros)), "bomb", "a.gz")
    refused(MalformedFileError, put(tmp_path / "a.zip", zipped({"a": zeros})), "bomb", "a.zip")
    lying = bytearray(zipped({"a.txt": b"x" * 1000}))
    at = lying.rfind(b"PK\x01\x02") + 24  # the length in the list
    lying[at : at + 4] = (10).to_bytes(4, "little")
    refused(MalformedFileError, put(tmp_path / "l.zip", bytes(lying)), "length or CRC", "l.zip:a")


def test_a_row_that_never_ends(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(rows, "LARGEST_ROW", 1 << 12)
    refused(MalformedFileError, put(tmp_path / "a", "x" * 9999), "4,096", "line", field="t")
    endless = "t\n" + '"' + 'a","\n' * 9999
    refused(MalformedFileError, put(tmp_path / "b", endless), "4,096", "line", column="t")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"t": "a"}\n{"t": ', ["line 2", "JSON"]),
        ('{"u": 1, "v": 2}', ["no field t", "u, v"]),
        ('{"t": 7}', ["is a int, not a text"]),
        ('["t"]', ["not a JSON object"]),
        ('{"t": "\\ud800"}', ["surrogate"]),
        ("[" * 100_000, ["nested"]),
        ('{"t": ' + "9" * 9_999 + "}", ["number too long"]),
        (b'{"t": "\xff"}', ["0xff", "line 1"]),
        ("\n\n", ["empty"]),
        ('{"t": "hello"}'.encode("utf-16"), ["UTF-16"]),
    ],
)
def test_hostile_json_lines(tmp_path: Path, content: bytes | str, words: list[str]) -> None:
    refused(WeftError, put(tmp_path / "a.jsonl", content), "a.jsonl", *words, field="t")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n", ["no column t", "a, b"]),
        ("a,t\n1,2,3\n", ["line 2", "3 cells", "has 2"]),
        ('a,t\n1,"open\n', ["not CSV", "line 2"]),
        ('a,t\n1,"x"y\n', ["not CSV"]),
        ("t\n", ["empty"]),
        ("", ["no column t"]),
        (b"t\n\xff\n", ["0xff", "line 2"]),
        (b"SQLite format 3\0", ["SQLite"]),
    ],
)
def test_hostile_csv(tmp_path: Path, content: bytes | str, words: list[str]) -> None:
    refused(WeftError, put(tmp_path / "a.csv", content), "a.csv", *words, column="t")


@fresh
@given(st.data())
def test_damaged_archives_are_one_line(tmp_path_factory, data: st.DataObject) -> None:
    files = {"a.txt": b"some text " * 20, "b.txt": bytes(range(32, 127)) * 3}
    content = bytearray(
        data.draw(st.sampled_from([zipped(files), gzip.compress(b"some text " * 50)]))
    )
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(2, len(content)))]
    path = put(tmp_path_factory.mktemp("damaged") / "a", bytes(content))
    try:
        text = "".join(open_corpus(path).chunks())
    except WeftError as error:
        assert "\n" not in str(error)
    else:
        assert text  # names, times and the like may change without harm


def test_field_and_column_exclude_each_other(tmp_path: Path) -> None:
    refused(ConfigError, put(tmp_path / "a", "text"), "--field or --column", field="t", column="t")


def test_office_documents_and_tars_are_refused(tmp_path: Path) -> None:
    office = zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"})
    refused(DataError, put(tmp_path / "a.docx", office), "an Office document")
    tar = b"name\0" + bytes(252) + b"ustar\0"
    refused(DataError, put(tmp_path / "a.tar.gz", gzip.compress(tar)), "a tar archive")
    refused(DataError, put(tmp_path / "e.zip", zipped({})), "zip")
