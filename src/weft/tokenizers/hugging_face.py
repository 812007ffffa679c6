"""`tokenizer.json`, the format of Hugging Face's `tokenizers` (checked against 0.23): write, read.

Written files give the same ids in `tokenizers`, except that a special token's name in a text is
always taken for the token there (unless `encode_special_tokens` is set). What is read is compared
with `hugging_face_options.py` first.

    characters: model WordLevel, cut by Split at every code point, decoded by Fuse (no spaces)
    byte pairs: model BPE, cut by ByteLevel with GPT-2's pattern, decoded by ByteLevel
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from weft.tokenizers.byte_alphabet import to_characters
from weft.tokenizers.hugging_face_options import (
    ADDED_TOKEN,
    BPE_SLOTS,
    CHARACTER_SLOTS,
    EACH_CHARACTER,
    check_options,
    check_slots,
    unsupported,
)
from weft.tokenizers.strict_json import malformed, parse_object, shown
from weft.tokenizers.vocabulary import BPEParts, CharacterParts, bpe_parts, character_parts

_Json = Mapping[str, object]

_NO_UNKNOWN = "<unk>"  # WordLevel demands a name; one that is no token makes an unknown an error


def write_characters(
    names: Sequence[str], unknown: str | None, special_tokens: Mapping[str, int]
) -> str:
    """The file of a tokenizer that has a token per character."""
    split: _Json = {
        "type": "Split",
        "pattern": EACH_CHARACTER,
        "behavior": "Isolated",
        "invert": False,
    }
    model: _Json = {
        "type": "WordLevel",
        "vocab": {name: id for id, name in enumerate(names)},
        "unk_token": unknown or _NO_UNKNOWN,
    }
    return _write(special_tokens, split, None, {"type": "Fuse"}, model)


def write_bpe(
    tokens: Sequence[bytes],
    merges: Sequence[tuple[int, int]],
    special_tokens: Mapping[str, int],
) -> str:
    """The file of a byte-level BPE tokenizer; merges as pairs, as `tokenizers` 0.20 and later."""
    special = {id: name for name, id in special_tokens.items()}
    names = [special.get(id) or to_characters(token) for id, token in enumerate(tokens)]
    byte_level: _Json = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    model: _Json = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {name: id for id, name in enumerate(names)},
        "merges": [[names[left], names[right]] for left, right in merges],
    }
    return _write(special_tokens, byte_level, byte_level, byte_level, model)


def _write(
    special_tokens: Mapping[str, int],
    pre_tokenizer: _Json,
    post_processor: _Json | None,
    decoder: _Json,
    model: _Json,
) -> str:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": id, "content": name, **plain, "special": True}
            for name, id in sorted(special_tokens.items(), key=lambda item: item[1])
        ],
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": decoder,
        "model": model,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def read(data: bytes, where: str) -> BPEParts | CharacterParts:
    """Read a `tokenizer.json`. MalformedFileError names what is wrong or not implemented."""
    document = parse_object(data, where)
    version = document.pop("version", "1.0")
    if version != "1.0":
        unsupported(f"version {shown(version)}", where, "1.0")
    model = document.get("model")
    if not isinstance(model, dict):
        malformed("no model in it", where, "give a tokenizer.json of Hugging Face's tokenizers")
    if "type" not in model and "merges" in model:
        model["type"] = "BPE"  # files of before 2021 leave it out
    special_tokens = _read_added(document.pop("added_tokens", []), where)
    if model.get("type") == "WordLevel":
        check_slots(document, CHARACTER_SLOTS, where)
        return character_parts(model.get("vocab"), model.get("unk_token"), special_tokens, where)
    if model.get("type") == "BPE":
        check_slots(document, BPE_SLOTS, where)
        return _read_bpe(model, special_tokens, where)
    unsupported(f"model {shown(model.get('type'))}", where, "BPE, WordLevel")


def _read_added(added: Any, where: str) -> dict[str, int]:
    if not isinstance(added, list):
        malformed("added_tokens is not a list", where)
    special_tokens: dict[str, int] = {}
    for token in added:
        if not isinstance(token, dict):
            malformed(f"added token {shown(token)} is not an object", where)
        name, id = token.get("content"), token.get("id")
        if not isinstance(name, str) or not name or type(id) is not int:
            malformed(f"added token {shown(token)} has no content or id", where)
        if name in special_tokens:
            malformed(f"added token {shown(name)} is there twice", where)
        check_options(token, ADDED_TOKEN, f"added token {shown(name)}", where)
        special_tokens[name] = id
    return special_tokens


def _read_bpe(model: dict[str, Any], special_tokens: dict[str, int], where: str) -> BPEParts:
    merges = model.get("merges")
    if not isinstance(merges, list):
        malformed("the model has no list of merges", where)
    pairs = [_read_merge(merge, number, where) for number, merge in enumerate(merges)]
    parts = bpe_parts(model.get("vocab"), pairs, special_tokens, where)
    if model.get("unk_token") is not None and sum(len(t) == 1 for t in parts.tokens) < 256:
        unsupported("unk_token in a vocabulary without all bytes", where, "those with all 256")
    return parts


def _read_merge(merge: Any, number: int, where: str) -> tuple[str, str]:
    """A pair is ["Ġ", "t"] in new files, "Ġ t" in old ones."""
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if isinstance(parts, list) and len(parts) == 2 and all(isinstance(p, str) for p in parts):
        return parts[0], parts[1]
    malformed(f"merge {number} is {shown(merge)}, not two tokens", where)
