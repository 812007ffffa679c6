"""A conversation as a file: JSON with the messages of a chat API, and what the next answer needs.

    {"format": "weft conversation 1", "model": "runs/book-1", "messages": [
      {"role": "system", "content": "..."}, {"role": "user", "content": "..."},
      {"role": "assistant", "content": "...", "seed": 0, "ended": true}]}

What is read was perhaps written by somebody else: it is bounded, and every part of it is checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from weft.checkpoint.bounded_json import parse_object, read_bytes
from weft.errors import CheckpointError, ConfigError, MalformedFileError, WeftError
from weft.inference.conversation import Conversation
from weft.inference.options import LARGEST_SEED
from weft.replacing import replacing

FORMAT = "weft conversation 1"
MAX_BYTES = 16 << 20
MAX_MESSAGES = 20_000


def save_conversation(path: str | Path, conversation: Conversation, model: str) -> None:
    """Write the file, whole or not at all; a conversation that is there is replaced.

    Raises `ConfigError` for a file that is something else, `WeftError` where it cannot be written.
    """
    path = Path(path)
    if path.exists() and not _is_conversation(path):
        raise ConfigError(f"there is another file; {path}; choose another name")
    values = {"format": FORMAT, "model": model, "messages": list(_messages(conversation))}
    text = json.dumps(values, ensure_ascii=False, indent=1) + "\n"
    try:
        with replacing(path) as new:
            new.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeftError(f"cannot save: {reason}; {path}; choose another name") from error


def _messages(conversation: Conversation) -> Iterator[dict[str, Any]]:
    if conversation.system:
        yield {"role": "system", "content": conversation.system}
    for exchange in conversation.exchanges:
        yield {"role": "user", "content": exchange.user}
        if exchange.answer is not None:
            more = {} if exchange.seed is None else {"seed": exchange.seed}
            yield {"role": "assistant", "content": exchange.answer, **more, "ended": exchange.ended}


def _is_conversation(path: Path) -> bool:
    try:
        load_conversation(path)
    except WeftError:
        return False
    return True


def load_conversation(path: str | Path) -> Conversation:
    """What the file holds. Raises `WeftError` if there is none, `MalformedFileError` for another.

    A question at the end that has no answer is left out.
    """
    path = Path(path)
    if not path.exists():
        raise WeftError(f"no such file; {path}; give one that /save wrote")
    try:
        values = parse_object(read_bytes(path, MAX_BYTES), str(path))
    except CheckpointError as error:
        raise MalformedFileError(
            f"{str(error).partition('; ')[0]}; {path}; give a file that /save wrote"
        ) from None
    if values.get("format") != FORMAT:
        _malformed(f"its format is not {FORMAT!r}", path)
    messages = values.get("messages")
    if not isinstance(messages, list) or len(messages) > MAX_MESSAGES:
        _malformed(f"it has no list of at most {MAX_MESSAGES:,} messages", path)
    return _read(messages, path)


def _read(messages: list[Any], path: Path) -> Conversation:
    conversation = Conversation()
    expected: tuple[str, ...] = ("system", "user")
    for number, message in enumerate(messages, 1):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in expected:
            _malformed(f"message {number} is not of {' or '.join(expected)}", path)
        text = message.get("content")
        if not isinstance(text, str) or any("\ud800" <= c <= "\udfff" for c in text):
            _malformed(f"message {number} has no text", path)
        if role == "system":
            conversation, expected = Conversation(text), ("user",)
        elif role == "user":
            conversation, expected = conversation.said(text), ("assistant",)
        else:
            seed, ended = message.get("seed"), message.get("ended", False)
            conversation = conversation.answered(text, *_facts(seed, ended, number, path))
            expected = ("user",)
    unanswered = conversation.exchanges[-1:] != () and conversation.exchanges[-1].answer is None
    return conversation.undone() if unanswered else conversation


def _facts(seed: Any, ended: Any, number: int, path: Path) -> tuple[bool, int | None]:
    known = seed is None or (type(seed) is int and 0 <= seed <= LARGEST_SEED)
    if not known or type(ended) is not bool:
        _malformed(f"message {number} has a seed or an end that cannot be", path)
    return ended, seed


def _malformed(what: str, path: Path) -> NoReturn:
    raise MalformedFileError(f"not a saved conversation: {what}; {path}; give one that /save wrote")
