"""What Weft computes of a `tokenizer.json`: the slots, types, options and values it may have.

Anything else could change an id, so it is an error that names it, never a setting passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from weft.errors import UnsupportedFileError
from weft.tokenizers.strict_json import printable, shown

EACH_CHARACTER = {"Regex": r"[\s\S]"}
"""The pattern of Split that matches every code point; "." would join lines of white space."""

_ABSENT = object()  # among the values: the option may be left out
_ANY = None  # instead of the values: the reader looks at it, or it changes no id

_Options = Mapping[str, Sequence[object] | None]
_Types = Mapping[str | None, _Options]  # a type of None: the slot may be empty
Slots = Mapping[str, _Types]

_EMPTY: _Types = {None: {}}
_BYTE_LEVEL: _Options = {
    "add_prefix_space": (False,),
    "trim_offsets": _ANY,
    "use_regex": (True, _ABSENT),
}
_ANY_BYTE_LEVEL: _Options = dict.fromkeys(_BYTE_LEVEL, _ANY)

BPE_SLOTS: Slots = {
    "truncation": _EMPTY,
    "padding": _EMPTY,
    "normalizer": _EMPTY,
    "pre_tokenizer": {"ByteLevel": _BYTE_LEVEL},
    "post_processor": {None: {}, "ByteLevel": _ANY_BYTE_LEVEL},  # moves offsets only
    "decoder": {"ByteLevel": _ANY_BYTE_LEVEL},
    "model": {
        "BPE": {
            "dropout": (None, 0, _ABSENT),
            "unk_token": _ANY,
            "continuing_subword_prefix": (None, "", _ABSENT),
            "end_of_word_suffix": (None, "", _ABSENT),
            "fuse_unk": _ANY,
            "byte_fallback": (False, _ABSENT),
            "ignore_merges": (False, _ABSENT),
            "vocab": _ANY,
            "merges": _ANY,
        }
    },
}

CHARACTER_SLOTS: Slots = {
    "truncation": _EMPTY,
    "padding": _EMPTY,
    "normalizer": _EMPTY,
    "pre_tokenizer": {
        "Split": {
            "pattern": (EACH_CHARACTER,),
            "behavior": ("Isolated",),
            "invert": (False, _ABSENT),
        }
    },
    "post_processor": _EMPTY,
    "decoder": {"Fuse": {}},
    "model": {"WordLevel": {"vocab": _ANY, "unk_token": _ANY}},
}

ADDED_TOKEN: _Options = {
    "id": _ANY,
    "content": _ANY,
    "special": (True,),
    "single_word": (False, _ABSENT),
    "lstrip": (False, _ABSENT),
    "rstrip": (False, _ABSENT),
    "normalized": _ANY,  # there is no normalizer
}


def unsupported(what: str, where: str, supported: str) -> NoReturn:
    """UnsupportedFileError: the file may be sound, but Weft does not compute it."""
    raise UnsupportedFileError(
        f"{what} is not supported; {printable(where)}; Weft reads {supported}"
    )


def check_slots(document: Mapping[str, Any], slots: Slots, where: str) -> None:
    """Compare a whole document with `slots`."""
    for slot in sorted(document.keys() - slots.keys()):
        unsupported(f"the part {shown(slot)}", where, ", ".join(slots))
    for slot, types in slots.items():
        part = document.get(slot)
        if part is None and None in types:
            continue
        kind = part.get("type", part) if isinstance(part, dict) else part
        if not isinstance(part, dict) or not isinstance(kind, str) or kind not in types:
            supported = ", ".join(name or "null" for name in types)
            unsupported(f"{slot} {shown(kind)}", where, supported)
        check_options(part, types[kind], f"{slot} {kind}", where)


def check_options(part: Mapping[str, Any], options: _Options, what: str, where: str) -> None:
    """Compare the options of one part with those that Weft computes."""
    for option in sorted(part.keys() - options.keys() - {"type"}):
        unsupported(f"{what} with {shown(option)}", where, ", ".join(options) or "no options")
    for option, values in options.items():
        value = part.get(option, _ABSENT)
        if values is not None and value not in values:
            text = "missing" if value is _ABSENT else shown(value)
            given = " or ".join(json.dumps(value) for value in values if value is not _ABSENT)
            unsupported(f"{what} with {option} {text}", where, given)
