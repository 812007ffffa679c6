"""What every tokenizer answers: text to ids and back, special tokens, streams.

A tokenizer is a table of tokens (id -> bytes) and a way to cut a text into them. Here is the
table; the ways are `characters.py` and `bpe.py`. Special tokens (such as "<|endoftext|>") mark
structure: text never spells them, unless the caller allows it for that text.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weft.errors import ConfigError, DataError
from weft.tokenizers import active
from weft.tokenizers.streaming import StreamDecoder, reject_surrogates, settled_parts

END_OF_TEXT = "<|endoftext|>"
"""GPT-2's only special token: it stands between documents."""

Ids = NDArray[np.uint32]

_MADE_ANEW = ("_encoder", "_join")


class Tokenizer(ABC):
    """The table of tokens, and all that follows from it."""

    def __init__(self, tokens: Sequence[bytes], special_tokens: Mapping[str, int]) -> None:
        self._tokens = tuple(tokens)
        self._special_tokens = dict(special_tokens)

    @abstractmethod
    def _encode_ordinary(self, text: str, offset: int) -> Ids:
        """Encode a text without specials; `offset` is its place in the whole, for messages."""

    @abstractmethod
    def _last_boundary(self, text: str) -> int:
        """The last place where `text` can be cut and encoded apart, whatever comes next."""

    @abstractmethod
    def to_json(self) -> str:
        """The tokenizer as a Hugging Face `tokenizer.json`, the same string every time."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens, specials included: ids are 0 to vocab_size - 1."""
        return len(self._tokens)

    @property
    def special_tokens(self) -> dict[str, int]:
        """Name -> id of the special tokens."""
        return dict(self._special_tokens)

    @property
    def end_of_text(self) -> int | None:
        """The id of "<|endoftext|>", if there is one."""
        return self._special_tokens.get(END_OF_TEXT)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of `to_json()`: shards and checkpoints name their tokenizer by it."""
        import hashlib

        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def encode(self, text: str, allowed_special: Collection[str] | str = ()) -> list[int]:
        """Text -> ids. Errors: DataError for what cannot be encoded, with its place.

        `allowed_special` names the special tokens that this text may spell ("all": every one);
        leave it empty for text that users wrote, or they could end a document or a chat turn.
        """
        ids: list[int] = self.encode_array(text, allowed_special).tolist()
        return ids

    def encode_array(self, text: str, allowed_special: Collection[str] | str = ()) -> Ids:
        """Text -> ids as a uint32 array (T,); otherwise as `encode`."""
        reject_surrogates(text)
        names = self._allowed(allowed_special)
        if not names:
            return self._encode_ordinary(text, 0)
        parts, offset = [], 0
        for segment in _split_at(names, text):
            if segment in names:
                parts.append(np.array([self._special_tokens[segment]], dtype=np.uint32))
            else:
                parts.append(self._encode_ordinary(segment, offset))
            offset += len(segment)
        return np.concatenate(parts)

    def _allowed(self, allowed_special: Collection[str] | str) -> set[str]:
        if isinstance(allowed_special, str):
            if allowed_special != "all":
                raise ConfigError(
                    f'allowed_special is the string {allowed_special!r}; give "all" or a set of '
                    f"names from {sorted(self._special_tokens)}"
                )
            return set(self._special_tokens)
        unknown = sorted(set(allowed_special) - self._special_tokens.keys())
        if unknown:
            raise ConfigError(
                f"{unknown[0]!r} is not a special token; in allowed_special; this tokenizer has "
                f"{sorted(self._special_tokens)}"
            )
        return set(allowed_special)

    def encode_stream(self, chunks: Iterable[str]) -> Iterator[Ids]:
        """Encode a text that arrives in chunks, of any size: uint32 arrays (T,).

        Joined together they equal `encode_array` of the whole text, specials not allowed. Memory:
        see `settled_parts`; for BPE the longest run of letters, of digits, of white space, or of
        other signs has to fit.
        """
        for offset, text in settled_parts(chunks, self._last_boundary):
            reject_surrogates(text, offset)
            yield self._encode_ordinary(text, offset)

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token. DataError if the id is not in the vocabulary."""
        if not 0 <= token < len(self._tokens):
            raise DataError(
                f"token {token} does not exist; ids are 0 to {self.vocab_size - 1}; is this the "
                "tokenizer the ids were made with?"
            )
        return self._tokens[token]

    def decode_bytes(self, ids: Iterable[int] | ArrayLike) -> bytes:
        """Ids -> bytes, which need not be whole UTF-8 characters."""
        joined: bytes = self._join(ids)
        if joined is not NotImplemented:
            return joined
        return b"".join(map(self.token_bytes, _as_integers(ids)))

    def decode(self, ids: Iterable[int] | ArrayLike) -> str:
        """Ids -> text; bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode(errors="replace")

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for one id at a time: `.push(id) -> str`, `.flush() -> str`."""
        return StreamDecoder(self.token_bytes)

    @cached_property
    def _join(self) -> Callable[[Any], Any]:
        return active.bytes_decoder(self._tokens)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy, or another process, is made from: native twins are made anew there."""
        return {name: value for name, value in vars(self).items() if name not in _MADE_ANEW}

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"{kind}(vocab_size={self.vocab_size}, special_tokens={list(self._special_tokens)})"


def _split_at(names: set[str], text: str) -> list[str]:
    """Cut out the names; where several begin at one place, the longest (as Hugging Face does)."""
    alternatives = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return [segment for segment in re.split(f"({alternatives})", text) if segment or not text]


def _as_integers(ids: Any) -> list[int]:
    """A list of Python integers (T,) from a list, an iterator or an array of any integer type."""
    try:
        array = np.asarray(ids if hasattr(ids, "__array__") else list(ids))
    except ValueError:  # lists of different lengths
        raise DataError("token ids are nested lists; give a flat list of integers") from None
    if array.size and (array.ndim != 1 or array.dtype.kind not in "iu"):
        raise DataError(
            f"token ids are an array of {array.dtype} with shape {array.shape}; give a flat list "
            "of integers"
        )
    return array.tolist() if array.size else []
