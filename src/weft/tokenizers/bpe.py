"""Byte-level BPE, as in GPT-2: pieces of the text by a pattern, bytes of a piece merged in pairs.

Every text has an encoding, because every byte is a token; decode(encode(x)) == x. Learning the
merges is in `bpe_training.py`, encoding in `encoder.py`, the merging itself in `byte_pairs.py`, the
pattern in `pattern.py`, files in `hugging_face.py` and `gpt2_files.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from weft.errors import ConfigError
from weft.tokenizers import active, hugging_face
from weft.tokenizers.byte_alphabet import to_characters
from weft.tokenizers.pattern import last_boundary, split
from weft.tokenizers.streaming import reject_surrogates
from weft.tokenizers.tokenizer import END_OF_TEXT, Ids, Tokenizer


class BPETokenizer(Tokenizer):
    """Ids are the places of the tokens in `tokens`.

    tokens:         the bytes of each token; special tokens have the bytes of their name
    merges:         pairs of ids, in the order they were learnt; the joined token is in `tokens`
    special_tokens: name -> id, for those tokens that no text spells
    """

    def __init__(
        self,
        tokens: Sequence[bytes],
        merges: Sequence[tuple[int, int]],
        special_tokens: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(tokens, special_tokens or {})
        self._merges = tuple(merges)

    @classmethod
    def train(
        cls,
        chunks: Iterable[str],
        vocab_size: int,
        special_tokens: Sequence[str] = (END_OF_TEXT,),
    ) -> BPETokenizer:
        """Learn a vocabulary of `vocab_size` tokens: 256 bytes, merges, then the special tokens.

        Deterministic; equal to Hugging Face's trainer (see `learn_merges`). A text with too little
        to merge gives a smaller vocabulary: look at `vocab_size` of the result. Memory grows with
        the number of distinct pieces of the text, not with its length. ConfigError if there is no
        room for bytes and special tokens, or if a text could spell a special token.
        """
        _check_special(special_tokens)
        room = vocab_size - 256 - len(special_tokens)
        if room < 0:
            raise ConfigError(
                f"vocab_size {vocab_size} is too small; it holds 256 bytes and "
                f"{len(special_tokens)} special tokens; give at least {256 + len(special_tokens)}"
            )
        pieces = active.count_pieces([chunks] if isinstance(chunks, str) else chunks)
        tokens, merges = active.learn_merges(pieces, room)
        special = {name: len(tokens) + n for n, name in enumerate(special_tokens)}
        _check_written(special_tokens, tokens)
        return cls([*tokens, *(name.encode() for name in special)], merges, special)

    @property
    def merges(self) -> tuple[tuple[int, int], ...]:
        """Pairs of ids, in the order in which they were learnt."""
        return self._merges

    def to_json(self) -> str:
        return hugging_face.write_bpe(self._tokens, self._merges, self._special_tokens)

    def _encode_ordinary(self, text: str, offset: int) -> Ids:
        return self._encoder(text)

    def _last_boundary(self, text: str) -> int:
        return last_boundary(text)

    @cached_property
    def _encoder(self) -> Callable[[str], Ids]:
        tokens, special = self._tokens, set(self._special_tokens.values())
        ids = {token: id for id, token in enumerate(tokens) if id not in special}
        byte_ids = [ids.get(bytes([byte]), -1) for byte in range(256)]
        merges = [(left, right, ids[tokens[left] + tokens[right]]) for left, right in self._merges]
        return active.text_encoder(byte_ids, merges)


def _check_special(names: Sequence[str]) -> None:
    """A special token is safe if the pattern cuts it: then no merge can ever build it."""
    if len(set(names)) < len(names):
        raise ConfigError(f"a special token is named twice; in {list(names)}; name it once")
    for name in names:
        reject_surrogates(name)
        if len(split(name)) < 2:
            raise ConfigError(
                f"special token {name!r} is a single piece of text, so a text could spell it; in "
                "special_tokens; choose a name such as <|endoftext|>"
            )


def _check_written(names: Sequence[str], tokens: Sequence[bytes]) -> None:
    """Files write special tokens as they are and others in the byte alphabet: "Ġ!!" is b" !!"."""
    written = set(map(to_characters, tokens))
    for name in names:
        if name in written:
            raise ConfigError(
                f"special token {name!r} is how files write another token; in special_tokens; "
                "choose a name such as <|endoftext|>"
            )
