"""The picture itself: boxes, texts and arrows as SVG, everything escaped, no script, no link.

Classes are `weft-…` inside one `svg.weft-graph`, because a notebook shares styles among its cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from weft.autograd.graph.cards import CHARACTER, HEADER, LINE, PADDING, Card
from weft.autograd.graph.layout import Layout

MARGIN = 20
ARROW = 5.0

STYLE = """\
.weft-graph{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.weft-graph text{white-space:pre;fill:#24292f}
.weft-graph .weft-paper{fill:#fdfdfc}
.weft-graph .weft-box{fill:#fff;stroke:#b9c2cc}
.weft-graph .weft-head{fill:#e7ecf5}
.weft-graph .weft-title{font-weight:700}
.weft-graph .weft-quiet{fill:#66707c}
.weft-graph .weft-gradient{fill:#b3470c}
.weft-graph .weft-bad{fill:#cf1322;font-weight:700}
.weft-graph .weft-parameter .weft-box{stroke:#4fa573}
.weft-graph .weft-parameter .weft-head{fill:#dcf1e4}
.weft-graph .weft-leaf .weft-head,.weft-graph .weft-constant .weft-head{fill:#efeeea}
.weft-graph .weft-leaf .weft-box,.weft-graph .weft-constant .weft-box{stroke:#c3c0b8}
.weft-graph .weft-result .weft-box{stroke:#3b5bbd;stroke-width:2}
.weft-graph .weft-result .weft-head{fill:#d5defa}
.weft-graph .weft-freed .weft-box{stroke-dasharray:4 3}
.weft-graph .weft-edge{fill:none;stroke:#8b96a3;stroke-width:1.3}
.weft-graph .weft-arrow{fill:#8b96a3}"""

FREED = "backward() has freed what is above: use backward(retain_graph=True), or graph() before it"


def drawing(cards: Sequence[Card], layout: Layout) -> str:
    """The SVG document of boxes that have their places."""
    freed = any(card.kind == "freed" for card in cards)
    wide = max(layout.width, len(FREED) * CHARACTER if freed else 0.0)
    width, height = wide + 2 * MARGIN, layout.height + 2 * MARGIN + (LINE + 10 if freed else 0)
    shift = MARGIN + (wide - layout.width) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="weft-graph" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<title>{escape(cards[-1].title)}, from {len(cards) - 1:,} operations and leaves</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="weft-paper" width="{width:.0f}" height="{height:.0f}" rx="8"/>',
        f'<g transform="translate({shift:.1f},{MARGIN})">',
        *(edge(points) for points in layout.routes),
    ]
    for card, x, y in zip(cards, layout.x, layout.y, strict=True):
        lines += box(card, x - card.width / 2, y - card.height / 2)
    lines.append("</g>")
    if freed:
        lines.append(text(MARGIN, height - MARGIN, FREED, "weft-quiet"))
    return "\n".join([*lines, "</svg>"]) + "\n"


def box(card: Card, x: float, y: float) -> Iterator[str]:
    """One box: its head with title and shape, then its options and the lines of each result."""
    w, h = f"{card.width:.1f}", f"{card.height:.1f}"
    yield f'<g class="weft-vertex weft-{card.kind}" transform="translate({x:.1f},{y:.1f})">'
    yield f"<title>{escape(printable(card.hint))}</title>"
    yield f'<rect class="weft-box" width="{w}" height="{h}" rx="6"/>'
    yield head(card)
    yield text(PADDING, 16.5, card.title, "weft-title")
    if card.shape:
        right = card.width - PADDING - len(card.shape) * CHARACTER
        yield text(right, 16.5, card.shape, "weft-quiet")
    top = HEADER + 4.0 + LINE * 0.75
    if card.note:
        left = (card.width - len(card.note) * CHARACTER) / 2
        yield text(left, top, card.note, "weft-quiet")
        top += LINE
    for column in card.columns:
        left = column.middle - column.width / 2
        for number, line in enumerate(column.lines):
            at = top + number * LINE
            if line.label.strip():
                yield text(left, at, line.label.strip(), "weft-gradient")
            yield text(left + len(line.label) * CHARACTER, at, line.text, f"weft-{line.role}")
    yield "</g>"


def head(card: Card) -> str:
    """The coloured strip under the title, half a pixel inside the box's border."""
    right, bottom = card.width - 0.5, HEADER if card.height > HEADER else card.height - 0.5
    if card.height > HEADER:
        shape = (
            f"M.5 {bottom}V6Q.5 .5 6 .5H{right - 5.5:.1f}Q{right:.1f} .5 {right:.1f} 6V{bottom}Z"
        )
        return f'<path class="weft-head" d="{shape}"/>'
    return (
        f'<rect class="weft-head" x=".5" y=".5" width="{right - 0.5:.1f}" '
        f'height="{bottom - 0.5:.1f}" rx="5.5"/>'
    )


def edge(points: Sequence[tuple[float, float]]) -> str:
    """A line through the points, in curves that leave and arrive vertically, and its arrow."""
    (x, y), *others = points
    path = [f"M{x:.1f} {y:.1f}"]
    for number, (to_x, to_y) in enumerate(others):
        if number == len(others) - 1:
            to_y -= ARROW
        if abs(to_x - x) < 0.05:
            path.append(f"V{to_y:.1f}")
        else:
            middle = (y + to_y) / 2
            path.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    tip = f"M{x - 4:.1f} {y - 1:.1f}H{x + 4:.1f}L{x:.1f} {y + ARROW:.1f}Z"
    return f'<path class="weft-edge" d="{"".join(path)}"/><path class="weft-arrow" d="{tip}"/>'


def text(x: float, y: float, content: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(printable(content))}</text>'


def printable(content: str) -> str:
    """Without the characters that XML does not allow; line ends stay."""
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in content
    )
