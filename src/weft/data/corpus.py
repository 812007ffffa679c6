"""A corpus: the documents that DATA names, or one long string that is never in memory as a whole.

DATA is a UTF-8 text file, an archive or a table of texts (`contents.py`), a folder of those, `-`
(standard input) or a built-in corpus. Text is taken as it is: line ends, NUL bytes and everything
else are kept, only a UTF-8 byte order mark is left out. Token shards are DATA too, but not text:
see `prepare.py`.
"""

from __future__ import annotations

import difflib
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from weft.data import builtin
from weft.data.contents import Contents, check_text, contents, folder_contents
from weft.data.documents import PIECE, SEPARATOR, Document, Spool, Text, printable
from weft.data.rows import Rows
from weft.errors import DataError


class Passage(NamedTuple):
    """A document, or what a range holds of it: `size` bytes of document `number`, counted from 0.

    It begins at byte `first` of the joined text; `ends` where the document ends with it.
    """

    number: int
    first: int
    size: int
    ends: bool
    chunks: Iterator[str]


@dataclass(frozen=True)
class Corpus:
    """Documents, one after the other, or joined by a blank line; `size` counts the joined bytes.

    `skipped` counts, by reason, the files of a folder or a zip that are not part of it.
    """

    name: str
    texts: tuple[Text, ...]
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(text.size for text in self.texts) + len(SEPARATOR) * (len(self.texts) - 1)

    @property
    def count(self) -> int:
        """Documents: files, members of a zip, rows of a table."""
        return sum(text.count for text in self.texts)

    def documents(
        self,
        start: int = 0,
        stop: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Iterator[Passage]:
        """What bytes [start, stop) of the joined text hold of each document, in their order.

        One that is not read costs nothing, if it is a file. Positions, `progress` and errors are as
        in `chunks`.
        """
        start, stop = self.boundary(start), self.boundary(self.size if stop is None else stop)
        number = 0
        report = None if progress is None else _Sum(progress)
        for first, text in self._placed():
            if first >= stop or first + text.size <= start:
                number += text.count
                continue
            for part in text.parts():
                begin = first + part.first
                low, high = max(start - begin, 0), min(stop - begin, part.size)
                if low < high:
                    chunks = _reported(part.chunks(low, high), report)
                    yield Passage(number, begin + low, high - low, high == part.size, chunks)
                number += 1

    def boundary(self, position: int) -> int:
        """The first start of a character at or after byte `position`."""
        for first, document in self._placed():
            if first <= position < first + document.size:
                return first + document.boundary(position - first)
        return min(position, self.size)  # in a separator, or at the end

    def chunks(
        self,
        start: int = 0,
        stop: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Iterator[str]:
        """The text of bytes [start, stop), in pieces of at most 256 Ki characters.

        A position inside a character moves to the next one, so that `chunks(0, n)` and `chunks(n)`
        are the whole text for every n. `progress` is called with the bytes read so far.
        Raises DataError where the text is not UTF-8, naming the file and the byte.
        """
        start, stop = self.boundary(start), self.boundary(self.size if stop is None else stop)
        done = 0
        for text, size in self._pieces(start, stop):
            done += size
            if progress is not None:
                progress(done)
            if text:
                yield text

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[str, int]]:
        for first, document in self._placed():
            if first and start < first and first - len(SEPARATOR) < stop:
                low = max(start - (first - len(SEPARATOR)), 0)
                high = min(stop - (first - len(SEPARATOR)), len(SEPARATOR))
                yield SEPARATOR[low:high], high - low
            low, high = max(start - first, 0), min(stop - first, document.size)
            if low < high:
                yield from document.chunks(low, high)

    def _placed(self) -> Iterator[tuple[int, Text]]:
        """Each text with the byte of the corpus at which it begins."""
        first = 0
        for text in self.texts:
            yield first, text
            first += text.size + len(SEPARATOR)


def separated(passages: Iterable[Passage]) -> Iterator[str]:
    """Documents for what learns words from them: none spans the line end between two."""
    for number, passage in enumerate(passages):
        if number:
            yield "\n"
        yield from passage.chunks


def spread(corpus: Corpus, size: int, pieces: int) -> Iterator[Passage]:
    """About `size` bytes of a larger corpus, in `pieces` or more that are spread evenly over it.

    What is unpacked, or comes from a table, is read once from the beginning to the end.
    """
    if all(isinstance(text, Document) for text in corpus.texts):
        for i in range(pieces):
            first = i * corpus.size // pieces
            yield from corpus.documents(first, min(first + size // pieces, corpus.size))
        return
    taken, step = 0, corpus.size / size
    for passage in corpus.documents():
        at = passage.first
        for chunk in passage.chunks:
            length = len(chunk.encode())
            if at >= taken * step:
                ends = at + length == passage.first + passage.size
                yield Passage(passage.number, at, length, ends, iter([chunk]))
                taken += length
            at += length


class _Sum:
    """Calls `progress` with the sum of what it was called with."""

    def __init__(self, progress: Callable[[int], object]) -> None:
        self.progress, self.done = progress, 0

    def __call__(self, size: int) -> None:
        self.done += size
        self.progress(self.done)


def _reported(
    chunks: Iterable[tuple[str, int]], report: Callable[[int], object] | None
) -> Iterator[str]:
    for text, size in chunks:
        if report is not None:
            report(size)
        if text:
            yield text


def open_corpus(
    data: str | Path | Sequence[str | Path],
    *,
    field: str | None = None,
    column: str | None = None,
) -> Corpus:
    """The corpus that DATA names, after a look at the beginning of each file.

    With `field`, DATA is JSON lines and the texts are in that field; with `column`, it is CSV or
    TSV with that column. Of several DATA, that holds for those whose names end as tables' do. A
    name that is both a built-in corpus and a path here is refused as
    ambiguous: `./stories` is the path, `builtin:stories` the corpus. Raises DataError or
    MalformedFileError, one line, for all that is no text.
    """
    rows = Rows(field, column)
    if isinstance(data, str | Path):
        return _open(data, rows)
    if not data:
        raise DataError("no DATA given; empty list; name a text file, a folder, - or `stories`")
    tables = [_has_rows(one, rows) for one in data]
    strict = not any(tables)  # none is named as a table: then all must be one
    opened = zip(data, tables, strict=True)
    parts = [_open(one, rows if strict or is_table else Rows()) for one, is_table in opened]
    skipped: Counter[str] = Counter()
    for part in parts:
        skipped.update(part.skipped)
    texts = tuple(text for part in parts for text in part.texts)
    return Corpus(parts[0].name, texts, dict(skipped))


def _has_rows(data: str | Path, rows: Rows) -> bool:
    """Whether `data` is named as a table, or is a folder in which something is."""
    if not rows or rows.reads(str(data)):
        return bool(rows)
    return any(rows.reads(name) for _, _, names in os.walk(data) for name in names)


def _open(data: str | Path, rows: Rows) -> Corpus:
    text = str(data)
    if text == "-":
        spool = Spool(iter(lambda: sys.stdin.buffer.read(PIECE), b""), "standard input")
        return _corpus("standard input", contents(spool, "standard input", rows))
    name = text.removeprefix("builtin:")
    if text.startswith("builtin:") or (text in builtin.NAMES and isinstance(data, str)):
        return _open_builtin(text, name)
    path = Path(text)
    if not text:
        raise DataError("no DATA given; empty name; name a text file, a folder, - or `stories`")
    if stat.S_ISDIR(_status(path).st_mode):
        return _corpus(path.resolve().name, folder_contents(path, rows))
    return _corpus(_stem(path), contents(_regular(path), printable(path), rows))


def _stem(path: Path) -> str:
    return Path(path.stem).stem if path.suffix == ".gz" else path.stem


def _corpus(name: str, found: Contents) -> Corpus:
    return _checked(Corpus(name, tuple(found.texts), dict(found.skipped)))


def _open_builtin(data: str, name: str) -> Corpus:
    if name not in builtin.NAMES:
        raise DataError(
            f"no such built-in corpus; {printable(name)}; there are: {', '.join(builtin.NAMES)}"
        )
    if not data.startswith("builtin:") and os.path.lexists(name):
        raise DataError(
            f"{name} is a built-in corpus and also a path here; {name}; "
            f"write ./{name} for the path or builtin:{name} for the corpus"
        )
    return Corpus(name, (builtin.document(name),))


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError:
        raise DataError(f"no such file or folder; {printable(path)}; {_suggestion(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"cannot open: {reason}; {printable(path)}; check the path and its permissions"
        ) from error


def _suggestion(path: Path) -> str:
    """What the user may have meant: a name beside the missing one, or a built-in corpus."""
    try:
        siblings = sorted(os.listdir(path.parent))
    except OSError:
        siblings = []
    bare = [*builtin.NAMES] if path.parent == Path(".") else []
    close = difflib.get_close_matches(path.name, siblings + bare, n=1)
    if not close:
        return "give a text file, a folder of text files, - for standard input, or a built-in name"
    found = close[0] if close[0] in bare and close[0] not in siblings else path.parent / close[0]
    return f"did you mean {printable(found)}?"


def _regular(path: Path) -> Path:
    mode = _status(path).st_mode
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(mode):
        kind = kinds.get(stat.S_IFMT(mode), "a device")
        raise DataError(
            f"{kind}, not a file; {printable(path)}; give a file, or - and pipe the text in"
        )
    return path


def _checked(corpus: Corpus) -> Corpus:
    """The same corpus, if it can be text at all and has two characters, one of them visible."""
    for text in corpus.texts:
        check_text(text.head(), text.name)
    count, visible = 0, False
    for chunk in corpus.chunks():
        count, visible = count + len(chunk), visible or not chunk.isspace()
        if visible and count >= 2:
            return corpus
    what = "empty" if not count else "only whitespace" if not visible else "only one character"
    raise DataError(
        f"the text is {what}; {_place(corpus)}; give a text of some thousand characters or more"
    )


def _place(corpus: Corpus) -> str:
    return corpus.texts[0].name if len(corpus.texts) == 1 else corpus.name
