"""All ways in which a plot could have gone: depth first, the plot told again for each.

A telling takes a fraction of a millisecond and stops at the first word that differs, so that a
story is read in some dozens of them. `TELLINGS` bounds what any text costs.
"""

from __future__ import annotations

from weft.data.stories.checker.page import Page
from weft.data.stories.checker.reader import Guess, Halt, Reader, StuckError
from weft.data.stories.plots import PLOTS, all_frames

TELLINGS = 2_000  # of one plot


def read(page: Page, plot: str) -> tuple[Reader | None, list[Halt]]:
    """A reading of all of `page` as `plot`, or None; and the farthest places where it failed."""
    script: list[int] = []
    halts: list[Halt] = []
    for _ in range(TELLINGS):
        guess = Guess(script)
        reader = Reader(guess, all_frames(), page=page, halts=halts)
        if tell(reader, plot):
            return reader, []
        other = following(guess)
        if other is None:
            break
        script = other
    return None, halts


def tell(reader: Reader, plot: str) -> bool:
    """Whether the page says what the reader's decisions say, to its end."""
    try:
        PLOTS[plot](reader)
        reader.end()
    except StuckError:
        return False
    return True


def following(guess: Guess) -> list[int] | None:
    """The next decisions to try: the last one that has another possibility takes it."""
    for last in range(len(guess.made) - 1, -1, -1):
        chosen, count = guess.made[last]
        if chosen + 1 < count:
            return [made[0] for made in guess.made[:last]] + [chosen + 1]
    return None
