"""The screen of a run: its figures as lines of a given width; who draws them is in live.py.

Every character that comes from a model, a file or a path is made harmless here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from weft.training.progress import curve
from weft.training.progress.figures import Figures, clock, finite, harmless
from weft.training.progress.plain import encodable

if TYPE_CHECKING:
    from rich.text import Text

TRAIN, VAL = "cyan", "yellow"
SHORTEST_PATH = 16  # columns of a path's end, where nothing fits
LOWEST_CURVE, HIGHEST_CURVE = 5, 14  # lines
SAMPLE_LINES, STATUS_LINES = 4, 3


def screen(figures: Figures, width: int, height: int, encoding: str = "utf-8") -> list[Text]:
    """At most `height` lines of at most `width` characters, from what matters most: the bar and
    the figures, then the title, the curve, and last the sample."""
    ascii_only = not encoding.lower().replace("-", "").startswith("utf")
    below = [_bar(figures, width, ascii_only), *_numbers(figures, width, ascii_only)]
    below += _status(figures, width, encoding)
    left = height - len(below)
    title = _title(figures, width, encoding) if left > 0 else []
    sample, left = _sample(figures, width, encoding), left - len(title)
    if left < LOWEST_CURVE + len(sample):
        sample = []
    left = min(left - len(sample), HIGHEST_CURVE, max(LOWEST_CURVE, width // 5))
    has_curve = figures.step and left >= LOWEST_CURVE and width >= curve.NARROWEST
    above = _curve(figures, width, left, ascii_only) if has_curve else []
    return [*title, *above, *below, *sample][:height]


def _title(figures: Figures, width: int, encoding: str) -> list[Text]:
    """Run folder, model, weights, precision; as far as there is room."""
    from rich.text import Text

    facts, weights = figures.facts, finite(figures.facts, "weights")
    parts = [str(facts["model"])] if facts.get("model") else []
    if weights is not None:
        parts.append(f"{_short(weights)} weights")
    if facts.get("precision"):
        parts.append(str(facts["precision"]))
    if facts.get("run"):
        parts.insert(0, _end_of(str(facts["run"]), width - len("  ".join(["", *parts]))))
    if not parts:
        return []
    text = encodable(harmless(" ".join("  ".join(parts).split("\n"))), encoding)
    return [_cut(Text(text, style="bold"), width)]


def _end_of(path: str, room: int) -> str:
    """The end of a path that is too long for the room, from the start of a name on."""
    names = path.split("/")
    while len(path) > max(room, SHORTEST_PATH) and len(names) > 1:
        names = names[1:]
        path = "/".join(["…", *names])
    return path


def _curve(figures: Figures, width: int, height: int, ascii_only: bool) -> list[Text]:
    from rich.text import Text

    curves = [
        curve.Curve(figures.train_curve.points()),
        curve.Curve(figures.val_curve.points(), "o" if ascii_only else "●"),
    ]
    picture = curve.draw(curves, width, height, ascii_only=ascii_only)
    styles, lines = ("", TRAIN, VAL), []
    for line, owners in zip(picture.lines, picture.owners, strict=True):
        text, begin, length = Text(no_wrap=True), 0, len(line.rstrip())
        for end in range(1, length + 1):
            if end == length or owners[end] != owners[begin]:
                text.append(line[begin:end], styles[owners[begin] + 1])
                begin = end
        lines.append(text)
    return lines


def _bar(figures: Figures, width: int, ascii_only: bool) -> Text:
    """How far the run is: by the clock where it goes by it, else by the steps."""
    from rich.text import Text

    share, steps = figures.share_done(), figures.steps
    said = f"{figures.step:,}/{steps:,}" if steps else f"{figures.step:,}"
    said = f" step {said}" if share is None else f" step {said}  {100 * share:.0f} %"
    if figures.doing:
        said, share = f" {figures.doing}", None
    room = max(0, width - len(said))
    full = round(room * (share or 0.0))
    done, rest = "#-" if ascii_only else "━─"
    text = Text(no_wrap=True)
    text.append(done * full, "green").append(rest * (room - full), "dim").append(said)
    return _cut(text, width)


def _numbers(figures: Figures, width: int, ascii_only: bool) -> list[Text]:
    """The figures, as many on a line as fit."""
    from rich.text import Text

    lines, gap = [Text(no_wrap=True)], 3
    for name, value, style in _items(figures, ascii_only):
        item = Text.assemble((f"{name} " if name else "", "dim"), (value, style), no_wrap=True)
        used = lines[-1].cell_len
        if used and used + gap + item.cell_len > width:
            lines.append(Text(no_wrap=True))
        elif used:
            lines[-1].append(" " * gap)
        lines[-1].append(item)
    return [_cut(line, width) for line in lines if line.cell_len]


def _items(figures: Figures, ascii_only: bool) -> Iterator[tuple[str, str, str]]:
    """(name, value, style) of each figure that is known."""
    if figures.loss.count:
        yield "loss", f"{figures.loss.value:.3f}", TRAIN
    if figures.val_loss is not None:
        yield ("o" if ascii_only else "●") + " val", f"{figures.val_loss:.4f}", VAL
    if figures.best is not None:
        loss, step = figures.best
        yield "best", f"{loss:.4f} at step {step:,}", "bold"
    if (speed := figures.tokens_per_second()) is not None:
        yield "", f"{speed:,.0f} tokens/s", ""
    if (share := figures.peak_share()) is not None:
        yield "", f"{100 * share:.0f} % of peak", ""
    if (rate := finite(figures.last, "lr")) is not None:
        yield "lr", f"{rate:.2g}", ""
    if (share := figures.busiest_expert()) is not None:
        yield "busiest expert", f"{share:.0%}", ""
    yield "elapsed", clock(figures.seconds()), ""
    if (left := figures.seconds_left()) is not None:
        yield "eta", clock(left), "bold"


def _status(figures: Figures, width: int, encoding: str) -> list[Text]:
    from rich.text import Text

    said = encodable(harmless(figures.status), encoding).replace("\n", " ")
    return [Text(line, style="bold") for line in wrapped(said, width, STATUS_LINES)]


def _sample(figures: Figures, width: int, encoding: str) -> list[Text]:
    """The first lines of the latest sample, wrapped, below a heading."""
    from rich.text import Text

    lines = wrapped(encodable(figures.sample, encoding), width - 2, SAMPLE_LINES)
    if not lines:
        return []
    heading = Text(f"sample at step {figures.sample_step:,}", style="dim")
    return [_cut(text, width) for text in (heading, *(Text("  " + line) for line in lines))]


def wrapped(text: str, width: int, most: int) -> list[str]:
    """The first `most` lines of a text that is broken at `width` columns, empty lines left out."""
    from rich.cells import chop_cells

    lines: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        lines += chop_cells(line.rstrip(), max(1, width))[: most - len(lines)]
        if len(lines) >= most:
            break
    return lines


def _cut(text: Text, width: int) -> Text:
    text.no_wrap = True
    text.truncate(width)
    return text


def _short(count: float) -> str:
    """10,795,776 as 10.8M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return f"{count:.0f}"
