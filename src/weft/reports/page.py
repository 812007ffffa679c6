"""One HTML file that needs nothing else: its style and script inside, nothing from a network.

All that comes from a run goes through `text`. A browser that obeys the page's policy runs this
script and no other, and loads nothing. Not here: what stands on a page (report.py, comparison).
"""

from __future__ import annotations

import base64
import hashlib
import html
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Marks of a direction of writing (Unicode TR 9): what follows them could look like our own words.
TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LONGEST_VALUE = 300  # characters of a value in a table


def text(value: object) -> str:
    """Any text as it may stand in a page: escaped, without characters that HTML does not have."""
    return html.escape(printable(str(value)))


def printable(content: str) -> str:
    """Control characters, surrogates and marks that turn the text around are shown as U+FFFD."""
    if content.isprintable():
        return content
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unsafe(c) else c for c in content)


def _is_unsafe(character: str) -> bool:
    if character.isprintable() or character in "\n\t":
        return False
    return unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") or character in TURNING


def value_text(value: Any) -> str:
    """A value of a configuration in a few words, escaped; lists and tables are only named."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "—"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**18 else "…"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return text(value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "…")
    return "…"


def table(
    rows: Iterable[Iterable[str]], head: Iterable[str] = (), kind: str = "", numbers: str = ""
) -> str:
    """A table of escaped cells; column i is aligned right where `numbers[i]` is "r"."""
    lines = [f'<div class="scroll"><table class="{kind}">']
    titles = list(head)
    if titles:
        cells = "".join(f"<th{_side(numbers, i)}>{title}</th>" for i, title in enumerate(titles))
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    for row in rows:
        cells = "".join(f"<td{_side(numbers, i)}>{cell}</td>" for i, cell in enumerate(row))
        lines.append(f"<tr>{cells}</tr>")
    return "".join([*lines, "</tbody></table></div>\n"])


def _side(numbers: str, column: int) -> str:
    return ' class="number"' if numbers[column : column + 1] == "r" else ""


def section(title: str, *parts: str, note: str = "") -> str:
    """A part of the page under its title; nothing where all parts are empty."""
    inside = "".join(parts)
    if not inside:
        return ""
    said = f'<p class="note">{text(note)}</p>' if note else ""
    return f"<section>\n<h2>{text(title)}</h2>{said}\n{inside}</section>\n"


def page(title: str, header: str, sections: Iterable[str], footer: str) -> str:
    """The whole file. `title` and `footer` are plain texts, the others HTML."""
    style, script = _beside("page.css"), _beside("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header>\n{header}</header>\n<main>\n{''.join(sections)}</main>\n"
        f"<footer>{text(footer)}</footer>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
