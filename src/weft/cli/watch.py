"""`weft watch RUN`: the screen of a run that trains elsewhere, or how it ended."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from weft.cli import failure, output
from weft.cli.options import Json, flag, positional
from weft.errors import ConfigError

if TYPE_CHECKING:
    from weft.reports.following import Followed

POLL_SECONDS = 0.5
LINES = 30  # of a screen that is printed once


@dataclass(frozen=True)
class Watch:
    """Show a run as it trains, from another terminal: its files are read, and never written.

    Ends when the run does. Without a terminal it prints the present state and ends.

    Example: weft watch runs/book-1
    """

    run: Annotated[str, *positional("RUN")]
    """Run folder."""
    once: Annotated[bool, *flag()] = False
    """Print the present state and end."""
    json: Json = False


def run(options: Watch) -> int:
    from weft.reports.following import Followed

    if options.json and not options.once:
        raise ConfigError("--json without --once; weft watch; give both")
    followed = Followed(options.run)
    followed.look()
    if options.json:
        output.result_json(values(followed))
    elif options.once or not _can_redraw():
        _print(followed)
    else:
        return _follow(followed)
    return 0


def values(followed: Followed) -> dict[str, Any]:
    """The present state as plain values; None for what is not known."""
    from weft.training.progress.figures import finite

    figures = followed.figures
    loss, step = figures.best or (None, None)
    return {
        "run": str(followed.run.path),
        "state": followed.state,
        "said": followed.said,
        "model": figures.facts.get("model"),
        "weights": figures.facts.get("weights"),
        "step": figures.step,
        "steps": figures.steps,
        "tokens": figures.tokens,
        "seconds": figures.seconds(),
        "eta_seconds": figures.seconds_left(),
        "train_loss": figures.loss.value if figures.loss.count else None,
        "val_loss": figures.val_loss,
        "best_val_loss": loss,
        "best_step": step,
        "tokens_per_second": figures.tokens_per_second(),
        "peak_fraction": figures.peak_share(),
        "learning_rate": finite(figures.last, "lr"),
        "sample": figures.sample or None,
    }


def _can_redraw() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _print(followed: Followed) -> None:
    """The screen once; with colour where that is."""
    from rich.console import Console

    from weft.training.progress.screen import screen

    console = Console(highlight=False, soft_wrap=True)
    encoding = sys.stdout.encoding or "utf-8"
    for line in screen(followed.figures, console.width - 1, LINES, encoding):
        if output.has_colour(sys.stdout):
            console.print(line)
        else:
            output.result(line.plain)


def _follow(followed: Followed) -> int:
    """Until the run ends, or Ctrl-C."""
    from weft.training.progress.live import LiveScreen

    screen = LiveScreen(sys.stdout, lambda: followed.figures, spare=1)
    try:
        screen.start()
        while followed.figures.is_running:
            time.sleep(POLL_SECONDS)
            followed.look()
    except KeyboardInterrupt:
        return failure.INTERRUPTED
    finally:
        screen.stop()
    return 0


COMMANDS = {"": (Watch, run)}
