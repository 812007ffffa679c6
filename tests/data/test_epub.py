"""EPUB: the pages of a book in order, and hostile markup in bounded time."""

from __future__ import annotations

import html
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.data import epub, open_corpus
from weft.data.documents import SEPARATOR
from weft.errors import WeftError

CONTAINER = '<container><rootfiles><rootfile full-path="in/b.opf"/></rootfiles></container>'
HOSTILE = ["<a ", "<!--", "<![CDATA[", "&", "</a", "<?", "<", "<a b='", '<a b="x" ', "&#", "<p>"]


def book(folder: Path, pages: list[str], **more: str) -> Path:
    """An EPUB; its pages are stored in another order than they are read."""
    items = "".join(
        f'<opf:item id="p{i}" href="page%20{i}.xhtml" media-type="application/xhtml+xml"/>'
        for i in range(len(pages))
    )
    spine = "".join(f"<opf:itemref idref='p{i}'/>" for i in reversed(range(len(pages))))
    path = folder / "a.epub"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        file.writestr("META-INF/container.xml", more.get("container", CONTAINER))
        file.writestr("in/b.opf", f"<opf:package>{items}<spine>{spine}</spine></opf:package>")
        for i, page in enumerate(reversed(pages)):
            file.writestr(f"in/page {i}.xhtml", page)
        if "encrypted" in more:
            cipher = f'<enc:CipherReference URI="{more["encrypted"]}"/>'
            file.writestr("META-INF/encryption.xml", cipher)
    return path


def page(body: str) -> str:
    return f"<?xml version='1.0'?><!DOCTYPE html><html><head><title>T</title></head>{body}</html>"


def read(path: Path) -> str:
    return "".join(open_corpus(path).chunks())


def test_pages_in_reading_order_as_a_reader_sees_them(tmp_path: Path) -> None:
    first = page(
        "<body><h1>One</h1>\n<p>A <i>cat</i>\n sat &amp; slept.<br/>Then?</p><!-- <p>no</p> -->"
        "<script>no()</script><div><p>Caf&#233; <![CDATA[a < b]]></p></div></body>"
    )
    text = "One\n\nA cat sat & slept.\nThen?\n\nCafé a < b"
    assert read(book(tmp_path, [first, page("<body/>"), page("<body>Two</body>")])) == (
        text + SEPARATOR + "Two"
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(categories=["L", "P", "S", "N"]), min_size=2), min_size=1))
def test_text_comes_back_from_markup(tmp_path_factory, texts: list[str]) -> None:
    body = "".join(f"<p class='x'>{html.escape(text)}</p>" for text in texts)
    path = book(tmp_path_factory.mktemp("book"), [page(f"<body>{body}</body>")])
    assert read(path) == "\n\n".join(texts)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE html [<!ENTITY a "x&b;"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    assert read(book(tmp_path, [f"{bomb}<html><body>&a;&b; end</body></html>"])) == "&a;&b; end"


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_markup_takes_linear_time(tmp_path: Path, piece: str) -> None:
    """A quadratic scan of 60,000 pieces would take minutes."""
    content = io.StringIO()
    content.write("<body>ok")
    content.write(piece * 60_000)
    try:
        assert read(book(tmp_path, [content.getvalue(), page("<body>ok</body>")]))
    except WeftError as error:
        assert "\n" not in str(error)


def test_faults(tmp_path: Path, monkeypatch) -> None:
    good = page("<body>some text</body>")
    for pages, more, word in (
        ([good], {"container": "<container/>"}, "without its"),
        ([good], {"encrypted": "in/page%200.xhtml"}, "encrypted"),
        (["<body>text <p"], {}, "does not end"),
        (["<body>&#" + "9" * 5000 + ";</body>"], {}, "does not exist"),
        ([page("<body/>")], {}, "1 empty"),
    ):
        with pytest.raises(WeftError, match=word):
            read(book(tmp_path, pages, **more))
    monkeypatch.setattr(epub, "LARGEST_PAGE", 400)
    with pytest.raises(WeftError, match="400 bytes"):
        read(book(tmp_path, [good * 9]))
