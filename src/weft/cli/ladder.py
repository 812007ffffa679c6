"""`weft ladder TEXT`: every family on one text with one tokenizer, compared in one table.

From counting to attention, the rungs in the order in which they were invented. What counts is bits
per byte on the last part of the text, which none has trained on; a gpt's windows overlap by half.
Sizes and parts of the time are for a text of a megabyte and ten minutes. Not here: the picture
(ladder_plot.py).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from weft.cli import output
from weft.cli.options import Json, flag, off, positional
from weft.errors import ConfigError

if TYPE_CHECKING:
    from weft.inference import LoadedModel
    from weft.inference.evaluation import Score

SAMPLE_TOKENS = 120
SHORTEST = 0.02  # minutes of a rung that is trained


@dataclass(frozen=True)
class Rung:
    """A family at one size, and its part of the time (0: counted, not trained by steps)."""

    model: str
    share: float
    options: dict[str, Any]


RECURRENT = {"n_embd": 384, "block_size": 64, "batch_size": 32}
RUNGS = (
    Rung("ngram", 0, {}),
    Rung("bow", 2, {"n_embd": 128, "context_size": 8, "batch_size": 64}),
    Rung(
        "mlp",
        8,
        {
            "n_embd": 32,
            "context_size": 12,
            "intermediate_size": 512,
            "batch_size": 64,
            "dropout": 0.25,
        },
    ),
    Rung("rnn", 9, {**RECURRENT, "dropout": 0.2, "learning_rate": 1.5e-3}),
    Rung("gru", 9, {**RECURRENT, "dropout": 0.3, "learning_rate": 2e-3}),
    Rung("lstm", 12, {**RECURRENT, "dropout": 0.3, "learning_rate": 3e-3}),
    Rung(
        "gpt",
        60,
        {
            "arch": "qwen3",
            "n_layer": 6,
            "n_head": 4,
            "n_embd": 256,
            "block_size": 256,
            "batch_size": 16,
            "dropout": 0.1,
            "optimizer": "muon",
            "learning_rate": 2e-3,
            "schedule": "wsd",
            "decay_fraction": 0.5,
        },
    ),
)
NAMES = tuple(rung.model for rung in RUNGS)


@dataclass(frozen=True)
class Ladder:
    """Train every family of models on a text, and compare what they have learnt.

    All read the same tokens, share the time, and are scored in bits per byte on the last part of
    the text. Each is a run folder of its own afterwards. With matplotlib the table is also drawn,
    into ladder.svg.

    Example: weft ladder book.txt --minutes 10
    """

    data: Annotated[str, *positional("TEXT")]
    """Text file, folder, - (stdin), or stories, pydocs, shakespeare."""
    out: Annotated[str, off("FOLDER")] = "runs/ladder"
    """Folder of the runs and of ladder.svg. By default runs/ladder."""
    minutes: Annotated[float, off("FLOAT")] = 10.0
    """Wall-clock minutes for all of it; 10 unless given."""
    models: Annotated[str, off("NAME,...")] = ",".join(NAMES)
    """Which families, in this order: ngram,bow,mlp,rnn,gru,lstm,gpt unless given."""
    order: Annotated[int | None, off("INT")] = None
    """Tokens of the longest n-gram: 5 with a char tokenizer, else 3."""
    tokenizer: Annotated[str, off("char|bpe|gpt2|PATH")] = "char"
    """The tokenizer of all of them; char unless given."""
    vocab_size: Annotated[int | None, off("INT")] = None
    """Vocabulary to train a bpe tokenizer to."""
    seed: Annotated[int, off("INT")] = 1337
    """Seed of weights, batches and samples; 1337 unless given."""
    overwrite: Annotated[bool, *flag()] = False
    """Remove the runs that are in FOLDER first."""
    json: Json = False


def run(options: Ladder) -> None:
    if not options.minutes > 0:
        raise ConfigError(f"minutes {options.minutes}; ladder; give more than 0")
    rungs = _chosen(options)
    out = Path(options.out)
    _make_room(out, rungs, options.overwrite)
    rows: list[dict[str, Any]] = []
    begun = time.monotonic()
    for i, rung in enumerate(rungs):
        left = options.minutes - (time.monotonic() - begun) / 60
        share = rung.share / max(sum(r.share for r in rungs[i:]), 1)
        output.note(f"weft: {rung.model}, rung {i + 1} of {len(rungs)}")
        first = out / rungs[0].model
        rows.append(_climb(rung, options, out, max(SHORTEST, left * share), first))
    for i, row in enumerate(rows):
        row["best_before"], row["why_not_below"] = _why_not_below(row, rows[:i])
    picture = _draw(rows, out, options.data)
    if options.json:
        output.result_json({"text": options.data, "rungs": rows, "picture": picture})
        return
    output.result(text(rows))
    if picture:
        output.note(f"\nweft: drawn in {picture}")


def _chosen(options: Ladder) -> list[Rung]:
    by_name = {rung.model: rung for rung in RUNGS}
    names = [name.strip() for name in options.models.split(",") if name.strip()]
    for name in names:
        if name not in by_name:
            raise ConfigError(f"unknown model {name!r}; ladder; choose among {', '.join(NAMES)}")
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"models {options.models!r}; ladder; name each once, and one at least")
    return [by_name[name] for name in names]


def _make_room(out: Path, rungs: list[Rung], overwrite: bool) -> None:
    from weft.checkpoint import RunFolder
    from weft.cli.train import remove_run

    for rung in rungs:
        folder = out / rung.model
        if overwrite:
            remove_run(folder)
        elif RunFolder(folder).is_used():
            raise ConfigError(
                f"there is a run already; {folder}; choose another --out, or pass --overwrite"
            )


def _climb(rung: Rung, options: Ladder, out: Path, minutes: float, first: Path) -> dict[str, Any]:
    """Train one rung, and score it on the part of the text that was kept for validation."""
    from weft.training import train

    settings: dict[str, Any] = {"seed": options.seed, **rung.options, "sample_tokens": 0}
    if rung.model == "ngram":
        settings["order"] = options.order or (5 if options.tokenizer == "char" else 3)
    if rung.share:
        settings["minutes"] = minutes
    tokenizer = first / "data" / "tokenizer.json"
    if tokenizer.exists():
        settings["tokenizer"] = str(tokenizer)  # the one that the first rung has trained
    else:
        settings |= {"tokenizer": options.tokenizer, "vocab_size": options.vocab_size}
    begun = time.monotonic()
    result = train(options.data, out=str(out / rung.model), model=rung.model, **settings)
    return {
        "model": rung.model,
        "seconds": time.monotonic() - begun,
        "tokens_per_second": result.tokens_per_second,
        "tokens": result.tokens,
        "train_loss": result.train_loss,
        **_score(out / rung.model, options.seed),
    }


def _score(folder: Path, seed: int) -> dict[str, Any]:
    from weft.inference import load

    loaded = load(folder)
    score, training_tokens = validation_score(folder, loaded, slide=True)
    return {
        "parameters": _held(loaded.model),
        "bits_per_byte": score.bits_per_byte,
        "loss": score.loss,
        "training_tokens": training_tokens,
        "sample": loaded.generate("", max_tokens=SAMPLE_TOKENS, seed=seed),
    }


def _held(model: Any) -> int:
    """What a model has learnt: its parameters; or the n-grams that it has counted."""
    if model.config.model == "ngram":
        return int(sum(model.sizes))
    return sum(tensor.array.size for tensor in model.state_dict().values())


def validation_score(folder: Path, loaded: LoadedModel, slide: bool = False) -> tuple[Score, int]:
    """The score of a run's model on the run's whole validation split; its training tokens.

    With `slide`, windows of a gpt overlap by half: the others carry their states through the text.
    """
    from weft.checkpoint import RunFolder
    from weft.config import TrainConfig, from_dict, read_toml
    from weft.inference.evaluation import evaluate_arrays
    from weft.training.preparation import reopen

    stored = read_toml(folder / "config.toml")
    _, dataset = reopen(from_dict(TrainConfig, stored["train"]), RunFolder(folder))
    overlapping = slide and loaded.config.context == loaded.config.block_size
    stride = max(1, loaded.config.block_size // 2) if overlapping else None
    return evaluate_arrays(loaded, [dataset.val.tokens], stride), len(dataset.train.tokens)


def _why_not_below(
    row: dict[str, Any], before: list[dict[str, Any]]
) -> tuple[str | None, str | None]:
    """The best rung before this one, and why this is not better, as far as its numbers tell."""
    if not before:
        return None, None
    best = min(before, key=lambda other: float(other["bits_per_byte"]))
    if row["bits_per_byte"] < best["bits_per_byte"]:
        return best["model"], None
    return best["model"], _reason(row)


def _reason(row: dict[str, Any]) -> str:
    passes = row["tokens"] / max(1, row["training_tokens"])
    gap = row["loss"] - row["train_loss"]
    if gap > 0.05 * row["loss"]:
        return (
            f"over-fits: {row['train_loss']:.2f} nats per token on what it has seen {passes:.1f} "
            f"times, {row['loss']:.2f} on what it has not"
        )
    if row["model"] == "bow":
        return "does not see the order of the tokens, which is most of what they say"
    return (
        f"has too few weights or too little time: {row['train_loss']:.2f} nats per token on its "
        f"own training text too, after {passes:.1f} passes"
    )


def text(rows: list[dict[str, Any]]) -> str:
    """The table, why a rung is not below the last where it is not, and a sample of each."""
    cells: list[tuple[str, ...]] = [
        ("model", "parameters", "bits per byte", "seconds", "tokens per second")
    ]
    for row in rows:
        cells.append(
            (
                row["model"],
                f"{row['parameters']:,}",
                f"{row['bits_per_byte']:.3f}",
                f"{row['seconds']:,.0f}",
                f"{row['tokens_per_second']:,.0f}",
            )
        )
    parts = [output.table(cells, "lrrrr"), ""]
    for row in rows:
        if row["why_not_below"]:
            reason = f"{row['model']} is not below {row['best_before']}: {row['why_not_below']}."
            parts.append(reason)
    for row in rows:
        parts += ["", f"[{row['model']}]", row["sample"].strip("\n")]
    return "\n".join(parts)


def _draw(rows: list[dict[str, Any]], out: Path, title: str) -> str | None:
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        output.note("weft: no picture: matplotlib is not installed; pip install 'weft[plot]'")
        return None
    from weft.cli.ladder_plot import draw

    path = out / "ladder.svg"
    draw(rows, path, Path(title).name)
    return str(path)


COMMANDS = {"": (Ladder, run)}
