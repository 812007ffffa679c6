"""`weft bench tokenizer`: encoding, decoding and training in MB/s, alone or against peers.

Every task of every side is a process of its own, bound to one core; they take turns (see
bench_turns.py). What they encode and decode is compared first: a speed of other ids says nothing.
"""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from weft.cli import output
from weft.cli.bench_turns import Outcome, Side, take_turns
from weft.cli.options import Json, off, positional
from weft.cli.peer_tokenizer import TASKS
from weft.errors import ConfigError, DataError, WeftError

PROGRAM = Path(__file__).with_name("peer_tokenizer.py")
PEERS = ("tiktoken", "tokenizers")
MOST_BYTES = 1 << 30
TURN_SECONDS = 0.2
SAME = ("encode", "encode to a list")  # tasks with the same result


@dataclass(frozen=True)
class Tokenizer:
    """Time a tokenizer on one core: encoding, decoding, and training one of --vocab-size.

    With --compare, peers that are installed take turns with Weft, with the same vocabulary; that
    they give the same ids and the same text is checked first. Ratios are of medians of the turns.

    Example: weft bench tokenizer stories --compare tiktoken,tokenizers
    """

    data: Annotated[str, *positional("[DATA]")] = "shakespeare"
    """Text file, folder, - (stdin), or built-in corpus: stories, pydocs, shakespeare."""
    tokenizer: Annotated[str | None, off("TOKENIZER")] = None
    """A tokenizer of byte pairs: file or folder. By default one that is trained on the text."""
    vocab_size: int = 8192
    """Tokens to train; from 257."""
    megabytes: float = 4.0
    """Read only so much of the text; above 0, to 1000."""
    compare: Annotated[str | None, off("PEERS")] = None
    """Peers to take turns with: tiktoken, tokenizers, or both with a comma between them."""
    turns: int = 5
    """Turns of each side at each task, of a fifth of a second or once; from 1."""
    json: Json = False


def run(options: Tokenizer) -> None:
    """Measure, and print a table or JSON."""
    peers = _peers(options)
    text = _text(options.data, int(options.megabytes * 1e6))
    tokenizer = _tokenizer(options, text)
    with tempfile.TemporaryDirectory() as folder:
        files = {"text": Path(folder, "text.txt"), "tokenizer": Path(folder, "tokenizer.json")}
        files["text"].write_text(text, encoding="utf-8", newline="")
        files["tokenizer"].write_text(tokenizer.to_json(), encoding="utf-8")
        shared = {name: str(path) for name, path in files.items()}
        sides = _sides(("weft", *peers), {**shared, "vocab_size": options.vocab_size})
        outcomes = take_turns(sides, options.turns, threads=1, seconds=TURN_SECONDS)
    _check_same(outcomes)
    size = len(text.encode())
    values = {
        "text_bytes": size,
        "tokens": len(tokenizer.encode_array(text)),
        "vocab_size": tokenizer.vocab_size,
        "trained_vocab_size": options.vocab_size,
        "turns": options.turns,
        **rates(size, {name: outcome.median for name, outcome in outcomes.items()}),
    }
    output.result_json(values) if options.json else output.result(table(values))


def rates(size: int, milliseconds: dict[str, float]) -> dict[str, Any]:
    """MB/s of each side at each task, seconds of training, and how many times faster Weft is."""
    sides: dict[str, dict[str, float]] = {}
    for name, ms in milliseconds.items():
        who, task = name.split(" ", 1)
        sides.setdefault(who, {})[task] = size / ms / 1e3
        if task == "train":
            sides[who]["train_seconds"] = ms / 1e3
    ratios = {
        who: {
            task: sides["weft"][task] / rate for task, rate in tasks.items() if task in TASKS[who]
        }
        for who, tasks in sides.items()
        if who != "weft"
    }
    return {"megabytes_per_second": sides, "ratios": ratios}


def table(values: dict[str, Any]) -> str:
    """The rates as a table, a row for each side."""
    tasks = TASKS["weft"]
    rows: list[tuple[str, ...]] = [("MB/s", *tasks, "training")]
    for who, side in values["megabytes_per_second"].items():
        ratios = values["ratios"].get(who, {})
        cells = [_cell(side.get(task), ratios.get(task)) for task in tasks]
        seconds = side.get("train_seconds")
        rows.append((who, *cells, "" if seconds is None else f"{seconds:,.3f} s"))
    count, size = values["tokens"], values["text_bytes"]
    return (
        output.table(rows, "lrrrrr")
        + f"\n{size:,} bytes, {count:,} tokens of {values['vocab_size']:,}; training makes "
        f"{values['trained_vocab_size']:,}; one core. Behind a peer: Weft is so many times faster"
    )


def _cell(rate: float | None, ratio: float | None) -> str:
    text = "" if rate is None else f"{rate:,.1f}"
    return text if ratio is None else f"{text} ({ratio:.1f} x)"


def _peers(options: Tokenizer) -> list[str]:
    if options.vocab_size < 257:
        raise ConfigError(f"vocab_size = {options.vocab_size}; bench tokenizer; give 257 or more")
    if options.turns < 1:
        raise ConfigError(f"--turns {options.turns}; bench tokenizer; give 1 or more")
    if not 0 < options.megabytes <= 1000:
        raise ConfigError(
            f"--megabytes {options.megabytes}; bench tokenizer; give above 0, to 1000"
        )
    peers = options.compare.split(",") if options.compare else []
    for name in peers:
        if name not in PEERS or peers.count(name) > 1:
            raise ConfigError(
                f"--compare {options.compare}; bench tokenizer; give {', '.join(PEERS)}, or both"
            )
        if importlib.util.find_spec(name) is None:
            raise WeftError(
                f"{name} is not installed; bench tokenizer --compare; pip install {name}, "
                "or leave it out"
            )
    return peers


def _text(data: str, size: int) -> str:
    from weft.data import open_corpus

    chunks, length = [], 0
    for chunk in open_corpus(data).chunks():
        chunks.append(chunk[: size - length])
        length += len(chunks[-1])
        if length >= size:
            break
    if not length:
        raise DataError(f"the text is empty; {data}; give some text")
    return "".join(chunks)


def _tokenizer(options: Tokenizer, text: str) -> Any:
    from weft.cli.tokenizer import open_tokenizer
    from weft.tokenizers import BPETokenizer

    if options.tokenizer is None:
        return BPETokenizer.train([text], options.vocab_size)
    tokenizer = open_tokenizer(options.tokenizer)
    if not isinstance(tokenizer, BPETokenizer):
        raise ConfigError(
            f"not a tokenizer of byte pairs; {options.tokenizer}; choose another --tokenizer"
        )
    return tokenizer


def _sides(names: tuple[str, ...], options: dict[str, Any]) -> list[Side]:
    return [
        Side(f"{who} {task}", PROGRAM, {"who": who, "task": task, **options})
        for who in names
        for task in TASKS[who]
    ]


def _check_same(outcomes: dict[str, Outcome]) -> None:
    """The first answer of each side is a sum over its result; see peer_tokenizer.py."""
    first = {name: outcome.losses[0] for name, outcome in outcomes.items()}
    for name, answer in first.items():
        who, task = name.split(" ", 1)
        expected = first["weft encode" if task in SAME else f"weft {task}"]
        if answer != expected:
            raise WeftError(
                f"{who} gives another result than Weft at: {task}; bench tokenizer; a vocabulary "
                "whose ids are not in the order of its merges is one that tiktoken cannot have"
            )
