"""`weft tokenizer train|encode|decode|show`: text to tokens and back."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from weft.cli import output
from weft.cli.options import Json, positional, read_stdin
from weft.errors import ConfigError

COLOURS = (42, 44, 45, 46, 43)  # backgrounds of neighbouring pieces


@dataclass(frozen=True)
class Train:
    """Train a tokenizer on a text, and write it as tokenizer.json.

    Example: weft tokenizer train book.txt --out book-tokenizer --vocab-size 2048
    """

    data: Annotated[str, *positional("DATA")]
    """Text file, folder, - (stdin), or built-in corpus: stories, pydocs, shakespeare."""
    out: str = "tokenizer.json"
    """File to write; a name without .json is a folder, in which it is called tokenizer.json."""
    kind: Literal["bpe", "char"] = "bpe"
    """Byte pairs, or one token per character of the text."""
    vocab_size: int = 4096
    """Tokens of a bpe tokenizer: 256 bytes, the end of text, and the merges; from 257."""
    overwrite: bool = False
    """Replace a file that is there."""
    json: Json = False


@dataclass(frozen=True)
class Encode:
    """Print the ids of a text, separated by spaces.

    Example: weft tokenizer encode runs/book-1 "Once upon a time"
    """

    tokenizer: Annotated[str, *positional("TOKENIZER")]
    """tokenizer.json, a folder with one, a folder with vocab.json and merges.txt, or a run or
    checkpoint folder."""
    text: Annotated[str, *positional("TEXT")] = "-"
    """The text; - reads it from stdin."""
    allow_special: bool = False
    """Let the text spell special tokens such as <|endoftext|>; otherwise they are plain text."""
    json: Json = False


@dataclass(frozen=True)
class Decode:
    """Print the text of some ids.

    Example: weft tokenizer decode runs/book-1 7 4 11 11 14
    """

    tokenizer: Annotated[str, *positional("TOKENIZER")]
    """tokenizer.json, a folder with one, a folder with vocab.json and merges.txt, or a run or
    checkpoint folder."""
    ids: Annotated[tuple[str, ...], *positional("ID")] = ()
    """Ids; none, or -, reads them from stdin, separated by spaces or commas."""
    json: Json = False


@dataclass(frozen=True)
class Show:
    """Show how a text is cut into tokens: the pieces in colour, their ids, and bytes per token.

    Example: weft tokenizer show runs/book-1 "Once upon a time"
    """

    tokenizer: Annotated[str, *positional("TOKENIZER")]
    """tokenizer.json, a folder with one, a folder with vocab.json and merges.txt, or a run or
    checkpoint folder."""
    text: Annotated[str, *positional("TEXT")] = "-"
    """The text; - reads it from stdin."""
    json: Json = False


def train(options: Train) -> None:
    from weft.data import open_corpus
    from weft.tokenizers import BPETokenizer, CharacterTokenizer

    path = Path(options.out)
    path = path if path.suffix == ".json" else path / "tokenizer.json"
    if path.exists() and not options.overwrite:
        raise ConfigError(f"there is a tokenizer already; {path}; choose another --out")
    if options.kind == "bpe" and options.vocab_size < 257:
        raise ConfigError(f"vocab_size = {options.vocab_size}; tokenizer train; give 257 or more")
    chunks = open_corpus(options.data).chunks()
    tokenizer: Any = (
        BPETokenizer.train(chunks, options.vocab_size)
        if options.kind == "bpe"
        else CharacterTokenizer.train(chunks)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tokenizer.to_json(), encoding="utf-8")
    if options.json:
        values = {"path": str(path), "vocab_size": tokenizer.vocab_size, "hash": tokenizer.hash}
        output.result_json(values)
        return
    output.result(f"{tokenizer.vocab_size} tokens in {path}")
    output.note(f"Next:  weft tokenizer show {path} 'some text'")


def encode(options: Encode) -> None:
    tokenizer = open_tokenizer(options.tokenizer)
    allowed: Any = "all" if options.allow_special else ()
    ids = tokenizer.encode(_text(options.text), allowed_special=allowed)
    if options.json:
        output.result_json({"ids": ids, "tokens": len(ids)})
    else:
        output.result(" ".join(map(str, ids)))


def decode(options: Decode) -> None:
    tokenizer = open_tokenizer(options.tokenizer)
    words = options.ids if options.ids and options.ids != ("-",) else (read_stdin(),)
    ids = [_id(word) for word in " ".join(words).replace(",", " ").split()]
    text = tokenizer.decode(ids)
    if options.json:
        output.result_json({"text": text, "tokens": len(ids)})
    else:
        output.result(text)


def show(options: Show) -> None:
    tokenizer = open_tokenizer(options.tokenizer)
    text = _text(options.text)
    ids = tokenizer.encode(text)
    pieces = [tokenizer.token_bytes(i) for i in ids]
    size = len(text.encode())
    ratio = size / len(ids) if ids else None
    if options.json:
        tokens = [
            {"id": i, "text": piece.decode("utf-8", "replace"), "bytes": len(piece)}
            for i, piece in zip(ids, pieces, strict=True)
        ]
        output.result_json({"tokens": tokens, "bytes": size, "bytes_per_token": ratio})
        return
    output.result(_painted(pieces) if output.has_colour(sys.stdout) else _barred(pieces))
    rows = [(str(i), _visible(piece)) for i, piece in zip(ids, pieces, strict=True)]
    output.result("\n" + output.table([("id", "piece"), *rows], "rl"))
    rate = f", {ratio:.2f} bytes per token" if ratio else ""
    output.result(f"\n{len(ids)} tokens, {size} bytes{rate}")


def open_tokenizer(path: str) -> Any:
    """The tokenizer of a file, a folder, or a run's or checkpoint's model."""
    from weft.inference.loading import find_checkpoint, is_checkpoint
    from weft.tokenizers import load_tokenizer, tokenizer_from_json

    folder = Path(path)
    if folder.is_dir() and ((folder / "checkpoints").is_dir() or is_checkpoint(folder)):
        return tokenizer_from_json(find_checkpoint(folder).tokenizer_json)
    return load_tokenizer(path)


def _text(text: str) -> str:
    return read_stdin() if text == "-" else text


def _id(word: str) -> int:
    if not word.isdecimal() or len(word) > 12:
        raise ConfigError(
            f"{word[:40]!r} is not an id; tokenizer decode; give whole numbers, from 0"
        )
    return int(word)


def _visible(piece: bytes) -> str:
    """A piece on one line: what cannot be shown is escaped, and spaces are marked."""
    try:
        text = piece.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in piece)
    return output.one_line(text).replace(" ", "\N{OPEN BOX}")


def _painted(pieces: list[bytes]) -> str:
    return "".join(
        f"\x1b[30;{COLOURS[i % len(COLOURS)]}m{_visible(piece)}\x1b[0m"
        for i, piece in enumerate(pieces)
    )


def _barred(pieces: list[bytes]) -> str:
    return "|".join(map(_visible, pieces))


COMMANDS: dict[str, Any] = {
    "train": (Train, train),
    "encode": (Encode, encode),
    "decode": (Decode, decode),
    "show": (Show, show),
}
