"""The texts in what DATA names: one file, the members of a zip, the rows of a table, a folder.

    file       itself; if it is a gzip, what is in it
    zip        its members by name, as if they were files of a folder
    EPUB       its pages in reading order, one text
    JSON lines the rows' field that was named, CSV and TSV the column
    folder     its files by path, each as above

An archive in an archive is left alone: it counts as binary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from weft.data.documents import Document, Spool, Text, printable
from weft.data.epub import is_epub, page_text, pages
from weft.data.folder import is_binary, name_reason, text_files
from weft.data.packed import Member, Raw, gunzip, members
from weft.data.rows import Rows
from weft.data.sniff import GZIP, ZIP, binary_format, looks_binary, wide_encoding
from weft.data.unpacked import Unpacked, head_of, joined, unmarked
from weft.errors import DataError

OFFICE = "[Content_Types].xml"  # .docx, .xlsx, .pptx


@dataclass
class Contents:
    """Texts in their order, and how many other files there were, by reason."""

    texts: list[Text] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def contents(source: Path | Spool, name: str, rows: Rows) -> Contents:
    """The texts in one file. Raises DataError or MalformedFileError, one line."""
    document = Document.at(source, name)
    head = document.head()
    if head.startswith(ZIP):
        return _in_zip(Raw.at(source, name), rows)
    if head.startswith(GZIP):
        raw = Raw.at(source, name)
        return Contents([_text(name, lambda: gunzip(raw), rows)])
    if rows:
        raw = Raw.at(source, name)
        return Contents([_text(name, raw.blocks, rows)])
    return Contents([document])


def folder_contents(folder: Path, rows: Rows) -> Contents:
    """The texts below a folder. Raises DataError if there is none."""
    files, skipped = text_files(folder)
    found = Contents(skipped=Counter(skipped))
    for path in files:
        if rows and not rows.reads(path.name) and not path.name.lower().endswith(".zip"):
            found.skipped[f"not {rows.kind}"] += 1
            continue
        inside = _in_folder(path, rows)
        found.texts += inside.texts
        found.skipped += inside.skipped
    return _some(found, printable(folder), "this folder")


def _in_folder(path: Path, rows: Rows) -> Contents:
    """As `contents`, but what is binary or empty in a gzip is left out, as it is in a folder."""
    name = printable(path)
    if path.name.lower().endswith(".gz"):
        head = head_of(gunzip(Raw.at(path, name)))
        if not head or is_binary(head):
            return Contents(skipped=Counter({"binary" if head else "empty": 1}))
    return contents(path, name, rows)


def _in_zip(raw: Raw, rows: Rows) -> Contents:
    listed = members(raw)
    if any(member.path == OFFICE for member in listed):
        raise DataError(f"an Office document, not text; {raw.name}; save it as plain UTF-8 text")
    if is_epub(listed):
        return _in_book(raw, listed, rows)
    found = Contents()
    for member in listed:
        reason = _member_reason(member, rows)
        if reason is None:
            found.texts.append(_text(member.name, member.blocks, rows))
        else:
            found.skipped[reason] += 1
    return _some(found, raw.name, "this zip archive")


def _in_book(raw: Raw, listed: list[Member], rows: Rows) -> Contents:
    if rows:
        raise DataError(f"a book, not {rows.kind}; {raw.name}; leave --field or --column out")
    texts = [Unpacked.of(page.name, partial(page_text, page)) for page in pages(listed)]
    found = _some(Contents([*texts]), raw.name, "this book")
    read = [text.read for text in texts if text.size]
    book = Unpacked.of(raw.name, lambda: joined(page() for page in read))
    return Contents([book], found.skipped)


def _member_reason(member: Member, rows: Rows) -> str | None:
    """Why a member of a zip is left out, or None if it is a text."""
    reasons = (name_reason(part) for part in member.path.split("/"))
    reason = next((reason for reason in reasons if reason is not None), None)
    if reason is not None:
        return reason
    if member.info.file_size == 0:
        return "empty"
    if rows and not rows.reads(member.path):
        return f"not {rows.kind}"
    return "binary" if is_binary(head_of(member.blocks())) else None


def _some(found: Contents, name: str, what: str) -> Contents:
    found.skipped["empty"] += sum(text.size == 0 for text in found.texts)
    found.texts, found.skipped = [text for text in found.texts if text.size], +found.skipped
    if found.texts:
        return found
    seen = ", ".join(f"{count} {reason}" for reason, count in sorted(found.skipped.items()))
    raise DataError(
        f"no text files in {what} ({seen or 'it is empty'}); {name}; "
        "put UTF-8 text files into it or name a file"
    )


def _text(name: str, blocks: Callable[[], Iterator[bytes]], rows: Rows) -> Text:
    """The text that `blocks` are, or that is in the rows of the table that they are."""
    check_text(head_of(blocks()), name)
    if rows:
        return Unpacked.of_rows(name, lambda: rows.texts(blocks(), name))
    return Unpacked.of(name, lambda: unmarked(blocks()))


def check_text(head: bytes, name: str) -> None:
    """Raise DataError if what begins with `head` is no UTF-8 text."""
    wide = wide_encoding(head)
    if wide is not None:
        raise DataError(
            f"{wide} text, not UTF-8; {name}; convert it: iconv -f {wide} -t UTF-8 OLD > NEW"
        )
    binary = binary_format(head) or ("binary data" if looks_binary(head) else None)
    if binary is not None:
        raise DataError(f"{binary}, not text; {name}; give plain UTF-8 text")
