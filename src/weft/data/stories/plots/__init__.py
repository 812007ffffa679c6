"""The plots: one file each, its sentence frames above the function that tells it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from weft.data.stories import scenes
from weft.data.stories.language import Frame, read_frames
from weft.data.stories.plots import (
    broken,
    build,
    catch,
    gift,
    kindness,
    lie,
    missing,
    newcomer,
    noise,
    picnic,
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

MODULES = (broken, build, catch, gift, kindness, lie, missing, newcomer, noise, picnic, practice,
           promise, race, seed, share, soup, stuck, trade)  # fmt: skip
PLOTS: dict[str, Callable[[Teller], None]] = {
    module.__name__.rpartition(".")[2]: module.plot for module in MODULES
}


@cache
def all_frames() -> dict[str, tuple[Frame, ...]]:
    """The frames of every plot and the shared ones, by key; compiled once."""
    return read_frames("\n".join((scenes.FRAMES, *(module.FRAMES for module in MODULES))))
