"""GPT-2's byte alphabet: 256 printable characters, one for each byte.

Vocabulary files are text, tokens are bytes: each byte is written as one character, so that a
space becomes "Ġ" and a newline "Ċ". Bytes that are printable in Latin-1 stand for themselves, the
other 68 for U+0100 and up, in order. This is only how files write a token, not an encoding of
text. Source: `bytes_to_unicode` in OpenAI's `src/encoder.py` (2019).
"""

from __future__ import annotations

_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]

BYTE_ORDER: tuple[int, ...] = (*_PRINTABLE, *_OTHERS)
"""The byte of each of the first 256 ids: GPT-2 counts in this order, so "!" is token 0."""

_CHARACTER_OF = {byte: chr(byte) for byte in _PRINTABLE}
_CHARACTER_OF |= {byte: chr(256 + n) for n, byte in enumerate(_OTHERS)}
_BYTE_OF = {character: byte for byte, character in _CHARACTER_OF.items()}


BYTE_CHARACTERS: frozenset[str] = frozenset(_BYTE_OF)
"""The 256 characters of the alphabet."""


def to_characters(token: bytes) -> str:
    """Write a token in the alphabet: b" the" -> "Ġthe"."""
    return "".join(map(_CHARACTER_OF.__getitem__, token))


def from_characters(text: str) -> bytes:
    """Read a token: "Ġthe" -> b" the". KeyError names a character outside the alphabet."""
    return bytes(map(_BYTE_OF.__getitem__, text))
