"""What a reader of a foreign format gives: Weft's configuration, names and layout, weights on call.

A reader maps the file and checks all of its header at once; a tensor is converted when it is asked
for and not kept, so that a model is never in memory twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.checkpoint.tensors import mapping_of, release
from weft.config import ModelConfig
from weft.errors import MalformedFileError

Array = NDArray[Any]
KEPT_BYTES = 32 << 20


class Weights(Mapping[str, Array]):
    """Weft's parameter names (those of `GPT.state_dict()`) -> arrays, each computed on access.

    Linear weights are (out, in). Arrays are float32, bfloat16 or float16, as stored; they may be
    read-only views of the mapped file, and not contiguous. With `where`, the file's name (or
    where each array is), a NaN or an infinity is a `MalformedFileError`; `unchecked` spares that
    pass over the array.
    """

    def __init__(
        self, tensors: Mapping[str, Callable[[], Array]], where: str | Mapping[str, str] = ""
    ) -> None:
        self._tensors, self._where = dict(tensors), where
        self._mapped: dict[int, mmap] = {}  # files of which pages may be in memory
        self._given_bytes = 0

    def __getitem__(self, name: str) -> Array:
        array = self.unchecked(name)
        if self._where and not is_finite(array):
            where = self._where if isinstance(self._where, str) else self._where[name]
            raise MalformedFileError(
                f"a weight is NaN or infinite: {name}; {where}; get an intact copy"
            )
        return array

    def unchecked(self, name: str) -> Array:
        """The array, whatever is in it.

        The mapped memory of those before it is given back from time to time, so that whoever reads
        all weights one by one has little more in memory than what is made of them.
        """
        array = self._tensors[name]()
        self._count(array.nbytes)
        self.reads(array)
        return array

    def reads(self, array: Array) -> None:
        """Know the mapped file that an array is in, if any, as one to give back."""
        mapping = mapping_of(array)
        if mapping is not None:
            self._mapped[id(mapping)] = mapping

    def _count(self, given: int) -> None:
        """Bytes were given out: more than enough by now?"""
        if self._given_bytes > KEPT_BYTES:
            self.release()
        self._given_bytes += given

    def trusted(self) -> Weights:
        """The same weights for somebody who has looked at all of them: unchecked."""
        return Weights({name: partial(self.unchecked, name) for name in self._tensors})

    def release(self) -> None:
        """Give back the memory of the mapped files; their views stay."""
        for file in self._mapped.values():
            release(file)
        self._given_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def is_finite(array: Array) -> bool:
    """Whether no entry is NaN or infinite; one pass, a small piece of memory at a time."""
    if array.ndim == 2 and array.flags.f_contiguous:
        array = array.T
    integer, exponent = _EXPONENTS[array.dtype.name]
    flat = array.reshape(-1).view(integer)
    pieces = (flat[i : i + _PIECE] for i in range(0, flat.size, _PIECE))
    return all((piece & exponent).max() != exponent for piece in pieces)


_PIECE = 1 << 17  # entries that fit into the second-level cache
_EXPONENTS: dict[str, tuple[Any, Any]] = {  # the bits that are all set in NaN and infinity
    "float32": (np.uint32, np.uint32(0x7F800000)),
    "bfloat16": (np.uint16, np.uint16(0x7F80)),
    "float16": (np.uint16, np.uint16(0x7C00)),
}


@dataclass(frozen=True)
class ModelFiles:
    """A model of another program, opened."""

    config: ModelConfig
    weights: Weights
    tokenizer: Any
    """A `weft.tokenizers` tokenizer, or None where the format has none."""
    path: Path
    format: str
    """Its name for people and `--to`: hf, gguf, nanogpt, openai, keras, llama2c."""
    notes: tuple[str, ...] = ()
    """What the user must know: "the output layer differs from the embedding: untied", say."""
    chat_template: str | None = None
    """How it wants a conversation, a program that is not run here; None where it does not say."""
