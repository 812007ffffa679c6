"""A tokenizer in the metadata of a GGUF file, both ways.

Byte pairs are llama.cpp's tokenizer "gpt2" with the splitter "gpt-2". Characters are its "rwkv",
which takes the longest token at each place: with a token per character just that character. (Its
"gpt2" would end a text at token 11 in a vocabulary that has no end of text.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.errors import ConfigError, MalformedFileError
from weft.tokenizers import BPETokenizer, CharacterTokenizer
from weft.tokenizers.byte_alphabet import to_characters
from weft.tokenizers.strict_json import malformed, shown
from weft.tokenizers.vocabulary import bpe_parts, character_parts

NORMAL, UNKNOWN, CONTROL, UNUSED = 1, 2, 3, 5  # enum llama_token_type
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {b"t": b"\t", b"n": b"\n", b"r": b"\r"}


def tokenizer_values(
    tokenizer: Any, vocab_size: int, chat_template: str | None = None
) -> dict[str, Any]:
    """The keys and values of `tokenizer.ggml.*`; ids that only the model has become unused tokens.

    Raises `ConfigError` for a tokenizer that is neither of byte pairs nor of characters.
    """
    if isinstance(tokenizer, BPETokenizer):
        values = _byte_pair_values(tokenizer)
    elif isinstance(tokenizer, CharacterTokenizer):
        values = _character_values(tokenizer)
    else:
        raise ConfigError(
            f"a tokenizer of kind {type(tokenizer).__name__} has no form in GGUF; write_gguf; "
            "give a tokenizer of byte pairs or characters"
        )
    tokens = values["tokenizer.ggml.tokens"]
    special = set(tokenizer.special_tokens.values())
    types = [CONTROL if id in special else NORMAL for id in range(len(tokens))]
    if "tokenizer.ggml.unknown_token_id" in values:
        types[values["tokenizer.ggml.unknown_token_id"]] = UNKNOWN
    padding = range(len(tokens), vocab_size)
    tokens += [f"[PAD{id}]" for id in padding]
    types += [UNUSED for _ in padding]
    values["tokenizer.ggml.token_type"] = np.array(types, np.int32)
    if tokenizer.end_of_text is not None:
        values["tokenizer.ggml.bos_token_id"] = tokenizer.end_of_text
        values["tokenizer.ggml.eos_token_id"] = tokenizer.end_of_text
    values["tokenizer.ggml.add_bos_token"] = False
    values["tokenizer.ggml.add_eos_token"] = False
    if chat_template is not None:
        values["tokenizer.chat_template"] = chat_template
    return values


def _byte_pair_values(tokenizer: BPETokenizer) -> dict[str, Any]:
    special = {id: name for name, id in tokenizer.special_tokens.items()}
    names = [
        special.get(id) or to_characters(tokenizer.token_bytes(id))
        for id in range(tokenizer.vocab_size)
    ]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": names,
        "tokenizer.ggml.merges": [f"{names[a]} {names[b]}" for a, b in tokenizer.merges],
    }


def _character_values(tokenizer: CharacterTokenizer) -> dict[str, Any]:
    tokens = [tokenizer.token_bytes(id).decode() for id in range(tokenizer.vocab_size)]
    values: dict[str, Any] = {
        "tokenizer.ggml.model": "rwkv",
        "tokenizer.ggml.tokens": [escape(token) for token in tokens],
    }
    if tokenizer.unknown is not None:
        values["tokenizer.ggml.unknown_token_id"] = tokens.index(tokenizer.unknown)
    return values


def escape(token: str) -> str:
    """A token as llama.cpp's "rwkv" writes it."""
    for character, written in (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        token = token.replace(character, written)
    return token


def unescape(text: str) -> bytes:
    """The inverse of `escape`; also takes \\x41."""

    def byte(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 16)])
        return _ESCAPED.get(match[2], match[2])

    return _ESCAPE.sub(byte, text.encode())


Tokenizer = BPETokenizer | CharacterTokenizer


def read_tokenizer(
    values: Mapping[str, Any], vocab_size: int, where: str
) -> tuple[Tokenizer | None, str | None]:
    """The tokenizer of a file; or None and a note why there is none that Weft computes.

    Raises `MalformedFileError` for one that contradicts itself or the model.
    """
    model, pre = values.get("tokenizer.ggml.model"), values.get("tokenizer.ggml.pre", "default")
    if (model, pre) != ("gpt2", "gpt-2") and model != "rwkv":
        what = f"{shown(model)} with the splitter {shown(pre)}" if model else "not in the file"
        return None, f"its tokenizer is {what}: Weft has gpt2 with gpt-2, and rwkv"
    tokens = values.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, list) or len(tokens) != vocab_size:
        malformed(f"tokenizer.ggml.tokens does not name {vocab_size} tokens", where)
    types = _token_types(values, vocab_size, where)
    while types and types[-1] == UNUSED:
        types.pop()
    names = tokens[: len(types)]
    special = {names[id]: id for id, kind in enumerate(types) if kind == CONTROL}
    other = {*types} - {NORMAL, UNKNOWN, CONTROL}
    if other:
        return None, f"its tokenizer has tokens of type {min(other)}, which Weft does not compute"
    if model == "rwkv":
        return _read_characters(values, names, special, where), None
    return _read_byte_pairs(values, names, special, where), None


def _token_types(values: Mapping[str, Any], vocab_size: int, where: str) -> list[int]:
    types = values.get("tokenizer.ggml.token_type")
    if types is None:
        return [NORMAL] * vocab_size
    if not isinstance(types, np.ndarray) or types.dtype.kind not in "iu":
        malformed("tokenizer.ggml.token_type is not an array of integers", where)
    if len(types) != vocab_size:
        malformed(f"tokenizer.ggml.token_type has {len(types)} of {vocab_size} entries", where)
    listed: list[int] = types.tolist()
    return listed


def _read_byte_pairs(
    values: Mapping[str, Any], names: list[str], special: dict[str, int], where: str
) -> BPETokenizer:
    merges = values.get("tokenizer.ggml.merges")
    if not isinstance(merges, list):
        malformed("tokenizer.ggml.merges is not an array of strings", where)
    pairs = []
    for number, merge in enumerate(merges):
        left, _, right = merge.partition(" ")
        if not left or not right or " " in right:
            malformed(f"merge {number} is {shown(merge)}, not two tokens", where)
        pairs.append((left, right))
    parts = bpe_parts(_ids(names, where), pairs, special, where)
    return BPETokenizer(parts.tokens, parts.merges, parts.special_tokens)


def _read_characters(
    values: Mapping[str, Any], names: list[str], special: dict[str, int], where: str
) -> CharacterTokenizer:
    texts = [_character(name, where) for name in names]
    unknown = values.get("tokenizer.ggml.unknown_token_id")
    if unknown is not None and not (type(unknown) is int and unknown < len(texts)):
        malformed(f"tokenizer.ggml.unknown_token_id is {shown(unknown)}", where)
    name = "<unk>" if unknown is None else texts[unknown]
    specials = {texts[id]: id for id in special.values()}
    parts = character_parts(_ids(texts, where), name, specials, where)
    return CharacterTokenizer(
        parts.tokens, None if unknown is None else parts.unknown, parts.special_tokens
    )


def _character(name: str, where: str) -> str:
    try:
        return unescape(name).decode()
    except UnicodeDecodeError:
        raise MalformedFileError(
            f"token {shown(name)} is not a character; {where}; Weft reads a token per character"
        ) from None


def _ids(names: list[str], where: str) -> dict[str, int]:
    ids = {name: id for id, name in enumerate(names)}
    if len(ids) < len(names):
        twice = next(name for id, name in enumerate(names) if ids[name] != id)
        malformed(f"token {shown(twice)} is there twice", where)
    return ids
