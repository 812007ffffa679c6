"""A token per character: the simplest tokenizer, with the vocabulary of the text it has seen.

A character is a Unicode code point, so decode(encode(x)) == x without any normalisation. What the
training text did not contain is an error that names it, or becomes a chosen fallback token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from weft.errors import ConfigError, DataError
from weft.tokenizers import hugging_face
from weft.tokenizers.streaming import reject_surrogates
from weft.tokenizers.tokenizer import Ids, Tokenizer

_MISSING = np.uint32(0xFFFFFFFF)
_SHOWN = 10  # unknown characters named in one error


class CharacterTokenizer(Tokenizer):
    """Ids are the places of the characters in `tokens`.

    tokens:         characters, plus the names of the fallback and of the special tokens
    unknown:        the token that stands for every character not among them; None: an error
    special_tokens: name -> id, for those tokens that no text spells
    """

    def __init__(
        self,
        tokens: Sequence[str],
        unknown: str | None = None,
        special_tokens: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__([token.encode() for token in tokens], special_tokens or {})
        self._names = tuple(tokens)
        self._unknown = unknown
        ids = {token: id for id, token in enumerate(tokens)}
        characters = [token for token in tokens if len(token) == 1]
        points = np.array([ord(character) for character in characters], dtype=np.int64)
        fallback = _MISSING if unknown is None else np.uint32(ids[unknown])
        # One entry per code point up to the highest known one, and one for all that lie above.
        self._id_of = np.full(int(points.max(initial=0)) + 2, fallback, dtype=np.uint32)
        self._id_of[points] = [ids[character] for character in characters]

    @classmethod
    def train(
        cls,
        chunks: Iterable[str],
        unknown: str | None = None,
        special_tokens: Sequence[str] = (),
    ) -> CharacterTokenizer:
        """The sorted characters of the text; then the fallback (if longer than one), the specials.

        `unknown` is a character (added to the vocabulary if the text lacks it) or a longer name
        such as "<unk>". DataError if the text is empty; ConfigError for names that cannot be.
        """
        names = _names(unknown, special_tokens)
        characters = _characters_of([chunks] if isinstance(chunks, str) else chunks)
        if not characters:
            raise DataError("the text is empty; nothing to learn characters from; give some text")
        if unknown is not None and len(unknown) == 1:
            characters.add(unknown)
        tokens = [*sorted(characters), *names]
        return cls(tokens, unknown, {name: tokens.index(name) for name in special_tokens})

    @property
    def unknown(self) -> str | None:
        """The token that stands for unknown characters, if any."""
        return self._unknown

    def to_json(self) -> str:
        return hugging_face.write_characters(self._names, self._unknown, self._special_tokens)

    def _encode_ordinary(self, text: str, offset: int) -> Ids:
        points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")  # (T,)
        ids: Ids = self._id_of[np.minimum(points, len(self._id_of) - 1)]
        if self._unknown is None and (ids == _MISSING).any():
            raise self._unknown_characters(text, int((ids == _MISSING).argmax()), offset)
        return ids

    def _unknown_characters(self, text: str, first: int, offset: int) -> DataError:
        known = set(self._names)
        unknown = [c for c in dict.fromkeys(text[first:]) if c not in known]
        named = ", ".join(f"{c!a} (U+{ord(c):04X})" for c in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        return DataError(
            f"unknown character{'s' if len(unknown) > 1 else ''} {named}{more}; first at character "
            f"{offset + first}; remove, or train the tokenizer on text that has them, with a "
            "fallback for unknown characters, or as byte pairs (bpe)"
        )

    def _last_boundary(self, text: str) -> int:
        return len(text)


def _characters_of(chunks: Iterable[str]) -> set[str]:
    characters: set[str] = set()
    offset = 0
    for chunk in chunks:
        reject_surrogates(chunk, offset)
        characters.update(chunk)
        offset += len(chunk)
    return characters


def _names(unknown: str | None, special_tokens: Sequence[str]) -> list[str]:
    """The tokens longer than a character, checked: a text must not be able to spell them."""
    for name in special_tokens:
        if len(name) < 2:
            raise ConfigError(
                f"special token {name!r} is no longer than a character, so any text could spell "
                "it; choose a name such as <|endoftext|>"
            )
    names = [unknown] if unknown is not None and len(unknown) != 1 else []
    names += special_tokens
    if "" in names or len(set(names)) < len(names):
        raise ConfigError(f"token names must be different and not empty; got {names}; rename one")
    for name in names:
        reject_surrogates(name)
    return names
