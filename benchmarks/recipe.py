"""What each part of the recipe for short trainings brings: one change at a time, in equal time.

    python benchmarks/recipe.py --texts shakespeare pydocs --seconds 5 50 --out recipe.jsonl

A busy machine does not give the same seconds twice, so a run is one of *steps*: those that fit into
the budget at the least time (the 5th percentile) that a step took in a trial of 30. A change that
makes steps slower gets fewer of them. Each run goes, as one line of JSON, to `--out`; runs that are
there already are not made again, so an interrupted benchmark goes on where it was. Last comes the
table. `--only` takes names of changes; `--base OPTION=VALUE ...` another recipe to change.
"""

import argparse
import contextlib
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import weft
from weft.runlog import read_metrics
from weft.training.progress import Progress

TRIAL_STEPS = 30
SHARE = 0.88  # of the budget; the rest is for the start, tokenizing, evaluating and saving
FASTEST = 0.05  # of the trial's steps: what the machine does when it is left alone

# The recipe for 5 seconds, and what a longer run has instead.
BASE: dict[str, Any] = {
    "arch": "qwen3", "n_embd": 96, "n_layer": 2, "n_head": 3, "block_size": 64, "batch_size": 24,
    "optimizer": "muon", "learning_rate": 2e-2, "min_learning_rate": 0.0, "muon_momentum": 0.9,
    "muon_learning_rate": 0.02, "weight_decay": 0.0, "schedule": "wsd", "decay_fraction": 0.6,
}  # fmt: skip
LONGER: dict[str, Any] = {
    "n_embd": 128, "n_layer": 4, "n_head": 8, "block_size": 128, "batch_size": 16,
    "learning_rate": 1.5e-2, "muon_momentum": 0.95,
}  # fmt: skip
LONGER_FROM = 20  # seconds
GPT2 = {"arch": "gpt2", "bias": False, "tie_embeddings": False}

CHANGES: dict[str, dict[str, Any]] = {
    "recipe": {},
    "another seed": {"seed": 1},
    "no norm on q and k (llama)": {"arch": "llama"},
    "LayerNorm, ReLU² (gpt2)": {**GPT2, "positions": "rotary", "activation": "relu2"},
    "learned positions (gpt2)": {**GPT2, "positions": "learned", "activation": "relu2"},
    "ALiBi (gpt2)": {**GPT2, "positions": "alibi", "activation": "relu2"},
    "tied embeddings": {"tie_embeddings": True},
    "AdamW alone": {"optimizer": "adamw", "learning_rate": 1e-2},
    "Muon 0.01": {"muon_learning_rate": 0.01},
    "Muon 0.04": {"muon_learning_rate": 0.04},
    "AdamW 0.005": {"learning_rate": 5e-3, "min_learning_rate": 0.0},
    "AdamW 0.04": {"learning_rate": 4e-2, "min_learning_rate": 0.0},
    "momentum 0.95": {"muon_momentum": 0.95},
    "momentum 0.9": {"muon_momentum": 0.9},
    "weight decay 0.1": {"weight_decay": 0.1},
    "dropout 0.1": {"dropout": 0.1},
    "cosine": {"schedule": "cosine"},
    "decay over all": {"decay_fraction": 1.0},
    "decay over a fifth": {"decay_fraction": 0.2},
    "to a tenth of the rate": {"min_learning_rate": 2e-3},
    "no clipping": {"grad_clip": 0.0},
    "half the batch": {"batch_size": 0.5},
    "twice the batch": {"batch_size": 2},
    "half the window": {"block_size": 0.5, "batch_size": 2},
    "twice the window": {"block_size": 2, "batch_size": 0.5},
    "a layer more": {"n_layer": 1.5},
    "wider by half": {"n_embd": 1.5},
    "bpe 512": {"tokenizer": "bpe", "vocab_size": 512},
    "bpe 2048": {"tokenizer": "bpe", "vocab_size": 2048},
}
WITHOUT_OPTION = ("averaged weights", "windows at line starts")  # tried here, and nowhere else
FACTORS = ("batch_size", "block_size", "n_layer", "n_embd")  # changes of these multiply


def options_of(change: str, seconds: float, base: dict[str, Any]) -> dict[str, Any]:
    """All options of a run but its steps."""
    longer = LONGER if seconds >= LONGER_FROM else {}
    options = {**BASE, **longer, **base}
    for name, value in CHANGES.get(change, {}).items():
        options[name] = round(options[name] * value) if name in FACTORS else value
    return options


@contextlib.contextmanager
def averaged_weights(decay: float = 0.99) -> Iterator[None]:
    """A run ends with an exponential mean of its weights in their place."""
    from weft.training.optimization import Optimization

    step, means = Optimization.step, {}

    def averaging(self: Any, number: int, scale: float = 1.0) -> float:
        rate = step(self, number, scale)
        for one in (p for o in self.optimizers.values() for p in o._parameters()):
            mean = means.setdefault(id(one), one.array.copy())
            mean += (1 - decay) * (one.array - mean)
            if number == self.config.steps - 1:
                one.array[...] = mean
        return rate

    with mock.patch.object(Optimization, "step", averaging):
        yield


@contextlib.contextmanager
def windows_at_line_starts(newline: int) -> Iterator[None]:
    """Each window of a step begins behind the next end of a line."""
    from weft.data import batches

    starts = batches.window_starts

    def moved(tokens: Any, step: int, seed: int, rows: int, length: int) -> Any:
        ends = np.flatnonzero(tokens[: len(tokens) - length - 1] == newline)
        found = np.searchsorted(ends, starts(len(tokens), step, seed, rows, length))
        first = ends[found % len(ends)] + 1
        windows = tokens[first[:, None] + np.arange(length + 1)].astype(np.int64)
        return np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, 1:])

    with mock.patch("weft.training.step.batch", moved):
        yield


def train(text: str, steps: int, options: dict[str, Any], folder: str) -> dict[str, Any]:
    """Train and score; the figures of one run."""
    from weft.cli.ladder import validation_score
    from weft.inference import load

    warmup = max(1, steps // 20)
    quiet = {"warmup_steps": warmup, "eval_interval": steps, "eval_batches": 1, "sample_tokens": 0}
    result = weft.train(
        text, out=folder, steps=steps, progress=Progress(), **quiet, **options
    ).to_dict()
    times = sorted(1 / r["tokens_per_second"] for r in read_metrics(Path(folder, "metrics.jsonl")))
    tokens = options["batch_size"] * options["block_size"]
    score, training_tokens = validation_score(Path(folder), load(folder))
    return {
        "loss": score.loss,
        "bits_per_byte": score.bits_per_byte,
        "train_loss": result["train_loss"],
        "steps": steps,
        "tokens": steps * tokens,
        "passes": steps * tokens / training_tokens,
        "milliseconds": 1e3 * tokens * times[int(FASTEST * len(times))],
    }


def measure(text: str, seconds: float, change: str, base: dict[str, Any]) -> dict[str, Any]:
    """A trial for the time of a step, and the run of as many steps as fit."""
    options = options_of(change, seconds, base)
    with tempfile.TemporaryDirectory(prefix="recipe-") as folder:
        trial = train(text, TRIAL_STEPS, options, str(Path(folder, "trial")))
        steps = max(TRIAL_STEPS, math.floor(SHARE * seconds * 1e3 / trial["milliseconds"]))
        with within(change, str(Path(folder, "trial"))):
            figures = train(text, steps, options, str(Path(folder, "run")))
    key = {"text": text, "seconds": seconds, "change": change}
    return {**key, **figures, "trial": trial["milliseconds"], "options": options}


def within(change: str, trial: str) -> contextlib.AbstractContextManager[None]:
    """What a change without an option does to a run; `trial` has its tokenizer."""
    from weft.inference import load

    if change == "averaged weights":
        return averaged_weights()
    if change == "windows at line starts":
        return windows_at_line_starts(load(trial).tokenizer.encode("\n")[0])
    return contextlib.nullcontext()


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a table for each text and budget, the best change first."""
    parts = []
    for text, seconds in dict.fromkeys((row["text"], row["seconds"]) for row in rows):
        mine = [r for r in rows if (r["text"], r["seconds"]) == (text, seconds)]
        lines = [f"{text}, {seconds:g} s", ""]
        lines += [
            "| change | ms | steps | passes | loss | bits per byte |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        lines += [
            f"| {r['change']} | {r['trial']:.1f} | {r['steps']:,} | {r['passes']:.1f} "
            f"| {r['loss']:.4f} | {r['bits_per_byte']:.4f} |"
            for r in sorted(mine, key=lambda r: float(r["bits_per_byte"]))
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def done(path: Path) -> list[dict[str, Any]]:
    """The runs that are in the file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def given(words: list[str]) -> dict[str, Any]:
    """OPTION=VALUE pairs; a value is a number where it can be one."""
    pairs = [word.partition("=") for word in words]
    return {name.replace("-", "_"): _value(text) for name, _, text in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description="Changes to the recipe, in equal time.")
    parser.add_argument("--texts", nargs="+", default=["shakespeare", "pydocs"])
    parser.add_argument("--seconds", nargs="+", type=float, default=[5.0, 50.0])
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*CHANGES, *WITHOUT_OPTION],
        default=[*CHANGES, *WITHOUT_OPTION],
    )
    parser.add_argument("--base", nargs="+", metavar="OPTION=VALUE", default=[])
    parser.add_argument("--out", type=Path, default=Path("recipe.jsonl"))
    options = parser.parse_args()
    base, rows = given(options.base), done(options.out)
    known = {(r["text"], r["seconds"], r["change"]) for r in rows}
    for seconds in options.seconds:
        for text in options.texts:
            for change in options.only:
                if (text, seconds, change) not in known:
                    row = measure(text, seconds, change, base)
                    rows.append(row)
                    with options.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
                    print(f"{text} {seconds:g} s {change}: {row['loss']:.4f}", file=sys.stderr)
    print(table(rows), end="")


if __name__ == "__main__":
    main()
