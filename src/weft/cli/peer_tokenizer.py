"""One side of `weft bench tokenizer`: Weft, tiktoken or tokenizers, at one task, on one core.

All have the same vocabulary, read from one `tokenizer.json`; see bench_child.py for the process.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Work = Callable[[], Any]


class Step:
    """The task, once a call. The first call answers with a sum of what came out, for comparison."""

    def __init__(self, work: Work) -> None:
        self.work, self.compared = work, False

    def __call__(self) -> float:
        result = self.work()
        if self.compared:
            return 0.0
        self.compared = True
        if isinstance(result, str):
            return float(zlib.crc32(result.encode()))
        return float(zlib.crc32(np.asarray(result, dtype=np.uint32).tobytes()))


def make_step(who: str, task: str, text: str, tokenizer: str, vocab_size: int) -> Step:
    """`text` and `tokenizer` are paths; decoding is of the ids that `who` encodes itself."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    content = Path(text).read_bytes().decode()
    return Step(_WORK[who](task, content, tokenizer, vocab_size))


def _weft(task: str, text: str, path: str, vocab_size: int) -> Work:
    from weft.tokenizers import BPETokenizer, load_tokenizer

    if task == "train":
        return lambda: [BPETokenizer.train([text], vocab_size).vocab_size]
    tokenizer = load_tokenizer(path)
    ids = tokenizer.encode(text)
    return {
        "encode": lambda: tokenizer.encode_array(text),
        "encode to a list": lambda: tokenizer.encode(text),
        "decode": lambda: tokenizer.decode(ids),
    }[task]


def _tiktoken(task: str, text: str, path: str, vocab_size: int) -> Work:
    import tiktoken

    from weft.tokenizers import load_tokenizer
    from weft.tokenizers.pattern import GPT2_PATTERN

    ours = load_tokenizer(path)
    special = ours.special_tokens
    ordinary = set(range(ours.vocab_size)) - set(special.values())
    ranks = {ours.token_bytes(id): id for id in ordinary}
    encoding = tiktoken.Encoding(
        "compared", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens=special
    )
    ids = encoding.encode_ordinary(text)
    return {
        "encode": lambda: encoding.encode_to_numpy(text, disallowed_special=()),
        "encode to a list": lambda: encoding.encode_ordinary(text),
        "decode": lambda: encoding.decode(ids),
    }[task]


def _tokenizers(task: str, text: str, path: str, vocab_size: int) -> Work:
    import tokenizers

    if task == "train":
        return lambda: [_train_tokenizers(tokenizers, text, vocab_size)]
    tokenizer = tokenizers.Tokenizer.from_file(path)
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text).ids
    return {
        "encode to a list": lambda: tokenizer.encode(text).ids,
        "decode": lambda: tokenizer.decode(ids, skip_special_tokens=False),
    }[task]


def _train_tokenizers(tokenizers: Any, text: str, vocab_size: int) -> int:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    tokenizer.pre_tokenizer = byte_level(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=byte_level.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return int(tokenizer.get_vocab_size())


_WORK = {"weft": _weft, "tiktoken": _tiktoken, "tokenizers": _tokenizers}

TASKS = {
    "weft": ("encode", "encode to a list", "decode", "train"),
    "tiktoken": ("encode", "encode to a list", "decode"),
    "tokenizers": ("encode to a list", "decode", "train"),
}
"""What each of them can do."""
