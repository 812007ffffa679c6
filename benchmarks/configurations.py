"""The three training steps that Weft is measured by, and the peers of each."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.cli.bench_compare import TORCH, torch_sides, weft_sides
from weft.cli.bench_turns import Side
from weft.config import ModelConfig
from weft.errors import WeftError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Configuration:
    """A model and its batch."""

    model: ModelConfig
    batch_size: int


CONFIGURATIONS = {
    # nanoGPT's laptop setting
    "tiny": Configuration(
        ModelConfig(vocab_size=65, block_size=64, n_layer=4, n_head=4, n_embd=128), 12
    ),
    # a GPT on tiny Shakespeare, as blogs train it
    "blog": Configuration(
        ModelConfig(vocab_size=65, block_size=256, n_layer=6, n_head=6, n_embd=384, dropout=0.2),
        64,
    ),
    # GPT-2 124M
    "gpt2": Configuration(
        ModelConfig(vocab_size=50257, block_size=256, n_layer=12, n_head=12, n_embd=768), 4
    ),
}


def keras_python(given: str | None) -> str | None:
    """The Python that has Keras and TensorFlow: the given one, else this one; None without.

    Raises `WeftError` when the given one has not.
    """
    if given is None:
        found = all(importlib.util.find_spec(name) for name in ("keras", "tensorflow"))
        return sys.executable if found else None
    code = "from importlib.util import find_spec as f; exit(not (f('keras') and f('tensorflow')))"
    try:
        found = subprocess.run([given, "-c", code], check=False).returncode == 0
    except OSError:
        found = False
    if not found:
        raise WeftError(f"no Keras with TensorFlow in {given}; --keras; give one that has both")
    return given


def keras_sides(configuration: Configuration, python: str) -> list[Side]:
    """Keras in float32 and in mixed bfloat16.

    XLA compiles the step of a small model; above, TensorFlow's own kernels are faster (on the blog
    configuration by a fifth in float32 and a third in bfloat16; XLA by two thirds on tiny).
    """
    model = configuration.model
    names = ("vocab_size", "block_size", "n_layer", "n_head", "n_embd", "dropout", "norm_eps")
    sizes: dict[str, Any] = {name: getattr(model, name) for name in names}
    sizes |= {"batch_size": configuration.batch_size, "jit": model.n_embd < 256}
    return [
        Side(f"Keras {precision}", FOLDER / "keras_step.py", {**sizes, "bf16": bf16}, python)
        for precision, bf16 in (("float32", False), ("bfloat16", True))
    ]


def sides_of(name: str, groups: Sequence[str], keras: str | None = None) -> list[Side]:
    """Weft in both precisions, and the peers of these groups; `keras` is a Python that has it.

    Raises `WeftError` for a peer that is not installed.
    """
    model, batch_size = CONFIGURATIONS[name].model, CONFIGURATIONS[name].batch_size
    sides = weft_sides(model, batch_size, ("float32", "bfloat16"))
    sides += torch_sides(model, batch_size, [g for g in groups if g in TORCH])
    if "keras" in groups:
        python = keras_python(keras)
        if python is None:
            raise WeftError("Keras is not installed; benchmarks; --keras PYTHON names one with it")
        sides += keras_sides(CONFIGURATIONS[name], python)
    return sides
