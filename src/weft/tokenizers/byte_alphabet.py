"""GPT-2's byte alphabet: 256 printable characters, one for each byte.

Vocabulary files are text, tokens are bytes: each byte is written as one character, so that a
space becomes "Ġ" and a newline "Ċ". Bytes that are printable in Latin-1 stand for themselves, the
other 68 for U+0100 and up, in order. This is only how files write a token, not an encoding of
text. Source: `bytes_to_unicode` in OpenAI's `src/encoder.py` (2019).
"""

from __future__ import annotations

import codecs

_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]

BYTE_ORDER: tuple[int, ...] = (*_PRINTABLE, *_OTHERS)
"""The byte of each of the first 256 ids: GPT-2 counts in this order, so "!" is token 0."""

_CHARACTER_OF = {byte: chr(byte) for byte in _PRINTABLE}
_CHARACTER_OF |= {byte: chr(256 + n) for n, byte in enumerate(_OTHERS)}
_ALPHABET = "".join(_CHARACTER_OF[byte] for byte in range(256))
_BYTE_OF = {ord(character): byte for byte, character in enumerate(_ALPHABET)}


BYTE_CHARACTERS: frozenset[str] = frozenset(_ALPHABET)
"""The 256 characters of the alphabet."""


def to_characters(token: bytes) -> str:
    """Write a token in the alphabet: b" the" -> "Ġthe"."""
    return codecs.charmap_decode(token, "strict", _ALPHABET)[0]


def from_characters(text: str) -> bytes:
    """Read a token: "Ġthe" -> b" the". KeyError names a character outside the alphabet."""
    try:
        return codecs.charmap_encode(text, "strict", _BYTE_OF)[0]
    except UnicodeEncodeError as error:
        raise KeyError(text[error.start]) from None
