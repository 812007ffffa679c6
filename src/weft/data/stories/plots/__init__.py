"""The plots: one file each, its sentence frames above the function that tells it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from weft.data.stories.frames import FRAMES, SOLUTIONS
from weft.data.stories.language import Frame, read_frames
from weft.data.stories.plots import (
    broken,
    build,
    fog,
    found,
    gift,
    greedy,
    lie,
    little_one,
    lost,
    newcomer,
    noise,
    plan,
    practice,
    promise,
    race,
    seed,
    share,
    soup,
    stuck,
    trade,
)
from weft.data.stories.teller import Teller

PLOTS: dict[str, Callable[[Teller], None]] = {
    "broken": broken.plot, "build": build.plot, "fog": fog.plot, "found": found.plot,
    "gift": gift.plot, "greedy": greedy.plot, "lie": lie.plot, "little_one": little_one.plot,
    "lost": lost.plot, "newcomer": newcomer.plot, "noise": noise.plot, "plan": plan.plot,
    "practice": practice.plot, "promise": promise.plot, "race": race.plot, "seed": seed.plot,
    "share": share.plot, "soup": soup.plot, "stuck": stuck.plot, "trade": trade.plot,
}  # fmt: skip
MODULES = (broken, build, fog, found, gift, greedy, lie, little_one, lost, newcomer, noise, plan,
           practice, promise, race, seed, share, soup, stuck, trade)  # fmt: skip


@cache
def all_frames() -> dict[str, tuple[Frame, ...]]:
    """The frames of every plot and the shared ones, by key; compiled once."""
    texts = [FRAMES, SOLUTIONS, *(module.FRAMES for module in MODULES)]
    return read_frames("\n".join(texts))
