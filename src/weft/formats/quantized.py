"""Matrices kept as small integers: how a checkpoint stores them, and how they are read again.

A quantised matrix `name` is two arrays, `name.q` and `name.scale` (float16, (N, K/32)): blocks of
32 along a row share a scale (kernels/reference/quantize.py). `q` is int8 (N, K), or for int4 uint8
(N, K/2): in each block of 32, byte j holds 8 + element j in its low half and 8 + element j + 16 in
its high half, as llama.cpp's Q4_0 does. Everything else is stored as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from weft.errors import CheckpointError, ConfigError, MalformedFileError
from weft.formats.model_files import Array, Weights, is_finite
from weft.kernels import active

Quantization = Literal["int8", "int4"]
BLOCK = 32
SLAB = 1 << 17  # elements quantised together: copies of them stay in the second-level cache
# Read by every token (the output layer) or by few (the embedding), and the most sensitive of all:
# they stay int8 in an int4 model, as in llama.cpp's.
ALWAYS_INT8 = ("embedding.weight", "head.weight")


@dataclass(frozen=True)
class QuantizedMatrix:
    """One matrix (N, K) as integers; the arrays may be read-only views of a mapped file."""

    q: Array
    """int8 (N, K), or uint8 (N, K/2): two of four bits in a byte."""
    scale: Array
    """float16 (N, K/32)."""

    @property
    def bits(self) -> Literal[4, 8]:
        """Bits of an integer."""
        return 8 if self.q.dtype == np.int8 else 4

    @property
    def kind(self) -> Quantization:
        """The name for that."""
        return "int8" if self.bits == 8 else "int4"

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K), of the matrix."""
        return self.scale.shape[0], self.scale.shape[1] * BLOCK

    def integers(self) -> Array:
        """int8 (N, K)."""
        return self.q if self.bits == 8 else unpack_int4(self.q)

    def rows(self, first: int, end: int) -> QuantizedMatrix:
        """Some of its rows, as views."""
        return QuantizedMatrix(self.q[first:end], self.scale[first:end])

    def dequantize(self) -> Array:
        """float32 (N, K)."""
        return active.dequantize(self.integers(), self.scale)


class QuantizedWeights(Weights):
    """`Weights` of which some are kept as integers: `weights[name]` is float32, computed on access.

    `weights.quantized(name)` gives the integers themselves, for a decoder that multiplies by them.
    `kinds` are those that occur; `where` as in `Weights`.
    """

    def __init__(
        self,
        tensors: Mapping[str, Callable[[], Array]],
        quantized: Mapping[str, Callable[[], QuantizedMatrix]],
        kinds: Iterable[Quantization],
        where: str = "",
    ) -> None:
        whole = {name: partial(_whole, matrix) for name, matrix in quantized.items()}
        super().__init__({**tensors, **whole}, where)
        self._quantized, self._file = dict(quantized), where
        self.kinds = frozenset(kinds)

    def quantized(self, name: str) -> QuantizedMatrix | None:
        """The matrix as integers; None for what is not quantised."""
        if name not in self._quantized:
            return None
        matrix = self._quantized[name]()
        self._count(matrix.q.nbytes)
        if self._file and not is_finite(matrix.scale):
            raise MalformedFileError(
                f"a scale is NaN or infinite: {name}; {self._file}; get an intact copy"
            )
        return matrix


def _whole(matrix: Callable[[], QuantizedMatrix]) -> Array:
    return matrix().dequantize()


class RoundedWeights(QuantizedWeights):
    """Weights that are quantised as they are asked for, as `quantize_weights` would have them."""

    def __init__(self, weights: Mapping[str, Array], kind: Quantization) -> None:
        super().__init__({name: partial(weights.__getitem__, name) for name in weights}, {}, [kind])
        self._weights, self._kind = weights, kind

    def quantized(self, name: str) -> QuantizedMatrix | None:
        """The matrix as integers; None for what is not quantised."""
        array = self._weights[name]
        if not is_quantizable(name, array):
            return None
        return quantize_matrix(name, array, self._kind)

    def plain(self, name: str) -> tuple[Array, Quantization] | None:
        """The numbers of a matrix and what they become, for a kernel that rounds and packs at once;
        None for what is not quantised."""
        array = self._weights[name]
        if not is_quantizable(name, array):
            return None
        return array, "int8" if name in ALWAYS_INT8 else self._kind

    def __getitem__(self, name: str) -> Array:
        matrix = self.quantized(name)
        return self._weights[name] if matrix is None else matrix.dequantize()


def as_quantized(weights: Mapping[str, Array], kind: Quantization) -> QuantizedWeights:
    """The weights themselves if they are stored in this quantisation; else quantised on access."""
    if isinstance(weights, RoundedWeights) or quantization_of(weights) == kind:
        assert isinstance(weights, QuantizedWeights)
        return weights
    return RoundedWeights(weights, kind)


def quantization_of(weights: Mapping[str, Array]) -> Quantization | None:
    """How the matrices are stored: "int4" if any is; None if none is quantised."""
    if not isinstance(weights, QuantizedWeights):
        return None
    return "int4" if "int4" in weights.kinds else "int8" if weights.kinds else None


def quantize_weights(weights: Mapping[str, Array], kind: Quantization) -> dict[str, Array]:
    """Weft's names -> the arrays of a quantised checkpoint's model.safetensors.

    Quantised are the matrices (linear layers, embedding, output layer) with rows of a multiple of
    32; norms, biases and positions stay, and so does what is quantised already. Raises
    `ConfigError` for weights that are not finite.
    """
    if kind not in ("int8", "int4"):
        raise ConfigError(f"unknown quantization {kind!r}; quantize; choose int8 or int4")
    arrays: dict[str, Array] = {}
    for name, array in weights.items():
        matrix = weights.quantized(name) if isinstance(weights, QuantizedWeights) else None
        if matrix is None and is_quantizable(name, array):
            matrix = quantize_matrix(name, array, kind)
        if matrix is None:
            arrays[name] = array
        else:
            arrays[f"{name}.q"], arrays[f"{name}.scale"] = matrix.q, matrix.scale
    return arrays


def is_quantizable(name: str, array: Array) -> bool:
    """Whether this parameter is a matrix that decoding multiplies by, of whole blocks."""
    kept = name == "position.weight" or name.endswith(".router.weight")
    return array.ndim == 2 and not kept and array.shape[1] % BLOCK == 0


def quantize_matrix(name: str, array: Array, kind: Quantization) -> QuantizedMatrix:
    """One matrix (N, K) of any float type, as `quantize_weights` does it."""
    eight = kind == "int8" or name in ALWAYS_INT8
    quantize = _to_int8 if eight else _to_int4
    N, K = array.shape
    q = np.empty((N, K if eight else K // 2), np.int8 if eight else np.uint8)
    scale = np.empty((N, K // BLOCK), np.float16)
    rows = max(1, SLAB // max(1, K))
    try:
        for first in range(0, N, rows):
            slab = slice(first, first + rows)
            q[slab], scale[slab] = quantize(array[slab])
    except ValueError as error:
        raise ConfigError(
            f"{error}; {name}; repair the model: weft info shows its weights"
        ) from None
    return QuantizedMatrix(q, scale)


def _to_int8(rows: Array) -> tuple[Array, Array]:
    return active.quantize_int8(rows)


def _to_int4(rows: Array) -> tuple[Array, Array]:
    q, scale = active.quantize_int4(rows, search=True)
    return pack_int4(q), scale


def read_quantized(arrays: Mapping[str, Array], where: str) -> Weights:
    """What a checkpoint's model.safetensors holds -> `Weights`, `QuantizedWeights` where some are.

    Raises `CheckpointError` for integers and scales that do not belong together.
    """
    names = [name.removesuffix(".q") for name in arrays if name.endswith(".q")]
    matrices = {name: _matrix(arrays, name, where) for name in names}
    rest = set(arrays) - {f"{name}{part}" for name in names for part in (".q", ".scale")}
    twice = sorted(rest & set(names)) + sorted(n for n in rest if n.endswith(".scale"))
    if twice:
        raise _damaged(f"{twice[0][:80]!r} does not belong to a quantised matrix", where)
    plain = {name: partial(arrays.__getitem__, name) for name in arrays if name in rest}
    if not matrices:
        return Weights(plain)
    kinds = {matrix.kind for matrix in matrices.values()}
    return QuantizedWeights(plain, {n: partial(matrices.__getitem__, n) for n in names}, kinds)


def is_quantized(names: Iterable[str]) -> bool:
    """Whether a checkpoint with arrays of these names is a quantised one."""
    return any(name.endswith(".q") for name in names)


def _matrix(arrays: Mapping[str, Array], name: str, where: str) -> QuantizedMatrix:
    q, scale = arrays[f"{name}.q"], arrays.get(f"{name}.scale")
    if scale is None or scale.dtype != np.float16 or scale.ndim != 2:
        raise _damaged(f"{name[:80]!r} has no scales of type F16", where)
    width = {np.dtype(np.int8): BLOCK, np.dtype(np.uint8): BLOCK // 2}.get(q.dtype)
    if width is None or q.shape != (scale.shape[0], scale.shape[1] * width):
        raise _damaged(f"the integers of {name[:80]!r} do not fit its scales", where)
    return QuantizedMatrix(q, scale)


def _damaged(what: str, where: str) -> CheckpointError:
    return CheckpointError(f"{what}; {where}; the file is damaged: use another checkpoint")


def pack_int4(q: Array) -> Array:
    """int8 in -8..7 (N, K) -> uint8 (N, K/2)."""
    blocks = (q + np.int8(8)).view(np.uint8).reshape(len(q), -1, 2, BLOCK // 2)
    packed: Array = blocks[:, :, 0] | blocks[:, :, 1] << np.uint8(4)  # (N, K/32, 16)
    return packed.reshape(len(q), -1)


def unpack_int4(packed: Array) -> Array:
    """uint8 (N, K/2) -> int8 in -8..7 (N, K)."""
    blocks = packed.reshape(len(packed), -1, BLOCK // 2)  # (N, K/32, 16)
    halves = np.stack([blocks & np.uint8(15), blocks >> np.uint8(4)], axis=2)
    integers: Array = halves.view(np.int8) - np.int8(8)  # (N, K/32, 2, 16)
    return integers.reshape(len(packed), -1)
