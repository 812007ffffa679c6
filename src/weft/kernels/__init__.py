"""Arrays in, arrays out: the one layer that computes. Start reading in reference/."""

from typing import Literal

from weft.kernels import active


def backend() -> Literal["native", "reference"]:
    """Which kernels `active` runs on: "native", or "reference" (NumPy)."""
    return "reference" if active.native is None else "native"


__all__ = ["active", "backend"]
