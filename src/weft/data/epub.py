"""The text of an EPUB: a zip whose package file says in which order its XHTML pages are read.

Source: EPUB 3.3 (W3C), sections 4 (container) and 5 (package). The markup is foreign: it is scanned
from left to right once, no entity is defined by it, and a page has at most `LARGEST_PAGE` bytes.
`html.parser` is not used: it takes quadratic time for tags that do not end.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

from weft.data.packed import Member
from weft.data.sniff import wide_encoding
from weft.errors import MalformedFileError, UnsupportedFileError

LARGEST_PAGE = 1 << 22
LONGEST_TAG = 1 << 14  # whose attributes are looked at
MIMETYPE = b"application/epub+zip"
CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
PAGES = ("application/xhtml+xml", "text/html")

ENDS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<", ">"))
NAME = re.compile(r"/?(?:[\w.-]{1,64}:)?([\w.-]{1,64})")
ATTRIBUTE = re.compile(r"""([\w.:-]{1,64})\s*=\s*("[^"]*"|'[^']*')""")
BLANK = re.compile(r"[ \t\r\n\f]+")
INLINE = re.compile(
    "a|abbr|b|bd[io]|big|cite|code|data|dfn|em|font|i|img|ins|kbd|label|mark|q|ruby|s|samp|small|"
    "span|strong|su[bp]|time|tt|u|var|wbr"
)
UNREAD = frozenset(("script", "style", "rp", "rt", "svg", "math"))


def is_epub(listed: list[Member]) -> bool:
    """Whether the zip of these members says that it is an EPUB."""
    kind = next((member for member in listed if member.path == "mimetype"), None)
    if kind is None or kind.info.file_size > 64:
        return False
    return b"".join(kind.blocks()).strip() == MIMETYPE


def pages(listed: list[Member]) -> list[Member]:
    """The pages of a book in reading order, each once, without its table of contents.

    Raises MalformedFileError, or UnsupportedFileError if the pages are encrypted.
    """
    members = {member.path: member for member in listed}
    root = _attributes(_member(members, CONTAINER, listed), "rootfile")
    package = root[0].get("full-path", "") if root else ""
    opened = _member(members, package, listed)
    items = {item.get("id"): item for item in _attributes(opened, "item")}
    found: dict[str, Member] = {}
    for reference in _attributes(opened, "itemref"):
        item = items.get(reference.get("idref"), {})
        is_contents = "nav" in item.get("properties", "").split()
        if item.get("media-type") in PAGES and not is_contents:
            href = unquote(item.get("href", "").partition("#")[0])
            path = posixpath.normpath(posixpath.join(posixpath.dirname(package), href))
            found[path] = _member(members, path, listed)
    if ENCRYPTION in members:
        references = _attributes(members[ENCRYPTION], "CipherReference")
        if any(unquote(reference.get("URI", "")) in found for reference in references):
            raise UnsupportedFileError(
                f"an encrypted book (DRM); {listed[0].archive.name}; give its text without DRM"
            )
    return list(found.values())


def page_text(member: Member) -> Iterator[bytes]:
    """What a reader sees of a page: paragraphs with a blank line between them, UTF-8."""
    separator = b""
    for paragraph in _paragraphs(_markup(member), member):
        lines = (BLANK.sub(" ", line).strip(" ") for line in paragraph.split("\v"))
        text = "\n".join(lines).strip("\n")
        if text:
            yield separator + text.encode("utf-8", "replace")
            separator = b"\n\n"


def _paragraphs(markup: str, member: Member) -> Iterator[str]:
    """The text of the body, cut at every tag that is not inline; a line break is "\\v"."""
    parts: list[str] = []
    unread, in_body = "", False
    for kind, inside in _scan(markup, member):
        name = _name(inside) if kind == "tag" else ""
        if unread:
            unread = "" if inside.startswith("/") and name == unread else unread
        elif kind == "tag" and name in UNREAD and not inside.endswith("/"):
            unread = "" if inside.startswith("/") else name
        elif name == "body":
            in_body = not inside.startswith("/")
        elif kind == "tag" and name == "br":
            parts.append("\v")
        elif kind == "tag" and not INLINE.fullmatch(name):
            if parts:
                yield "".join(parts)
                parts = []
        elif kind != "tag" and in_body:
            parts.append(_unescaped(inside, member) if kind == "text" else inside)
    yield "".join(parts)


def _scan(markup: str, member: Member) -> Iterator[tuple[str, str]]:
    """("tag", its inside), ("text", escaped) and ("raw", text), in one pass."""
    at = 0
    while (begin := markup.find("<", at)) >= 0:
        if begin > at:
            yield "text", markup[at:begin]
        start, end = next(pair for pair in ENDS if markup.startswith(pair[0], begin))
        first = begin + len(start)
        last = markup.find(end, first)
        if last < 0:
            raise _malformed("a page with a tag that does not end", member.name)
        if start == "<":
            yield "tag", markup[first:last]
        elif start == "<![CDATA[":
            yield "raw", markup[first:last]
        at = last + len(end)
    yield "text", markup[at:]


def _unescaped(text: str, member: Member) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a number of thousands of digits
        raise _malformed("a page with a character that does not exist", member.name) from None


def _name(tag: str) -> str:
    match = NAME.match(tag)
    return match[1].lower() if match else ""


def _attributes(member: Member, name: str) -> list[dict[str, str]]:
    """The attributes of each tag of this name."""
    return [
        {m[1]: _unescaped(m[2][1:-1], member) for m in ATTRIBUTE.finditer(inside)}
        for kind, inside in _scan(_markup(member), member)
        if kind == "tag" and len(inside) <= LONGEST_TAG and _name(inside) == name.lower()
    ]


def _member(members: dict[str, Member], path: str, listed: list[Member]) -> Member:
    if path not in members:
        what = f"an EPUB without its {path[:80]!r}"
        raise _malformed(what, listed[0].archive.name)
    return members[path]


def _markup(member: Member) -> str:
    if member.info.file_size > LARGEST_PAGE:
        raise _malformed(f"a page of more than {LARGEST_PAGE:,} bytes", member.name)
    content = b"".join(member.blocks())
    try:
        return content.decode("utf-16" if wide_encoding(content) else "utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed("a page that is not UTF-8", member.name) from None


def _malformed(what: str, name: str) -> MalformedFileError:
    return MalformedFileError(f"{what}; {name}; get the book again, or give its text")
