"""Random numbers from explicit generators, drawn as PyTorch draws them.

PyTorch's CPU generator is the Mersenne Twister MT19937 (Matsumoto & Nishimura 1998), seeded with
the low 32 bits of the seed. A uniform float32 is 24 random bits; a normal one is Box–Muller in
blocks of sixteen. So after `weft.manual_seed(42)` `nn.Linear` has the weights it has in PyTorch.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 16  # PyTorch's normal_fill turns sixteen uniforms into sixteen normals at a time


class Generator:
    """A stream of random numbers; the same seed gives the same stream on every platform."""

    def __init__(self, seed: int = 0) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream from `seed` (its low 32 bits, as in PyTorch)."""
        self._twister = np.random.RandomState(seed & 0xFFFFFFFF)
        self._spare: float | None = None  # the second normal of a pair, for short draws
        return self

    def bits(self, count: int) -> NDArray[np.uint32]:
        """The next `count` 32-bit outputs of the twister."""
        return self._twister.randint(0, 2**32, count, dtype=np.uint32)

    def key(self) -> int:
        """A 63-bit key for a counter-based generator (dropout)."""
        high, low = (int(b) for b in self.bits(2))
        return (high & 0x7FFFFFFF) << 32 | low

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """float32 in [0, 1): the low 24 bits of one output each."""
        bits = self.bits(int(math.prod(shape))) & np.uint32(0xFFFFFF)
        return (bits.astype(np.float32) * np.float32(2.0**-24)).reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """float32 from the standard normal distribution, by Box–Muller in PyTorch's order."""
        count = int(math.prod(shape))
        if count < BLOCK:
            return np.array([self._one_normal() for _ in range(count)], np.float32).reshape(shape)
        uniform = self.uniform((count,))
        normals = np.empty(count, np.float32)
        whole = count - count % BLOCK
        normals[:whole] = box_muller(uniform[:whole])
        if whole < count:  # the last sixteen are drawn anew, overlapping the block before
            normals[-BLOCK:] = box_muller(self.uniform((BLOCK,)))
        return normals.reshape(shape)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """int64 in [low, high)."""
        if high <= low:
            raise ValueError(f"integers: the range [{low}, {high}) is empty")
        count = int(math.prod(shape))
        return (self.bits(count).astype(np.int64) % (high - low) + low).reshape(shape)

    def get_state(self) -> Any:
        """All that is needed to go on from here."""
        return self._twister.get_state(), self._spare

    def set_state(self, state: Any) -> None:
        """Go on from where `get_state` was called."""
        twister, self._spare = state
        self._twister.set_state(twister)

    def _one_normal(self) -> float:
        """One normal number from two 53-bit uniforms; every second call uses the spare."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        high1, low1, high2, low2 = self.bits(4).tolist()
        u1 = ((high1 << 32 | low1) & (2**53 - 1)) * 2.0**-53
        u2 = ((high2 << 32 | low2) & (2**53 - 1)) * 2.0**-53
        radius = np.sqrt(-2.0 * np.log1p(-u2))
        self._spare = float(radius * np.sin(2.0 * np.pi * u1))
        return float(radius * np.cos(2.0 * np.pi * u1))


def box_muller(uniform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Uniform to normal numbers; entries 0–7 of a block pair up with its entries 8–15."""
    first, second = uniform.reshape(-1, 2, BLOCK // 2).transpose(1, 0, 2)
    radius = np.sqrt(-2.0 * np.log(1.0 - first))
    angle = np.float32(2.0 * np.pi) * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)


_thread = threading.local()


def default_generator() -> Generator:
    """This thread's generator, used wherever none is passed; starts from seed 0."""
    if not hasattr(_thread, "generator"):
        _thread.generator = Generator(0)
    generator: Generator = _thread.generator
    return generator


def manual_seed(seed: int) -> Generator:
    """Restart this thread's default generator from `seed`, and return it."""
    return default_generator().manual_seed(seed)
