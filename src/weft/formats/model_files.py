"""What a reader of a foreign format gives: Weft's configuration, names and layout, weights on call.

A reader maps the file and checks all of its header at once; a tensor is converted when it is asked
for and not kept, so that a model is never in memory twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from weft.config import ModelConfig

Array = NDArray[Any]


class Weights(Mapping[str, Array]):
    """Weft's parameter names (those of `GPT.state_dict()`) -> arrays, each computed on access.

    Linear weights are (out, in). Arrays are float32, bfloat16 or float16, as stored; they may be
    read-only views of the mapped file, and not contiguous.
    """

    def __init__(self, tensors: Mapping[str, Callable[[], Array]]) -> None:
        self._tensors = dict(tensors)

    def __getitem__(self, name: str) -> Array:
        return self._tensors[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


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
