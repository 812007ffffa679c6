"""How a tokenizer cuts a text, for people to look at; the command line adds colours."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from weft.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class Piece:
    """One token of a text. `text` is safe to print: one line, no control characters."""

    id: int
    bytes: bytes
    text: str
    special: bool


@dataclass(frozen=True)
class Shown:
    """A text as its tokens."""

    pieces: list[Piece]
    text_bytes: int

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes of the text for each token: how far the tokenizer compresses it."""
        return self.text_bytes / len(self.pieces) if self.pieces else 0.0


def show(tokenizer: Tokenizer, text: str, allowed_special: Collection[str] | str = ()) -> Shown:
    """Encode a text and keep for each token what can be seen of it."""
    special = set(tokenizer.special_tokens.values())
    pieces = []
    for id in tokenizer.encode(text, allowed_special):
        token = tokenizer.token_bytes(id)
        pieces.append(Piece(id, token, visible(token), id in special))
    return Shown(pieces, len(text.encode()))


def visible(token: bytes) -> str:
    """b"\\n" -> "\\\\n": characters as they are if they can be printed, escapes for the rest."""
    text = token.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
