"""The parts of a tokenizer as files have them, checked: what the constructors then rely on.

Files name tokens by strings: text for special tokens and characters, GPT-2's byte alphabet for
byte pairs. Ids must be 0 to V - 1 without a gap, and every merge must be of tokens that exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from weft.tokenizers.byte_alphabet import BYTE_CHARACTERS, from_characters
from weft.tokenizers.strict_json import first_repeated, malformed, shown


@dataclass(frozen=True)
class BPEParts:
    """The arguments of `BPETokenizer`."""

    tokens: list[bytes]
    merges: list[tuple[int, int]]
    special_tokens: dict[str, int]


@dataclass(frozen=True)
class CharacterParts:
    """The arguments of `CharacterTokenizer`."""

    tokens: list[str]
    unknown: str | None
    special_tokens: dict[str, int]


def names_by_id(vocab: Any, special_tokens: Mapping[str, int], where: str) -> list[str]:
    """The token strings in the order of their ids, V of them; special ones may be absent."""
    if not isinstance(vocab, dict) or not vocab:
        malformed("the vocabulary is not an object of token: id", where)
    for name, id in vocab.items():
        if type(id) is not int:
            malformed(f"the id of token {shown(name)} is {shown(id)}, not an integer", where)
        if special_tokens.get(name, id) != id:
            malformed(f"token {shown(name)} has the ids {id} and {special_tokens[name]}", where)
    ids = {**vocab, **special_tokens}
    names: list[str | None] = [None] * len(ids)
    for name, id in ids.items():
        if not 0 <= id < len(ids):
            malformed(
                f"token {shown(name)} has id {id}, but the {len(ids)} tokens should have 0 to "
                f"{len(ids) - 1}",
                where,
            )
        if names[id] is not None:
            malformed(f"tokens {shown(names[id])} and {shown(name)} both have id {id}", where)
        names[id] = name
    return [name for name in names if name is not None]


def bpe_parts(
    vocab: Any, merges: Sequence[tuple[str, str]], special_tokens: Mapping[str, int], where: str
) -> BPEParts:
    """Check a byte-level vocabulary and its merges, both in the byte alphabet."""
    names = names_by_id(vocab, special_tokens, where)
    special = [name for name in names if name in special_tokens]
    tokens = [
        _text_bytes(name, where) if name in special_tokens else _token_bytes(name, where)
        for name in names
    ]
    ids = {name: id for id, name in enumerate(names)}
    pairs, merged = _merges(merges, ids, where)
    if len(set(pairs)) < len(pairs):
        left, right = first_repeated(pairs)
        malformed(f"the merge {shown((names[left], names[right]))} is there twice", where)
    spelled = {*chain.from_iterable(pairs), *merged}
    for name in special:
        if name in BYTE_CHARACTERS or ids[name] in spelled:
            malformed(
                f"special token {shown(name)} is also a byte or part of a merge, so any text "
                "could spell it",
                where,
                "take it out of the special tokens",
            )
    return BPEParts(tokens, pairs, dict(special_tokens))


def _merges(
    merges: Sequence[tuple[str, str]], ids: Mapping[str, int], where: str
) -> tuple[list[tuple[int, int]], list[int]]:
    """The merges as pairs of ids, and the ids of what they make."""
    try:
        pairs = [(ids[left], ids[right]) for left, right in merges]
        return pairs, [ids[left + right] for left, right in merges]
    except KeyError as error:
        missing = error.args[0]
    for left, right in merges:
        if missing in (left, right, left + right):
            needs = f"{shown((left, right))} needs {shown(missing)}"
            malformed(f"the merge {needs}, which is no token", where)
    raise AssertionError(missing)


def _token_bytes(name: str, where: str) -> bytes:
    try:
        token = from_characters(name)
    except KeyError as error:
        malformed(
            f"token {shown(name)} has {shown(error.args[0])}, which is not in the byte alphabet",
            where,
            "Weft reads byte-level BPE only",
        )
    if not token:
        malformed("a token is empty", where)
    return token


def character_parts(
    vocab: Any, unknown: Any, special_tokens: Mapping[str, int], where: str
) -> CharacterParts:
    """Check a vocabulary of characters; `unknown` may be a name that is no token."""
    names = names_by_id(vocab, special_tokens, where)
    if not isinstance(unknown, str) or unknown in special_tokens:
        malformed(f"unk_token is {shown(unknown)}, not the name of an ordinary token", where)
    for name in names:
        _text_bytes(name, where)
        if len(name) == 1 and name in special_tokens:
            malformed(f"special token {shown(name)} is a character, which text can spell", where)
        if len(name) != 1 and name != unknown and name not in special_tokens:
            malformed(f"token {shown(name)} is not one character", where, "Weft reads no words")
    return CharacterParts(names, unknown if unknown in names else None, dict(special_tokens))


def _text_bytes(name: str, where: str) -> bytes:
    """A name as bytes; half a surrogate pair, which JSON can spell, is refused."""
    try:
        return name.encode()
    except UnicodeEncodeError:
        malformed(f"token {shown(name)} is not Unicode text", where)
