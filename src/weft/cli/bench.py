"""`weft bench train|generate|kernels|tokenizer`: how fast, and how much of what is possible here.

The peak is measured in the same run as what is compared with it: machines change their clocks.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from weft.cli import (
    bench_compare,
    bench_generate,
    bench_kernels,
    bench_tokenizer,
    bench_train,
    output,
)
from weft.cli.machine import bytes_text, use_threads
from weft.cli.options import Json, flag, off, options_of, positional, values_of
from weft.config import ModelConfig
from weft.errors import ConfigError
from weft.machine import kernels, usable_processors
from weft.models import CachePrecision
from weft.training.precision import resolve
from weft.training.work import peak

Precision = Literal["auto", "float32", "bfloat16"]
MOST_STREAMS = 1024
Threads = Annotated[int | None, off("INT")]


@dataclass(frozen=True)
class _Train:
    """Time whole training steps: forward, backward, clipping, AdamW; after a warm-up.

    FLOP are counted as is usual: (6 N + 12 L C T) per token, N being the weights that are
    multiplied (no position table; a token table only if it is the output layer too).

    With --compare, Weft takes turns with PyTorch, each in a process of its own: in float32 and
    bfloat16, or in --precision alone. Ratios are of medians of the turns.

    Example: weft bench train --n-layer 6 --n-head 6 --n-embd 384 --block-size 256
    """

    batch_size: int = 12
    """Sequences in a step (B); from 1."""
    vocab_size: int = 65
    """Number of tokens that the model knows (V); from 1."""
    precision: Precision = "auto"
    """Compute precision; auto is bfloat16 where the CPU multiplies it natively."""
    checkpoint_gradients: Annotated[bool, *flag()] = False
    """Keep each block's input alone, and compute its inside again in the backward pass."""
    steps: int = 20
    """Steps to time, after three to warm up; the median counts; from 1."""
    compare: Annotated[Literal["torch"] | None, off("torch")] = None
    """Take turns with this peer, where it is installed (only --arch gpt2)."""
    compiled: Annotated[bool, *flag()] = False
    """With --compare: also the peer's compiled forms, which take a minute to start."""
    turns: int = 5
    """With --compare: turns of each side, of half a second or one step; from 1."""
    threads: Threads = None
    """Threads; from 1. By default as many as this process may use."""
    json: Json = False


Train: Any = dataclasses.make_dataclass(
    "Train",
    options_of(ModelConfig, leave_out=["vocab_size", "model"]),
    bases=(_Train,),
    frozen=True,
    namespace={"__doc__": _Train.__doc__},
)


@dataclass(frozen=True)
class Generate:
    """Time reading a prompt (prefill) and writing new tokens one by one (decode).

    With --streams the rates are of all of them together, each with a prompt of its own.

    Example: weft bench generate runs/book-1 --prompt-tokens 64 --max-tokens 128
    """

    model: Annotated[str, *positional("MODEL")]
    """Run folder, checkpoint folder, Hugging Face folder, GGUF file, or a pulled model."""
    prompt_tokens: int = 64
    """Tokens of the prompt; from 1."""
    max_tokens: int = 128
    """Tokens to write; from 1."""
    repeats: int = 3
    """Times to do it all, after one to warm up; the median counts; from 1."""
    streams: int = 1
    """Texts that are written together; 1 to 1024."""
    precision: Literal["auto", "float32", "bfloat16", "int8", "int4"] = "auto"
    """Precision of the matrix products."""
    cache: Annotated[CachePrecision | None, off("{float32,bfloat16,int8}")] = None
    """Precision in which keys and values are kept; that of the products unless given."""
    threads: Threads = None
    """Threads; from 1. By default as many as this process may use."""
    json: Json = False


@dataclass(frozen=True)
class Kernels:
    """Time each kernel at the sizes of small models, and compare with this machine's peak.

    Arithmetic is compared with the peak of multiplying in that precision, the rest with the
    speed of reading memory; what stays in the cache can be above that.

    Example: weft bench kernels --precision float32
    """

    precision: Literal["float32", "bfloat16"] = "float32"
    """Type of the activations."""
    seconds: float = 0.1
    """Time for each kernel; above 0, to 60."""
    only: str = ""
    """Only kernels whose name contains this."""
    threads: Threads = None
    """Threads; from 1. By default as many as this process may use."""
    json: Json = False


def train(options: Any) -> None:
    _from_one(options, "batch_size", "steps", "turns")
    use_threads(options.threads)
    config = ModelConfig(**values_of(options, ModelConfig))
    if options.compiled and not options.compare:
        raise ConfigError("--compiled is for a comparison; bench train; add --compare torch")
    if options.compare:
        _compare(options, config)
        return
    precision: bench_train.Precision = (
        "bfloat16" if resolve(options.precision) == "bfloat16" else "float32"
    )
    step = bench_train.TrainingStep(
        config, options.batch_size, precision, options.checkpoint_gradients
    )
    values = bench_train.measure(config, step, options.steps)
    if options.json:
        output.result_json({**values, "precision": precision, "kernels": kernels()})
        return
    rows = [
        ("step", f"{values['milliseconds_per_step']:.2f} ms"),
        ("tokens per second", f"{values['tokens_per_second']:,.0f}"),
        ("arithmetic", f"{values['gflops']:,.0f} GFLOP/s in {precision}"),
        ("share of the peak", _peak_text(values["peak_fraction"], values["peak_gflops"])),
        ("memory", _memory_text(values)),
        ("page faults", f"{values['page_faults_per_step']:,.0f} in a step"),
    ]
    output.result(output.table(rows))


def _memory_text(values: dict[str, Any]) -> str:
    most, predicted = (bytes_text(values[f"{x}_memory_bytes"]) for x in ("peak", "predicted"))
    return f"{most} at most; {predicted} were predicted"


def _compare(options: Any, config: ModelConfig) -> None:
    given: tuple[bench_train.Precision, ...] = ("float32", "bfloat16")
    given = given if options.precision == "auto" else (options.precision,)
    sides = bench_compare.weft_sides(config, options.batch_size, given)
    groups = ("torch", "compiled") if options.compiled else ("torch",)
    sides += bench_compare.torch_sides(config, options.batch_size, groups)
    threads = options.threads or usable_processors()
    values = bench_compare.compare(config, options.batch_size, sides, options.turns, threads)
    if options.json:
        output.result_json({**values, "kernels": kernels()})
    else:
        output.result(bench_compare.text(values))


def generate(options: Generate) -> None:
    from weft.inference import load

    _from_one(options, "prompt_tokens", "max_tokens", "repeats", "streams")
    if options.streams > MOST_STREAMS:
        raise ConfigError(f"--streams {options.streams}; bench; give 1 to {MOST_STREAMS}")
    use_threads(options.threads)
    loaded = load(options.model, precision=options.precision, cache=options.cache)
    if not isinstance(loaded.config, ModelConfig):
        raise ConfigError(
            f"a model {loaded.config.model}, not a gpt; {loaded.path}; bench generate measures gpts"
        )
    prompt, new = bench_generate.fit(
        options.prompt_tokens, options.max_tokens, loaded.config.block_size
    )
    if (prompt, new) != (options.prompt_tokens, options.max_tokens):
        output.note(
            f"weft: the context is {loaded.config.block_size} tokens: measuring a prompt of "
            f"{prompt} and {new} new ones"
        )
    values = bench_generate.measure(loaded, prompt, new, options.repeats, options.streams)
    if options.json:
        how = {"precision": loaded.precision, "cache": options.cache, "kernels": kernels()}
        output.result_json({**values, **how})
        return
    rows = [
        ("prefill", f"{values['prefill_tokens_per_second']:,.0f} tokens per second"),
        ("decode", _rate_text(values["decode_tokens_per_second"])),
        ("reading the weights", _memory_share(values["peak_fraction"], values["peak_gbs"])),
        ("weights and cache", bytes_text(values["memory_bytes"])),
    ]
    output.result(output.table(rows))


def _memory_share(fraction: float | None, peak: float | None) -> str:
    if fraction is None or peak is None:
        return "unknown: only the native kernels measure the memory"
    return f"{100 * fraction:.0f} % of the memory's {peak:,.0f} GB/s, measured now"


def _rate_text(rate: float | None) -> str:
    return "not measured: one new token" if rate is None else f"{rate:,.0f} tokens per second"


def run_kernels(options: Kernels) -> None:
    if not 0 < options.seconds <= 60:
        raise ConfigError(f"seconds = {options.seconds}; bench kernels; give above 0, to 60")
    use_threads(options.threads)
    before = _peaks(options.precision)
    results = bench_kernels.measure(options.precision, options.seconds, options.only)
    if not results:
        raise ConfigError(f"no kernel has {options.only!r} in its name; --only; leave it out")
    after = _peaks(options.precision)
    peaks = {unit: max(rate, after[unit]) if rate else None for unit, rate in before.items()}
    rows = [_kernel_row(result, peaks) for result in results]
    if options.json:
        output.result_json({"peaks": peaks, "kernels": rows, "machine": kernels()})
        return
    titles = ("kernel", "size", "microseconds", "rate", "", "of peak")
    shown = [
        (r["name"], r["size"], f"{r['microseconds']:,.1f}", f"{r['rate']:,.1f}", r["unit"],
         _percent(r["peak_fraction"]))
        for r in rows
    ]  # fmt: skip
    output.result(output.table([titles, *shown], "llrrlr"))
    output.note("GB/s above 100 %: the arrays stay in the cache, the peak is that of the memory")


def _peaks(precision: str) -> dict[str, Any]:
    return {"GFLOP/s": peak(precision), "GB/s": peak("memory")}


def _kernel_row(result: Any, peaks: dict[str, float | None]) -> dict[str, Any]:
    peak = peaks[result.unit]
    return {
        "name": result.name,
        "size": result.size,
        "microseconds": result.seconds * 1e6,
        "rate": result.rate,
        "unit": result.unit,
        "peak_fraction": result.rate / peak if peak else None,
    }


def _from_one(options: Any, *names: str) -> None:
    for name in names:
        if getattr(options, name) < 1:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} {getattr(options, name)}; bench; give 1 or more")


def _peak_text(fraction: float | None, peak: float | None) -> str:
    if fraction is None or peak is None:
        return "unknown: only the native kernels measure it"
    return f"{100 * fraction:.0f} % of {peak:,.0f} GFLOP/s, measured now"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.0f} %"


COMMANDS: dict[str, Any] = {
    "train": (Train, train),
    "generate": (Generate, generate),
    "kernels": (Kernels, run_kernels),
    "tokenizer": (bench_tokenizer.Tokenizer, bench_tokenizer.run),
}
