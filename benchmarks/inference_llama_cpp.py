"""The peer: llama.cpp by its own functions (llama-cpp-python), without its sampling.

It is given what its own benchmark gives it: flash attention, extra buffer types (repacked weights,
AMX), a float16 cache. Logits are asked for where they are needed only. llama-cpp-python is no
dependency of Weft: only a process of its own loads this file.

    python inference_llama_cpp.py F32.gguf OUT.gguf q4_0     # quantises, as llama-quantize does
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

import llama_cpp as api
import numpy as np

PIECE = 512  # tokens that it works on at a time: llama.cpp's own default


@api.llama_log_callback
def silent(level: int, text: bytes, data: Any) -> None:
    """The log has a line for each tensor."""


class Sequences:
    """`count` sequences of one model with room for `length` tokens each."""

    def __init__(self, path: str, threads: int, count: int, length: int) -> None:
        api.llama_log_set(silent, ctypes.c_void_p(0))
        self.model = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
        given = api.llama_context_default_params()
        given.n_ctx, given.n_seq_max = count * length, count
        given.n_batch, given.n_ubatch = count * length, PIECE
        given.n_threads = given.n_threads_batch = threads
        given.flash_attn_type, given.no_perf = api.LLAMA_FLASH_ATTN_TYPE_ENABLED, True
        self.context = api.llama_init_from_model(self.model, given)
        if not self.context:
            raise SystemExit(f"llama.cpp cannot start with {path}")
        self.memory = api.llama_get_memory(self.context)
        self.vocab_size = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.batch = api.llama_batch_init(count * length, 0, 1)
        self.positions = [0] * count

    def read(self, tokens: Sequence[Sequence[int]]) -> list[int]:
        """Append tokens[i] to sequence i; the likeliest token after the last of each."""
        batch, last = self.batch, []
        batch.n_tokens = 0
        for i, new in enumerate(tokens):
            for token in new:
                self._add(i, token)
            last.append(batch.n_tokens - 1)
            batch.logits[last[-1]] = 1
        if api.llama_decode(self.context, batch):
            raise SystemExit("llama.cpp cannot decode")
        return [int(self.logits(n).argmax()) for n in last]

    def _add(self, i: int, token: int) -> None:
        batch, n = self.batch, self.batch.n_tokens
        batch.token[n], batch.pos[n], batch.logits[n] = token, self.positions[i], 0
        batch.n_seq_id[n], batch.seq_id[n][0] = 1, i
        batch.n_tokens += 1
        self.positions[i] += 1

    def logits(self, n: int) -> np.ndarray[Any, Any]:
        """After token `n` of the last batch: (V,) float32."""
        pointer = api.llama_get_logits_ith(self.context, n)
        return np.ctypeslib.as_array(pointer, (self.vocab_size,))

    def set_back(self, position: int) -> None:
        """Forget what the sequences have read from this position on."""
        for i in range(len(self.positions)):
            api.llama_memory_seq_rm(self.memory, i, position, -1)
            self.positions[i] = position


def quantise(source: str, target: str, kind: str) -> None:
    """Write a GGUF file with llama.cpp's own choice of types; `kind` is q8_0 or q4_0."""
    api.llama_log_set(silent, ctypes.c_void_p(0))
    given = api.llama_model_quantize_default_params()
    given.ftype = {"q8_0": api.LLAMA_FTYPE_MOSTLY_Q8_0, "q4_0": api.LLAMA_FTYPE_MOSTLY_Q4_0}[kind]
    if api.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(given)):
        raise SystemExit(f"llama.cpp cannot quantise {source}")


if __name__ == "__main__":
    quantise(*sys.argv[1:])
