"""`weft tokenizer train|encode|decode|show`: text to tokens and back."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from weft.cli import output
from weft.cli.options import Json, off, positional, read_stdin
from weft.errors import ConfigError

COLOURS = (42, 44, 45, 46, 43)  # backgrounds of neighbouring pieces


@dataclass(frozen=True)
class Train:
    """Train a tokenizer on a text, and write it as tokenizer.json.

    Example: weft tokenizer train book.txt --out book-tokenizer --vocab-size 2048
    """

    data: Annotated[tuple[str, ...], *positional("DATA")]
    """Text, .gz, .zip, folder, -, or stories, pydocs, shakespeare, dates; one or more."""
    out: str = "tokenizer.json"
    """File to write; a name without .json is a folder, in which it is called tokenizer.json."""
    kind: Literal["bpe", "char"] = "bpe"
    """Byte pairs, or one token per character of the text."""
    vocab_size: int = 4096
    """Tokens of a bpe tokenizer: 256 bytes, the end of text, and the merges; from 257."""
    field: Annotated[str | None, off("TEXT")] = None
    """DATA is JSON lines: the field with the text of each."""
    column: Annotated[str | None, off("TEXT")] = None
    """DATA is CSV or TSV: the column with the text of each row."""
    overwrite: bool = False
    """Replace a file that is there."""
    json: Json = False


@dataclass(frozen=True)
class Encode:
    """Print the ids of a text, separated by spaces.

    Example: weft tokenizer encode runs/book-1 "Once upon a time"
    """

    tokenizer: Annotated[str, *positional("TOKENIZER")]
    """tokenizer.json, or a folder: with one, with vocab.json and merges.txt, of a run."""
    text: Annotated[str, *positional("[TEXT]")] = "-"
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
    """tokenizer.json, or a folder: with one, with vocab.json and merges.txt, of a run."""
    ids: Annotated[tuple[str, ...], *positional("ID")] = ()
    """Ids; none, or -, reads them from stdin, separated by spaces or commas."""
    json: Json = False


@dataclass(frozen=True)
class Show:
    """Show how a text is cut into tokens: the pieces in colour, their ids, and bytes per token.

    Example: weft tokenizer show runs/book-1 "Once upon a time"
    """

    tokenizer: Annotated[str, *positional("TOKENIZER")]
    """tokenizer.json, or a folder: with one, with vocab.json and merges.txt, of a run."""
    text: Annotated[str, *positional("[TEXT]")] = "-"
    """The text; - reads it from stdin."""
    allow_special: bool = False
    """Let the text spell special tokens such as <|endoftext|>; otherwise they are plain text."""
    json: Json = False


def train(options: Train) -> None:
    from weft.data import open_corpus, separated
    from weft.tokenizers import END_OF_TEXT, BPETokenizer, CharacterTokenizer

    path = Path(options.out)
    path = path if path.suffix == ".json" else path / "tokenizer.json"
    if path.exists() and not options.overwrite:
        raise ConfigError(f"there is a tokenizer already; {path}; choose another --out")
    if options.kind == "bpe" and options.vocab_size < 257:
        raise ConfigError(f"vocab_size = {options.vocab_size}; tokenizer train; give 257 or more")
    corpus = open_corpus(options.data, field=options.field, column=options.column)
    tokenizer: Any
    if options.kind == "bpe":
        tokenizer = BPETokenizer.train(separated(corpus.documents()), options.vocab_size)
    else:
        special = (END_OF_TEXT,) if corpus.count > 1 else ()
        chunks = (chunk for passage in corpus.documents() for chunk in passage.chunks)
        tokenizer = CharacterTokenizer.train(chunks, special_tokens=special)
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
    from weft.tokenizers import show

    allowed: Any = "all" if options.allow_special else ()
    shown = show(open_tokenizer(options.tokenizer), _text(options.text), allowed)
    count, size, ratio = len(shown.pieces), shown.text_bytes, shown.bytes_per_token
    if options.json:
        tokens = [{"id": p.id, "text": p.text, "bytes": len(p.bytes)} for p in shown.pieces]
        output.result_json({"tokens": tokens, "bytes": size, "bytes_per_token": ratio})
        return
    colour = output.has_colour(sys.stdout)
    output.result(_in_lines(shown.pieces, colour))
    rows = [
        (str(piece.id), _painted(repr(piece.bytes)[1:], i if colour else None))
        for i, piece in enumerate(shown.pieces)
    ]
    output.result("\n" + output.table([("id", "bytes"), *rows], "rl"))
    output.result(f"\n{count} tokens, {size} bytes, {ratio:.2f} bytes per token")


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


def _in_lines(pieces: list[Any], colour: bool) -> str:
    """The pieces side by side; lines end where those of the text do."""
    lines: list[list[str]] = [[]]
    for i, piece in enumerate(pieces):
        lines[-1].append(_painted(piece.text, i if colour else None))
        if piece.bytes.endswith(b"\n") and i + 1 < len(pieces):
            lines.append([])
    return "\n".join(("" if colour else "|").join(line) for line in lines)


def _painted(text: str, place: int | None) -> str:
    """On another background than its neighbours; None: no colours."""
    if place is None:
        return text
    return f"\x1b[30;{COLOURS[place % len(COLOURS)]}m{text}\x1b[0m"


COMMANDS: dict[str, Any] = {
    "train": (Train, train),
    "encode": (Encode, encode),
    "decode": (Decode, decode),
    "show": (Show, show),
}
