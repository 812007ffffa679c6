"""`weft generate MODEL [PROMPT]`: continue a text; it comes as it is computed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from weft.cli import generate_options, output
from weft.cli.generate_options import Explaining, Sampling, Searching
from weft.cli.generate_trace import Trace, scores
from weft.cli.machine import use_threads
from weft.cli.options import Json, group, off, positional, read_stdin
from weft.errors import ConfigError


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
    precision: Literal["auto", "float32", "bfloat16", "int8", "int4"] = "auto"
    """Precision of the matrix products."""
    cache: Annotated[
        Literal["float32", "bfloat16", "int8"] | None, off("{float32,bfloat16,int8}")
    ] = None
    """Precision in which keys and values are kept; that of the products unless given."""
    prompt_cache: Annotated[str | None, off("FILE")] = None
    """File of what was computed of a prompt: read if prompts begin alike, else written."""
    threads: Annotated[int | None, off("INT")] = None
    """Threads; from 1. By default as many as this process may use."""
    sampling: Annotated[Sampling, *group()] = field(default_factory=Sampling)
    """How a token is chosen: these are applied one after the other, in this order."""
    searching: Annotated[Searching, *group()] = field(default_factory=Searching)
    """Other ways to find a text than to draw token after token; one of them at a time."""
    explaining: Annotated[Explaining, *group()] = field(default_factory=Explaining)
    """Why these tokens."""
    json: Json = False


def run(options: Generate) -> None:
    from weft.cli.constraints import read_constraint
    from weft.inference import load
    from weft.inference.options import check_samples

    searching, explaining = options.searching, options.explaining
    if explaining.logprobs is not None and not options.json:
        raise ConfigError("logprobs without --json; generate; add --json, or take --trace")
    values = generate_options.values(options.sampling, searching, explaining)
    check_samples(values, options.samples, searching.best_of)
    use_threads(options.threads)
    loading: dict[str, Any] = {"precision": options.precision, "cache": options.cache}
    loaded = load(options.model, checkpoint=options.checkpoint, **loading)
    if searching.draft is not None:
        values["draft"] = load(searching.draft, **loading)
    prompt = read_stdin() if options.prompt == "-" else options.prompt
    values |= {
        name: getattr(options, name)
        for name in ("max_tokens", "stop", "seed", "truncate", "overflow", "prompt_cache")
    }
    given = options.regex, options.choices, options.json_schema
    values["constraint"] = read_constraint(loaded, *given)
    count = max(options.samples, searching.best_of)
    if count > options.samples and explaining.logprobs is None:
        values["logprobs"] = 0  # the mean of which decides
    show = _Show(loaded, options, prompt, count, values["constraint"] is not None)
    show.run(loaded.stream_batch([prompt] * count, **values))
    if options.json:
        samples = [show.describe(i) for i in show.chosen()]
        output.result_json({"model": str(loaded.path), "prompt": prompt, "samples": samples})


class _Show:
    """Prints texts in their order, each as soon as it comes, and describes them."""

    def __init__(
        self, loaded: Any, options: Generate, prompt: str, count: int, constrained: bool
    ) -> None:
        self._loaded, self._options, self._prompt = loaded, options, prompt
        self._constrained = constrained
        self._pieces: list[list[str]] = [[] for _ in range(count)]
        self._seconds = [0.0] * count
        self._texts: list[Any] = []
        self._trace = Trace(loaded.tokenizer, options.json) if options.explaining.trace else None
        # A text that has to wait, for better ones or for its trace, is shown when all is known.
        self._live = not options.json and self._trace is None and count == options.samples

    def run(self, batch: Any) -> None:
        """Compute the texts of a `Batch`."""
        self._texts = batch.texts
        started, now = time.perf_counter(), 0  # the text that is being printed
        if self._live:
            self._begin(0)
        for i, piece in batch:
            self._pieces[i].append(piece)
            self._seconds[i] = time.perf_counter() - started
            if self._trace:
                self._trace.show(i, self._texts[i])
            if self._live and i == now:
                output.result(piece, end="")
            while self._live and self._texts[now].finish_reason and now + 1 < len(self._texts):
                self._end(now)
                now += 1
                self._begin(now)
        self._finish(now)

    def _finish(self, now: int) -> None:
        """Print what is not printed yet, the texts before `now` excepted."""
        if self._trace:
            for i, text in enumerate(self._texts):
                self._trace.show(i, text)
        if self._live:
            self._end(now)
            for i in range(now + 1, len(self._texts)):
                self._begin(i)
                self._end(i)
            return
        for i in self.chosen():
            if not self._options.json:
                self._begin(i)
            self._end(i)

    def chosen(self) -> list[int]:
        """The texts that were asked for: all, or the best."""
        order = list(range(len(self._texts)))
        if len(order) > self._options.samples:
            order.sort(key=lambda i: -self._texts[i].mean_logprob)
        return order[: self._options.samples]

    def _begin(self, i: int) -> None:
        if self._options.samples > 1:
            seed = self._options.seed + i
            output.note(f"[sample {i + 1} of {len(self._texts)}, seed {seed}]")
        goes_on = self._loaded.config.model != "encoder-decoder"  # and writes no second text
        echo = self._prompt if self._options.echo and goes_on else ""
        output.result(echo + "".join(self._pieces[i]), end="")

    def _end(self, i: int) -> None:
        if not self._options.json:
            output.result()
        _notes(self._texts[i], self._loaded.config.context)
        if self._constrained and self._texts[i].finish_reason in ("length", "context"):
            output.note(
                "weft: the text may not be whole: it was cut before the constraint ended it"
            )

    def describe(self, i: int) -> dict[str, Any]:
        """One text in JSON."""
        text, seconds = self._texts[i], self._seconds[i]
        values = {
            "text": "".join(self._pieces[i]),
            "seed": self._options.seed + i,
            "finish_reason": text.finish_reason,
            "prompt_tokens": text.prompt_tokens,
            "truncated_tokens": text.truncated,
            "tokens": text.tokens,
            "seconds": seconds,
            "tokens_per_second": text.tokens / seconds if seconds else None,
        }
        if text.scores:
            values["mean_logprob"] = text.mean_logprob
        if self._options.explaining.logprobs is not None:
            values["logprobs"] = scores(text, self._loaded.tokenizer)
        guessed = getattr(text.source, "guessed", None)
        if guessed is not None:
            values |= {"guessed_tokens": guessed, "kept_tokens": text.source.kept}
        return values


def _notes(stream: Any, block_size: int) -> None:
    """What the reader of the text could not see in it."""
    if stream.truncated:
        output.note(f"weft: dropped the first {stream.truncated} tokens of the prompt")
    if stream.slid:
        output.note(
            f"weft: past the context of {block_size} tokens the model saw its last "
            f"{block_size // 2} to {block_size} only (--overflow stop ends the text there)"
        )
    if getattr(stream.source, "acceptance", None) is not None:
        output.note(
            f"weft: {stream.source.kept:,} of {stream.source.guessed:,} guesses were right "
            f"({stream.source.acceptance:.1%})"
        )
    if stream.finish_reason == "context":
        output.note(f"weft: stopped at the end of the context of {block_size} tokens")


COMMANDS = {"": (Generate, run)}
