"""report.html of a run: one page from its folder, written beside its configuration."""

from __future__ import annotations

from pathlib import Path

from weft.checkpoint import RunFolder, durable
from weft.replacing import replacing
from weft.reports import sections
from weft.reports.diagnosis import diagnose
from weft.reports.facts import facts
from weft.reports.page import page
from weft.reports.record import RunRecord, read_run
from weft.reports.vocabulary import read_vocabulary

REPORT = "report.html"


def write_report(run: str | Path, out: Path | None = None) -> Path:
    """Write the report of a run to `out`, report.html in its folder unless given; the path.

    Raises as `read_run`, and `WeftError` where the page cannot be written.
    """
    record = read_run(run)
    return write_page(out or record.path / REPORT, report(record))


def report(record: RunRecord) -> str:
    """The page; of a long run less than a megabyte."""
    vocabulary = read_vocabulary(RunFolder(record.path).data_path)
    known = facts(record, vocabulary)
    parts = [
        sections.curves(record),
        sections.advice(record, diagnose(record)),
        sections.samples(record),
        sections.resources(record, known),
        sections.notes(record),
        sections.configuration(record, known),
        sections.tokens(record, vocabulary),
    ]
    title = f"{record.path.resolve().name}: report"
    written = f"by weft {record.version}" if record.version else "by weft"
    return page(title, sections.header(record, known), parts, f"Trained {written}.")


def write_page(path: Path, content: str) -> Path:
    """Write a page at once: a reader sees the old one or the new one. Raises `WeftError`."""
    with durable.one_line_errors("write the page", path), replacing(path) as new:
        new.write_text(content, encoding="utf-8", errors="replace")
    return path
