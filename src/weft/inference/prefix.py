"""A saved cache: the keys and values of a text that many prompts begin with, read back for nothing.

One safetensors file: `ids` (P,) int64, `keys` and `values` (L, Hkv, P, D), for an int8 cache
`key_scales` and `value_scales` (L, Hkv, P), and in the metadata what made them: a fingerprint of
the model, and the precision it computed in. Where either differs the file is refused, for wrong
keys give fluent nonsense. Not here: reading the rest of the prompt (`decoder.py`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.checkpoint import tensors
from weft.checkpoint.durable import write_file
from weft.config import ModelConfig
from weft.errors import CheckpointError, ConfigError, MalformedFileError, WeftError
from weft.formats import Weights
from weft.formats.quantized import QuantizedWeights, RoundedWeights
from weft.inference.decoder import Decoder
from weft.models import KeyValueCache
from weft.replacing import replacing

Array = NDArray[Any]
FORMAT = "weft prefix 1"
SAMPLE = 64  # entries of each array that the fingerprint looks at


@dataclass(frozen=True)
class Maker:
    """What made a cache: only the same gives the same keys and values."""

    model: str
    """Fingerprint of the weights and the configuration, in hexadecimal."""
    precision: str
    """Precision of the weights and the matrix products."""


def fingerprint(config: ModelConfig, weights: Mapping[str, Array]) -> str:
    """SHA-256 over the configuration and a sample of each weight: 64 entries evenly spread.

    A step of training changes every weight, so that a sample tells two models apart; hashing all
    of them would take longer than reading the prompt again.
    """
    digest = hashlib.sha256(json.dumps(dataclasses.asdict(config), sort_keys=True).encode())
    for name in sorted(weights):
        for array in _as_stored(weights, name):
            digest.update(f"{name} {array.shape}".encode())
            places = np.linspace(0, array.size - 1, min(SAMPLE, array.size)).astype(np.int64)
            sample = array[np.unravel_index(places, array.shape)]
            digest.update(np.ascontiguousarray(sample, np.float32).tobytes())
    return digest.hexdigest()


def _as_stored(weights: Mapping[str, Array], name: str) -> tuple[Array, ...]:
    """One weight as the file has it: nothing is quantised or turned into numbers for this."""
    if isinstance(weights, QuantizedWeights) and not isinstance(weights, RoundedWeights):
        matrix = weights.quantized(name)
        if matrix is not None:
            return matrix.q, matrix.scale
    return (weights.unchecked(name) if isinstance(weights, Weights) else weights[name],)


def save_prefix(path: str | Path, ids: Sequence[int], cache: KeyValueCache, maker: Maker) -> None:
    """Write what the one sequence in `cache` has computed of its first tokens, `ids`.

    The file appears whole or not at all. Raises `WeftError` where it cannot be written.
    """
    path = Path(path)
    arrays = {name: array[:, 0, :, : len(ids)] for name, array in _arrays(cache).items()}
    arrays["ids"] = np.array(ids, np.int64)
    metadata = {"format": FORMAT, **dataclasses.asdict(maker)}
    try:
        with replacing(path) as new:
            write_file(new, tensors.encode(arrays, metadata))
    except OSError as error:
        raise WeftError(
            f"cannot write the prompt cache: {error.strerror or error}; {path}; name another place"
        ) from error


class Prefix:
    """The file's tokens and what was computed of them; `ids` are P integers below V."""

    def __init__(self, path: str | Path, maker: Maker, config: ModelConfig) -> None:
        """Open and check the file; its arrays stay there until they are asked for.

        Raises `ConfigError` when another model or precision made it, `MalformedFileError` when it
        is damaged.
        """
        self.path = Path(path)
        try:
            arrays, metadata = tensors.read(self.path), tensors.read_metadata(self.path)
        except CheckpointError as error:
            raise MalformedFileError(f"prompt cache: {error}") from error
        self._check_maker(metadata, maker)
        self._arrays = self._checked(arrays, config)
        self.ids: list[int] = arrays["ids"].tolist()

    def common(self, ids: Sequence[int]) -> int:
        """How many of its tokens `ids` begins with."""
        pairs = zip(self.ids, ids, strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(self.ids), len(ids)))

    def fill(self, cache: KeyValueCache, count: int) -> None:
        """Put its first `count` tokens into an empty cache of one sequence.

        Raises `ConfigError` when the cache keeps its entries in another precision.
        """
        kept = self._arrays["keys"].dtype
        if kept != cache.keys.dtype:
            raise ConfigError(
                f"the prompt cache is in {kept}, not {cache.keys.dtype}; {self.path}; pass --cache "
                f"{kept}, or remove the file"
            )
        for name, array in _arrays(cache).items():
            array[:, 0, :, :count] = self._arrays[name][:, :, :count]
        cache.position = count

    def _check_maker(self, metadata: Mapping[str, str], maker: Maker) -> None:
        if metadata.get("format") != FORMAT:
            raise self._malformed("it is not a prompt cache of weft")
        expected = dataclasses.asdict(maker)
        for what, value in expected.items():
            if metadata.get(what) != value:
                other = "model" if what == "model" else f"precision than {value}"
                raise ConfigError(
                    f"the prompt cache was made by another {other}; {self.path}; "
                    "name another file, or remove this one"
                )

    def _checked(self, arrays: Mapping[str, Array], config: ModelConfig) -> dict[str, Array]:
        """Keys, values and scales. Every shape follows from the configuration and P."""
        ids, keys = arrays.get("ids"), arrays.get("keys")
        if ids is None or keys is None or ids.dtype != np.int64 or ids.ndim != 1:
            raise self._malformed("ids or keys are missing")
        P = len(ids)
        if not 1 <= P <= config.block_size:
            raise self._malformed(f"{P} tokens for a context of {config.block_size}")
        if ids.min() < 0 or ids.max() >= config.vocab_size:
            raise self._malformed(f"an id is not below {config.vocab_size}")
        shape = (config.n_layer, config.n_kv_head, P, config.head_dim)
        kind = keys.dtype.name
        scale = {"key_scales": "float32", "value_scales": "float32"} if kind == "int8" else {}
        expected = {"keys": kind, "values": kind, **scale}
        for name, dtype in expected.items():
            array, wanted = arrays.get(name), shape if name in ("keys", "values") else shape[:-1]
            if array is None or array.shape != wanted or array.dtype.name != dtype:
                raise self._malformed(f"{name} is not {dtype} {wanted}")
            if array.dtype != np.int8 and not np.isfinite(array).all():
                raise self._malformed(f"{name} has a NaN or an infinity")
        if set(arrays) != {"ids", *expected}:
            raise self._malformed("it has other arrays than keys and values")
        return {name: arrays[name] for name in expected}

    def _malformed(self, what: str) -> MalformedFileError:
        return MalformedFileError(f"prompt cache: {what}; {self.path}; remove it")


def _arrays(cache: KeyValueCache) -> dict[str, Array]:
    """What a cache consists of, by name."""
    return {name: array for name, array in vars(cache).items() if isinstance(array, np.ndarray)}


def start_after(
    path: str | Path,
    ids: Sequence[int],
    decoder: Decoder,
    cache: KeyValueCache,
    maker: Maker,
    config: ModelConfig,
) -> int:
    """Let the empty `cache` read all of `ids` but the last, the start of them from the file.

    Where the file does not hold the start of `ids` alone, as when there is none yet, it is written
    anew with all of them. Returns how many tokens it has saved. Errors: as `Prefix`.
    """
    path, reused, whole = Path(path), 0, False
    if path.exists():
        prefix = Prefix(path, maker, config)
        common = prefix.common(ids)
        whole, reused = common == len(prefix.ids), min(common, len(ids) - 1)
        prefix.fill(cache, reused)
    if not whole:
        decoder.read([cache], [ids[reused:]])
        save_prefix(path, ids, cache, maker)
    elif reused < len(ids) - 1:
        decoder.read([cache], [ids[reused:-1]])
    cache.position = len(ids) - 1
    return reused
