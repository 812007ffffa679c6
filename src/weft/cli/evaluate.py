"""`weft eval MODEL TEXT`: how well a model predicts a text, or answers the questions of a task."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from weft.cli import output
from weft.cli.machine import use_threads
from weft.cli.options import Json, off, positional

if TYPE_CHECKING:
    from weft.inference import LoadedModel, Score


@dataclass(frozen=True)
class Eval:
    """Loss, perplexity and bits per byte of a model on a text; or its right answers to a task.

    The text is read once, in windows of the model's context that do not overlap; every token but
    the first is predicted. A file whose name ends in .jsonl is a task, one question per line:
    {"prompt": text, "answer": text} or {"prompt": text, "choices": [texts], "answer": from 0}.
    For an encoder-decoder it is lines source<TAB>target, whose targets are counted that come out.

    Example: weft eval runs/book-1 other.txt --json
    """

    model: Annotated[str, *positional("MODEL")]
    """Run folder, checkpoint folder, Hugging Face folder, GGUF file, or a pulled model."""
    text: Annotated[str, *positional("TEXT")]
    """Text, .gz, .zip, folder, -, token shard, task, or stories, pydocs, shakespeare, dates."""
    field: Annotated[str | None, off("TEXT")] = None
    """TEXT is JSON lines: the field with the text of each; then .jsonl is no task."""
    column: Annotated[str | None, off("TEXT")] = None
    """TEXT is CSV or TSV: the column with the text of each row."""
    stride: Annotated[int | None, off("INT")] = None
    """Tokens from one window to the next; from 1. By default the context: no overlap."""
    shots: Annotated[int | None, off("INT")] = None
    """Solved examples before each question of a task; from 0 (off)."""
    examples: Annotated[str | None, off("PATH")] = None
    """Task file that they are drawn from. By default the other questions."""
    seed: Annotated[int | None, off("INT")] = None
    """Which examples are drawn; 0 unless given."""
    max_tokens: Annotated[int | None, off("INT")] = None
    """Tokens of a written answer at most; 64 unless given."""
    checkpoint: Literal["best", "latest"] = "best"
    """Which checkpoint of a run folder: lowest validation loss, or highest step."""
    precision: Literal["auto", "float32", "bfloat16", "int8", "int4"] = "auto"
    """Precision of the matrix products."""
    threads: Annotated[int | None, off("INT")] = None
    """Threads; from 1. By default as many as this process may use."""
    json: Json = False


def run(options: Eval) -> None:
    from weft.inference import load
    from weft.inference.tasks import is_task

    ask = is_task(options.text) and options.field is None
    _refuse_others(options, ("stride",) if ask else ("shots", "examples", "seed", "max_tokens"))
    use_threads(options.threads)
    loaded = load(options.model, checkpoint=options.checkpoint, precision=options.precision)
    started = time.perf_counter()
    values: dict[str, Any] = {"model": str(loaded.path), "text": options.text}
    in_pairs = not ask and loaded.config.model == "encoder-decoder"
    if in_pairs:
        values |= _pairs(loaded, options)
    else:
        values |= _answers(loaded, options) if ask else _loss(_score(loaded, options))
    values["seconds"] = time.perf_counter() - started
    if options.json:
        output.result_json(values)
        return
    rows = _task_rows if ask else _pair_rows if in_pairs else _loss_rows
    output.result(output.table(rows(values)))


def _refuse_others(options: Eval, names: tuple[str, ...]) -> None:
    from weft.errors import ConfigError

    for name in names:
        if getattr(options, name) is not None:
            kind = "text" if name == "stride" else "task, a file whose name ends in .jsonl"
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} is for a {kind}; {options.text}; leave it out")


def _loss(score: Score) -> dict[str, Any]:
    return {
        "loss": score.loss,
        "perplexity": score.perplexity,
        "bits_per_byte": score.bits_per_byte,
        "tokens": score.tokens,
        "bytes": score.bytes,
    }


def _loss_rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("loss", f"{values['loss']:.4f} nats per token"),
        ("perplexity", f"{values['perplexity']:.4g}"),
        ("bits per byte", f"{values['bits_per_byte']:.4f}"),
        ("tokens", f"{values['tokens']:,} in {values['seconds']:.1f} s"),
    ]


def _pairs(loaded: LoadedModel, options: Eval) -> dict[str, Any]:
    """How an encoder-decoder does on lines source<TAB>target."""
    from weft.data import open_corpus
    from weft.errors import ConfigError
    from weft.inference.pairs import evaluate_pairs

    if options.stride is not None:
        raise ConfigError(f"--stride is for a running text; {options.text}; leave it out")
    corpus = open_corpus(options.text, field=options.field, column=options.column)
    score = evaluate_pairs(loaded, corpus.chunks(), options.text, _counted())
    return {
        "loss": score.loss,
        "perplexity": score.perplexity,
        "exact": score.exact,
        "pairs": score.pairs,
        "right": score.right,
        "tokens": score.tokens,
    }


def _pair_rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    right = f"{values['right']:,} of {values['pairs']:,} targets"
    return [
        ("exact", f"{values['exact']:.4f} ({right}, greedy)"),
        ("loss", f"{values['loss']:.4f} nats per token"),
        ("perplexity", f"{values['perplexity']:.4g}"),
        ("tokens", f"{values['tokens']:,} in {values['seconds']:.1f} s"),
    ]


def _answers(loaded: LoadedModel, options: Eval) -> dict[str, Any]:
    from dataclasses import asdict

    from weft.inference import tasks

    questions = tasks.read_task(options.text)
    examples = None if options.examples is None else tasks.read_task(options.examples)
    shots, seed = options.shots or 0, options.seed or 0
    prompts = tasks.with_examples(questions, shots, seed, examples)
    answered = tasks.answer_all(
        loaded,
        questions,
        prompts,
        max_tokens=64 if options.max_tokens is None else options.max_tokens,
        progress=_progress(len(questions)),
    )
    shares = {"accuracy": tasks.share([a.right for a in answered])}
    if questions[0].choices:
        shares["accuracy_per_byte"] = tasks.share([bool(a.right_per_byte) for a in answered])
    values: dict[str, Any] = {"questions": len(questions), "shots": shots, "seed": seed}
    for name, part in shares.items():
        values |= {name: part.value, f"{name}_stderr": part.stderr}
    items = [{k: v for k, v in asdict(a).items() if v not in (None, ())} for a in answered]
    return {**values, "items": items}


def _task_rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name in ("accuracy", "accuracy_per_byte"):
        if name in values:
            error = values[f"{name}_stderr"]
            spread = "" if error is None else f" ± {error:.4f}"
            rows.append((name.replace("_", " "), f"{values[name]:.4f}{spread}"))
    shots = f"{values['shots']} example{'' if values['shots'] == 1 else 's'} before each"
    count = f"{values['questions']:,} in {values['seconds']:.1f} s, {shots}"
    return [*rows, ("questions", count)]


def _score(loaded: LoadedModel, options: Eval) -> Score:
    from weft.data import TokenShard, is_shard, open_corpus
    from weft.errors import DataError
    from weft.inference import evaluate_arrays, evaluate_corpus

    if not is_shard(options.text):
        corpus = open_corpus(options.text, field=options.field, column=options.column)
        return evaluate_corpus(loaded, corpus, options.stride, _progress(corpus.size))
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


def _counted() -> Callable[[int, int], object] | None:
    """As `_progress`, where the size comes with each call."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        end = "\r" if done < total else "\r     \r"
        output.note(f"{100 * done // total:3d} %", end=end)

    return show


COMMANDS = {"": (Eval, run)}
