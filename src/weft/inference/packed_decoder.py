"""The native `Decoder`: packed weights, and one call for the whole stack, whatever the batch.

It gives what the definition gives, up to summation order in float32; with bfloat16, int8 and int4
also up to the rounding of what the matrices read. A sequence's logits are the same bits alone and
with others, and for any number of threads. The first call reads matrices where they are in a mapped
file, if it can; they are packed before the second one. So the first token comes earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.config import ModelConfig
from weft.formats import Weights
from weft.inference.decoder import Decoder
from weft.inference.packing import InferencePrecision, pack_decoder
from weft.kernels import active
from weft.models import KeyValueCache


class PackedDecoder(Decoder):
    """Reads tokens with weights in `precision`; `model` builds the definition, if it is needed.

    `cache` is the precision in which keys and values are kept: bfloat16, but float32 with float32
    weights, unless it is given.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Mapping[str, NDArray[Any]],
        precision: InferencePrecision,
        model: Callable[[], Any],
        *,
        cache: Any = None,
    ) -> None:
        self.config, self._model = config, model
        self.dtype = "bfloat16" if precision == "bfloat16" else None
        self.cache = cache or ("float32" if precision == "float32" else "bfloat16")
        self._weights, self._precision = weights, precision
        self._native = pack_decoder(config, weights, precision, stored=True)
        self._packed = self._native is None or self._native.packed
        self._begun = False

    @staticmethod
    def runs(config: ModelConfig) -> bool:
        """Whether there is native code for all that such a model does.

        There is none for a window, ALiBi, ReLU² and experts: the definition reads with those.
        """
        c = config
        known = c.positions != "alibi" and c.activation != "relu2" and not (c.window or c.n_expert)
        return active.native is not None and known

    @property
    def model(self) -> Any:
        """The definition."""
        return self._model()

    def start(self, length: int | None = None, dtype: Any = None) -> KeyValueCache:
        """An empty sequence with room for `length` tokens (the whole context).

        `dtype` is the precision of its keys and values: float32, bfloat16 or int8.
        """
        c = self.config
        length = min(length or c.block_size, c.block_size)
        dtype = np.dtype(dtype or self.cache)
        return KeyValueCache(c.n_layer, 1, c.n_kv_head, length, c.head_dim, dtype)

    def read(
        self, sequences: Sequence[KeyValueCache], tokens: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        return self._read(sequences, tokens, every=False)

    def read_all(
        self, sequences: Sequence[KeyValueCache], tokens: Sequence[Sequence[int]]
    ) -> list[NDArray[np.float32]]:
        rows = self._read(sequences, tokens, every=True)
        return np.split(rows, np.cumsum([len(new) for new in tokens])[:-1])

    def _read(
        self, sequences: Sequence[KeyValueCache], tokens: Sequence[Sequence[int]], every: bool
    ) -> NDArray[np.float32]:
        if self._begun and not self._packed:
            self._pack()
        ids = [np.asarray(new, np.int64) for new in tokens]
        logits: NDArray[np.float32] = self._native.read([_parts(s) for s in sequences], ids, every)
        if not self._packed:
            self._check()
            self._begun = True
        for sequence, new in zip(sequences, ids, strict=True):
            sequence.position += len(new)
        return logits

    def _pack(self) -> None:
        """Whoever reads a second time will read often."""
        weights = self._weights
        if isinstance(weights, Weights):
            weights.release()
        if type(weights) is Weights:  # they were looked at, in the first call or before it
            weights = weights.trusted()
        self._native = pack_decoder(self.config, weights, self._precision)
        self._packed = True

    def _check(self) -> None:
        """Refuse a NaN or an infinity that was met, by the name of the weight."""
        if not self._native.finite:
            for name in self._weights:
                self._weights[name]


# dtype.name takes a microsecond, which a step of a small model notices.
_NAMES = {np.dtype(name): name for name in ("float32", "bfloat16", "int8")}


def _parts(cache: KeyValueCache) -> tuple[Any, ...]:
    """A cache as the native decoder takes it: the arrays flat, of whatever precision, as bytes."""
    keys, values = cache.keys, cache.values
    key_scales, value_scales = cache.key_scales, cache.value_scales
    return (
        _NAMES[keys.dtype],
        keys.reshape(-1).view(np.uint8),
        values.reshape(-1).view(np.uint8),
        None if key_scales is None else key_scales.reshape(-1),
        None if value_scales is None else value_scales.reshape(-1),
        cache.length,
        cache.position,
    )
