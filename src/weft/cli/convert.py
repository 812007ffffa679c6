"""`weft convert SRC DST`: a model in the format of another program, or of ours; then compared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from weft.cli import output
from weft.cli.machine import bytes_text, use_threads
from weft.cli.options import Json, flag, off, positional

if TYPE_CHECKING:
    from weft.formats.writing import Target
    from weft.inference import LoadedModel
    from weft.inference.equality import Comparison


@dataclass(frozen=True)
class Convert:
    """Write a model in another format, read it back and compare its logits with the source's.

    hf is a Hugging Face folder (transformers, mlx-lm), gguf a file (llama.cpp, Ollama), nanogpt a
    ckpt.pt, weft a checkpoint folder.

    Example: weft convert runs/book-1 book.gguf --type q8_0
    """

    source: Annotated[str, *positional("SRC")]
    """Run folder, checkpoint folder, Hugging Face folder, GGUF file, nanoGPT's ckpt.pt, ..."""
    target: Annotated[str, *positional("DST")]
    """Folder or file to write."""
    to: Annotated[
        Literal["hf", "gguf", "nanogpt", "weft"] | None, off("{hf,gguf,nanogpt,weft}")
    ] = None
    """Format. By default from the ending of DST: .gguf, .pt; else hf, or weft to quantize."""
    type: Annotated[
        Literal["f32", "bf16", "f16", "q8_0", "q4_0"] | None, off("{f32,bf16,f16,q8_0,q4_0}")
    ] = None
    """Type of the numbers; q8_0 and q4_0 for gguf. By default as they are (f32 for gguf)."""
    quantize: Annotated[Literal["int8", "int4"] | None, off("{int8,int4}")] = None
    """Keep the matrices as small integers, for weft and gguf."""
    tokenizer: Annotated[str | None, off("PATH")] = None
    """Tokenizer to write, for a model that comes without: tokenizer.json, or a folder."""
    checkpoint: Literal["best", "latest"] = "best"
    """Which checkpoint of a run folder: lowest validation loss, or highest step."""
    overwrite: Annotated[bool, *flag()] = False
    """Replace a model that is there already."""
    threads: Annotated[int | None, off("INT")] = None
    """Threads of the comparison; from 1. By default as many as this process may use."""
    json: Json = False


def run(options: Convert) -> None:
    from weft.formats.writing import Target, write_model
    from weft.inference import load
    from weft.inference.equality import compare

    use_threads(options.threads)
    started = time.perf_counter()
    target = Target.of(
        options.target,
        options.to,
        type=options.type,
        quantize=options.quantize,
        overwrite=options.overwrite,
    )
    source = load(options.source, checkpoint=options.checkpoint)
    if options.tokenizer:
        _give_tokenizer(source, options.tokenizer)
    tokenizer = source.tokenizer if source.has_tokenizer else None
    notes = [*source.notes, *write_model(target, source.config, source.weights, tokenizer)]
    written = load(target.path)
    result = compare(source, written, target.precision)
    values = {
        "source": str(source.path),
        "target": str(target.path),
        "format": target.format,
        "type": target.type,
        "quantize": target.quantize,
        "source_gelu": getattr(source.config, "gelu", None),
        "gelu": getattr(written.config, "gelu", None),
        "bytes": _size(target.path),
        "notes": notes,
        "verified": result.equal,
        "difference": result.difference,
        "tolerance": result.tolerance,
        "seconds": time.perf_counter() - started,
    }
    _report(options, target, result, values)


def _give_tokenizer(source: LoadedModel, path: str) -> None:
    from weft.errors import ConfigError
    from weft.tokenizers import load_tokenizer

    tokenizer = load_tokenizer(path)
    if tokenizer.vocab_size > source.config.vocab_size:
        raise ConfigError(
            f"the tokenizer has {tokenizer.vocab_size:,} tokens, the model "
            f"{source.config.vocab_size:,}; {path}; give the model's own"
        )
    source.tokenizer = tokenizer


def _report(options: Convert, target: Target, result: Comparison, values: dict[str, Any]) -> None:
    from weft.errors import WeftError

    for note in values["notes"]:
        output.note(f"weft: {note}")
    if not result.equal:
        what = "token ids" if result.same_ids is False else "logits"
        raise WeftError(
            f"what was written is not the same model: {what} differ ({result.difference:.2g} of "
            f"the logits' deviation, allowed {result.tolerance:.2g}); {target.path}; do not use it"
        )
    if options.json:
        output.result_json(values)
        return
    output.result(f"wrote {target.path} ({target.format}, {bytes_text(values['bytes'])})")
    where = f"{options.source} on {result.tokens} tokens"
    if values["gelu"] != values["source_gelu"]:
        where += f" with approximate={values['gelu']!r} in its GELU"
    if result.difference == 0:
        output.result(f"verified: logits equal to those of {where}")
    else:
        output.result(
            f"verified: logits within {result.difference:.2g} deviations of those of {where} "
            f"({target.precision} allows {result.tolerance:.2g})"
        )


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [p for p in path.iterdir() if p.is_file()]
    return sum(file.stat().st_size for file in files)


COMMANDS = {"": (Convert, run)}
