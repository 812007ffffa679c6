"""`weft generate MODEL [PROMPT]`: continue a text; it comes as it is computed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from weft.cli import output
from weft.cli.machine import use_threads
from weft.cli.options import Json, off, positional, read_stdin


@dataclass(frozen=True)
class Generate:
    """Continue a text with a trained model. The text goes to stdout as it comes.

    Example: weft generate runs/book-1 "Once upon a time" --max-tokens 100 --seed 1
    """

    model: Annotated[str, *positional("MODEL")]
    """Run folder, checkpoint folder, Hugging Face folder, GGUF file, or a pulled model."""
    prompt: Annotated[str, *positional("[PROMPT]")] = ""
    """Text to continue; - reads it from stdin. Without one the model starts a text."""
    max_tokens: int = 256
    """New tokens at most; from 1."""
    temperature: float = 0.8
    """Randomness, 0 to 100; 0 takes the likeliest token always."""
    top_k: Annotated[int | None, off("INT")] = None
    """Keep only the k likeliest tokens; from 1. Off unless given."""
    top_p: float = 1.0
    """Keep the likeliest tokens that together reach this probability; above 0, to 1 (off)."""
    min_p: float = 0.0
    """Keep tokens at least this share as likely as the likeliest; from 0 (off), below 1."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that were there already become less likely; above 0, to 100; 1 is off."""
    stop: tuple[str, ...] = ()
    """Stop before this text. May be given several times."""
    regex: Annotated[str | None, off("REGEX")] = None
    """Write only what this regular expression matches as a whole."""
    choices: tuple[str, ...] = ()
    """Write only one of these texts. Given once for each."""
    json_schema: Annotated[str | None, off("FILE")] = None
    """Write only JSON that satisfies the schema in this file."""
    seed: int = 0
    """The same seed gives the same text; 0 to 4294967295. Sample i has seed + i."""
    samples: int = 1
    """Number of texts; from 1."""
    echo: bool = True
    """Print the prompt before its continuation."""
    truncate: Annotated[Literal["left"] | None, off("left")] = None
    """Drop the start of a prompt that is longer than the context, instead of refusing it."""
    overflow: Literal["slide", "stop"] = "slide"
    """At the end of the context: go on with its last half, or stop."""
    checkpoint: Literal["best", "latest"] = "best"
    """Which checkpoint of a run folder: lowest validation loss, or highest step."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the matrix products."""
    cache: Annotated[
        Literal["float32", "bfloat16", "int8"] | None, off("{float32,bfloat16,int8}")
    ] = None
    """Precision in which keys and values are kept; that of the products unless given."""
    prompt_cache: Annotated[str | None, off("FILE")] = None
    """File of what was computed of a prompt: read if prompts begin alike, else written."""
    threads: Annotated[int | None, off("INT")] = None
    """Threads; from 1. By default as many as this process may use."""
    json: Json = False


def run(options: Generate) -> None:
    from weft.cli.constraints import read_constraint
    from weft.errors import ConfigError
    from weft.inference import load

    if options.samples < 1:
        raise ConfigError(f"samples = {options.samples}; generate; give 1 or more")
    use_threads(options.threads)
    loaded = load(
        options.model,
        checkpoint=options.checkpoint,
        precision=options.precision,
        cache=options.cache,
    )
    prompt = read_stdin() if options.prompt == "-" else options.prompt
    constraint = read_constraint(loaded, options.regex, options.choices, options.json_schema)
    samples = [_sample(loaded, options, prompt, i, constraint) for i in range(options.samples)]
    if options.json:
        model = str(loaded.path)
        output.result_json({"model": model, "prompt": prompt, "samples": samples})


def _sample(
    loaded: Any, options: Generate, prompt: str, index: int, constraint: Any
) -> dict[str, Any]:
    """Print (unless --json) and describe one text."""
    show = not options.json
    stream = loaded.stream(
        prompt,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        repetition_penalty=options.repetition_penalty,
        stop=options.stop,
        seed=options.seed + index,
        truncate=options.truncate,
        overflow=options.overflow,
        constraint=constraint,
        prompt_cache=options.prompt_cache,
    )
    if show and options.samples > 1:
        output.note(f"[sample {index + 1} of {options.samples}, seed {options.seed + index}]")
    if show and options.echo:
        output.result(prompt, end="")
    started, pieces = time.perf_counter(), []
    for piece in stream:
        pieces.append(piece)
        if show:
            output.result(piece, end="")
    seconds = time.perf_counter() - started
    if show:
        output.result()
    _notes(stream, loaded.config.block_size)
    if constraint is not None and stream.finish_reason in ("length", "context"):
        output.note("weft: the text may not be whole: it was cut before the constraint ended it")
    return {
        "text": "".join(pieces),
        "seed": options.seed + index,
        "finish_reason": stream.finish_reason,
        "prompt_tokens": stream.prompt_tokens,
        "truncated_tokens": stream.truncated,
        "tokens": stream.tokens,
        "seconds": seconds,
        "tokens_per_second": stream.tokens / seconds if seconds else None,
    }


def _notes(stream: Any, block_size: int) -> None:
    """What the reader of the text could not see in it."""
    if stream.truncated:
        output.note(f"weft: dropped the first {stream.truncated} tokens of the prompt")
    if stream.slid:
        output.note(
            f"weft: past the context of {block_size} tokens the model saw its last "
            f"{block_size // 2} to {block_size} only (--overflow stop ends the text there)"
        )
    if stream.finish_reason == "context":
        output.note(f"weft: stopped at the end of the context of {block_size} tokens")


COMMANDS = {"": (Generate, run)}
