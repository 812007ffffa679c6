"""`weft eval MODEL TEXT`: how well a model predicts a text."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from weft.cli import output
from weft.cli.machine import use_threads
from weft.cli.options import Json, off, positional

if TYPE_CHECKING:
    from weft.inference import LoadedModel, Score


@dataclass(frozen=True)
class Eval:
    """Loss, perplexity and bits per byte of a model on a text.

    The text is read once, in windows of the model's context that do not overlap; every token but
    the first is predicted.

    Example: weft eval runs/book-1 other.txt --json
    """

    model: Annotated[str, *positional("MODEL")]
    """Run folder or checkpoint folder."""
    text: Annotated[str, *positional("TEXT")]
    """Text file, folder, - (stdin), token shard, or stories, pydocs, shakespeare."""
    stride: Annotated[int | None, off("INT")] = None
    """Tokens from one window to the next; from 1. By default the context: no overlap."""
    checkpoint: Literal["best", "latest"] = "best"
    """Which checkpoint of a run folder: lowest validation loss, or highest step."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the matrix products."""
    threads: Annotated[int | None, off("INT")] = None
    """Threads; from 1. By default as many as this process may use."""
    json: Json = False


def run(options: Eval) -> None:
    from weft.inference import load

    use_threads(options.threads)
    loaded = load(options.model, checkpoint=options.checkpoint, precision=options.precision)
    started = time.perf_counter()
    score = _score(loaded, options)
    values = {
        "loss": score.loss,
        "perplexity": score.perplexity,
        "bits_per_byte": score.bits_per_byte,
        "tokens": score.tokens,
        "bytes": score.bytes,
        "seconds": time.perf_counter() - started,
    }
    if options.json:
        output.result_json({"model": str(loaded.path), "text": options.text, **values})
        return
    rows = [
        ("loss", f"{score.loss:.4f} nats per token"),
        ("perplexity", f"{score.perplexity:.4g}"),
        ("bits per byte", f"{score.bits_per_byte:.4f}"),
        ("tokens", f"{score.tokens:,} in {values['seconds']:.1f} s"),
    ]
    output.result(output.table(rows))


def _score(loaded: LoadedModel, options: Eval) -> Score:
    from weft.data import TokenShard, is_shard, open_corpus
    from weft.errors import DataError
    from weft.inference import evaluate_arrays, evaluate_text

    if not is_shard(options.text):
        corpus = open_corpus(options.text)
        chunks = corpus.chunks(progress=_progress(corpus.size))
        return evaluate_text(loaded, chunks, options.stride)
    shard = TokenShard.open(options.text)
    if shard.tokenizer_hash != loaded.tokenizer.hash:
        raise DataError(
            f"these tokens were made with another tokenizer than the model's; {options.text}; "
            "give the text itself"
        )
    arrays = (shard.tokens[i : i + 2**20] for i in range(0, len(shard.tokens), 2**20))
    return evaluate_arrays(loaded, arrays, options.stride)


def _progress(size: int) -> Callable[[int], object] | None:
    """A percentage on a terminal, nothing elsewhere."""
    if sys.stderr is None or not sys.stderr.isatty() or not size:
        return None

    def show(done: int) -> None:
        end = "\r" if done < size else "\r     \r"
        output.note(f"{100 * done // size:3d} %", end=end)

    return show


COMMANDS = {"": (Eval, run)}
