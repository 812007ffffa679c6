"""A run on a terminal: a screen of figures that stays below what has scrolled by.

Messages, evaluations and, once the next one is there, samples scroll above it and stay. The screen
is drawn by a thread of its own, as training holds the interpreter for seconds at a time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from weft.errors import WeftError
from weft.training.progress.figures import Figures, harmless
from weft.training.progress.plain import encodable
from weft.training.progress.protocol import Progress
from weft.training.progress.screen import screen

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

SHORTEST_PAUSE = 0.25  # seconds between two drawings
SHARE = 0.01  # of the time that drawing may take from training
SPARE_LINES = 6  # of a terminal, for what scrolls


class RichProgress(Progress):
    """A live screen; messages, evaluations and samples scroll above it."""

    def __init__(self, stream: TextIO) -> None:
        self.figures = Figures()
        self._screen = LiveScreen(stream, lambda: self.figures)

    def message(self, text: str) -> None:
        self._screen.print(text)

    def preparing(self, done: int, total: int) -> None:
        share = f"tokenizing {100 * done / max(1, total):.0f} %"
        self.figures.doing = share if done < total else "preparing"
        self._screen.start()

    def describe(self, facts: Mapping[str, Any]) -> None:
        self.figures.facts |= facts

    def start(self, step: int, steps: int) -> None:
        if step:
            self._read_log(step)
        self.figures.start(step, steps)
        self.figures.doing = ""
        self._screen.start()

    def length(self, steps: int) -> None:
        self.figures.steps = steps

    def time(self, done_seconds: float, total_seconds: float) -> None:
        self.figures.by_clock(done_seconds, total_seconds)

    def step(self, record: Mapping[str, Any]) -> None:
        self.figures.add(record)

    def evaluated(self, record: Mapping[str, Any], sample: str) -> None:
        figures = self.figures
        self._print_sample()
        figures.add(record)
        best = figures.best is not None and figures.best[1] == figures.step
        text = f"step {figures.step:,}  loss {figures.loss.value:.4f}"
        if figures.val_loss is not None:
            text += f"  val loss {figures.val_loss:.4f}{'  best so far' if best else ''}"
        self.message(text)
        figures.say(sample, figures.step)

    def finish(self) -> None:
        self._print_sample()
        self.figures.is_running = False
        self._screen.stop()

    def _print_sample(self) -> None:
        """Let the latest sample scroll away, whole."""
        if self.figures.sample:
            text = "\n".join(f"  | {line}" for line in self.figures.sample.splitlines())
            self._screen.print(text, style="dim")
        self.figures.say("", 0)

    def _read_log(self, step: int) -> None:
        """What the run did before this process; without it the screen begins here."""
        from weft.checkpoint import RunFolder
        from weft.runlog import read_metrics

        try:
            for record in read_metrics(RunFolder(str(self.figures.facts["run"])).metrics_path):
                if record["step"] <= step:
                    self.figures.add(record)
        except (KeyError, OSError, WeftError):
            return


class LiveScreen:
    """The lower lines of a terminal, drawn anew again and again; lines can be printed above."""

    def __init__(self, stream: TextIO, figures: Callable[[], Figures], spare: int = SPARE_LINES):
        from rich.console import Console
        from rich.live import Live

        self.console = Console(file=stream, highlight=False, emoji=False, markup=False)
        self._figures, self._spare = figures, spare
        self._drawing = _Drawing(self._lines)
        self._live = Live(self._drawing, console=self.console, auto_refresh=False)
        self._drawing_now = threading.RLock()  # rich forgets how high the screen is between two
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._width = 0

    def print(self, text: str, style: str = "") -> None:
        """Print above the screen, where it stays."""
        text = encodable(harmless(text), self.console.encoding)
        with self._drawing_now:
            self._forget_wrapped_lines()
            self.console.print(text, style=style, soft_wrap=True)

    def start(self) -> None:
        """Show the screen, and draw it until `stop`. Once more is harmless."""
        if self._thread is None:
            self._live.start(refresh=True)
            thread = threading.Thread(target=self._keep_drawing, daemon=True)
            thread.start()
            self._thread = thread

    def stop(self) -> None:
        """Draw it a last time, leave it there, and show the cursor. Once more is harmless."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._live.stop()

    def draw(self) -> float:
        """Draw once; returns the CPU seconds that it took."""
        begin = time.thread_time()
        with self._drawing_now:
            self._forget_wrapped_lines()
            self._live.refresh()
        return time.thread_time() - begin

    def _keep_drawing(self) -> None:
        pause = SHORTEST_PAUSE
        while not self._stopped.wait(pause):
            pause = max(SHORTEST_PAUSE, self.draw() / SHARE)

    def _lines(self) -> list[Text]:
        size, spare = self.console.size, self._spare
        height = size.height - spare if size.height > 2 * spare else size.height - 1
        return screen(self._figures(), size.width - 1, height, self.console.encoding)

    def _forget_wrapped_lines(self) -> None:
        """A terminal that became narrower has wrapped our lines: go up as many more.

        rich goes up by the lines that it wrote. What it remembers has no public name.
        """
        width, before, self._width = self.console.width, self._width, self.console.width
        drawn = getattr(self._live, "_live_render", None)
        shape = getattr(drawn, "_shape", None)
        if drawn is not None and shape is not None and 0 < width < before:
            drawn._shape = width, sum(math.ceil(n / width) or 1 for n in self._drawing.widths)


class _Drawing:
    """What rich draws: the lines of this moment."""

    def __init__(self, lines: Callable[[], list[Text]]) -> None:
        self._lines = lines
        self.widths: list[int] = []  # of the lines last drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self._lines()
        self.widths = [line.cell_len for line in lines]
        yield from lines
