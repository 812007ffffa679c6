"""The peer: a model of Hugging Face transformers with its own cache, without its `generate`.

Its loop around the model costs more than a small model does; here it is as short as Weft's. Logits
are computed for the last token only. Sequences are of one length, as a tensor of them is.
transformers is no dependency of Weft: only a process of its own loads this file.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import transformers


class Sequences:
    """`count` sequences of one model; `precision` is float32 or bfloat16."""

    def __init__(
        self, path: str, threads: int, count: int, length: int, precision: str = "float32"
    ) -> None:
        torch.set_num_threads(threads)
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        load = transformers.AutoModelForCausalLM.from_pretrained
        self.model = load(path, dtype=getattr(torch, precision), local_files_only=True).eval()
        self.cache = transformers.DynamicCache()

    @torch.inference_mode()
    def read(self, tokens: Sequence[Sequence[int]]) -> list[int]:
        """Append tokens[i] to sequence i; the likeliest token after the last of each."""
        ids = torch.tensor(tokens)
        out = self.model(ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        chosen: list[int] = out.logits[:, -1].argmax(-1).tolist()
        return chosen

    def set_back(self, position: int) -> None:
        """Forget what the sequences have read from this position on."""
        if position:
            self.cache.crop(position - self.cache.get_seq_length())
        else:
            self.cache = transformers.DynamicCache()
