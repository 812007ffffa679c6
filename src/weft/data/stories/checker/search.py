"""All ways in which a plot could have gone: depth first, the plot told again for each.

A telling takes a fifth of a millisecond, and most decisions are made by the words on the page, so
that a right story is found in a few tellings. `TELLINGS` bounds what a wrong one costs.
"""

from __future__ import annotations

from weft.data.stories.checker.page import Page
from weft.data.stories.checker.reader import Guess, Halt, Reader, StuckError
from weft.data.stories.plots import PLOTS, all_frames
from weft.data.stories.scenes import begin

TELLINGS = 2_000  # of one plot


def read(page: Page, plot: str, tellings: int = TELLINGS) -> tuple[Reader | None, list[Halt]]:
    """A reading of all of `page` as `plot`, or None; and the farthest places where it failed."""
    script: list[int] | None = []
    halts: list[Halt] = []
    causes: list[set[int]] = []
    found: dict[int | str, int] = {}
    untitled = None
    while script is not None and tellings:
        guess = Guess(script, page.text, found)
        reader = Reader(guess, all_frames(), page=page, halts=halts)
        if tell(reader, plot):
            if reader.titled:
                return reader, []
            untitled = untitled or reader
        script = following(guess, causes)
        tellings -= 1
    return untitled, halts


def tell(reader: Reader, plot: str) -> bool:
    """Whether the page says what the reader's decisions say, to its end."""
    try:
        begin(reader)
        PLOTS[plot](reader)
        reader.end()
    except StuckError:
        return False
    return True


def following(guess: Guess, causes: list[set[int]]) -> list[int] | None:
    """The next decisions to try, or None: conflict-directed backjumping (Prosser 1993).

    The last decision that the conflict depends on takes its next possibility; when it has none
    left, the conflicts of all its possibilities are one conflict of the decisions before it.
    `causes[i]` collects those of decision i.
    """
    conflict = guess.conflict()
    causes += [set() for _ in range(len(guess.made) - len(causes))]
    while conflict:
        last = max(conflict)
        causes[last] |= conflict - {last}
        del causes[last + 1 :]
        chosen, count, _ = guess.made[last]
        if chosen + 1 < count:
            return [made[0] for made in guess.made[:last]] + [chosen + 1]
        conflict = causes.pop()
    return None
