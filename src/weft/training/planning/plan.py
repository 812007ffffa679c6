"""A plan: everything that a run with --minutes chooses, each choice with its reason.

`plan_tokenizer` and then `plan_model` ask the rules for what was not given. Sizes are tried on this
machine: the best one is a third of the tokens that it can read in the time (`rules.size_error`).
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.config import ModelConfig, TrainConfig, from_dict
from weft.data import Statistics
from weft.training import precision
from weft.training.memory import count_parameters, estimate, memory_limit
from weft.training.optimization import default_learning_rate
from weft.training.planning import rules
from weft.training.planning.rules import RUNGS, Ruled, Rung
from weft.training.work import flop_per_token

SHARE = 0.9  # of the time that is left is for steps; the rest for evaluations, saves, samples
GAIN = 0.6  # a larger model may take this share of the time that its arithmetic suggests
EVALUATED, FEWEST_EVALUATED = 0.015, 4  # batches for each step: 0.6 % of the time is evaluation
MOST_MEMORY = 0.7  # of the machine's
SHOWN = ("tokenizer", "n_embd", "n_layer", "block_size", "batch_size", "dropout")
Timer = Callable[[ModelConfig, TrainConfig], float]


@dataclass(frozen=True)
class Choice:
    """One option of the run."""

    name: str
    value: Any
    reason: str
    given: bool = False


@dataclass
class Plan:
    """What a run will do. `train` and `model` are the options that it chooses."""

    minutes: float
    text: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    train: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    tokens: int = 0
    epochs: float = 0.0
    weights: int = 0
    step_seconds: float = 0.0
    memory_bytes: int = 0
    expected: tuple[float, float] | None = None

    def choose(
        self, where: dict[str, Any], name: str, ruled: Ruled, given: Mapping[str, Any]
    ) -> Any:
        """Take what was given, or what the rule says, and note it."""
        if name in given:
            self.choices.append(Choice(name, given[name], "given", True))
            return given[name]
        self.choices.append(Choice(name, ruled.value, ruled.reason))
        where[name] = ruled.value
        return ruled.value

    def summary(self) -> str:
        """One line: what was chosen."""
        chosen = [f"{c.name} {c.value}" for c in self.choices if not c.given and c.name in SHOWN]
        return f"planned: {', '.join(chosen)} (`weft plan` says why)"

    def to_dict(self) -> dict[str, Any]:
        """plan.json, and what `weft plan --json` prints."""
        names = ("minutes", "text", "machine", "steps", "tokens", "epochs", "weights")
        values = {name: getattr(self, name) for name in (*names, "step_seconds", "memory_bytes")}
        values["choices"] = [dataclasses.asdict(choice) for choice in self.choices]
        if self.expected is not None:
            low, high = self.expected
            values["expected"] = {"low": low, "high": high, "unit": "bits per byte"}
        return values

    def to_json(self) -> str:
        """One readable JSON object."""
        return json.dumps(self.to_dict(), indent=1) + "\n"


def plan_tokenizer(plan: Plan, statistics: Statistics | None, given: Mapping[str, Any]) -> None:
    """Choose the tokens; those of token shards are what they are."""
    if statistics is None:
        return
    plan.text = dataclasses.asdict(statistics)
    seconds = 60 * plan.minutes
    facts = statistics.bytes, statistics.characters, statistics.distinct_characters
    ruled = rules.tokenizer(*facts, seconds)
    if "vocab_size" in given and "tokenizer" not in given:
        ruled = Ruled("bpe", "a vocabulary of a given size is made of pairs of bytes")
    kind = plan.choose(plan.train, "tokenizer", ruled, given)
    if kind == "bpe":
        plan.choose(plan.train, "vocab_size", rules.vocabulary(statistics.bytes, seconds), given)


def plan_model(
    plan: Plan,
    vocab_size: int,
    train_tokens: int,
    given: Mapping[str, Any],
    timer: Timer,
    left: float,
    limit: int | None = None,
) -> None:
    """Choose model, batch, rates and schedule for `train_tokens` of `vocab_size` kinds.

    `left` are the seconds that are left of the minutes; `timer` measures a step.
    """
    seconds = max(0.01, SHARE * left)
    limit = memory_limit() if limit is None else limit
    passes = given.get("epochs", rules.MOST_PASSES)
    worth = passes * train_tokens
    rung, step, read = _size(vocab_size, train_tokens, given, seconds, worth, timer, limit)
    steps = max(1, int(seconds / step))
    reason = f"of those whose {steps:,} steps of {1e3 * step:.0f} ms fit, the best size"
    model, train = plan.model, plan.train
    if steps * read > worth:
        steps = max(1, math.ceil(worth / read))
        reason = f"the best size for {passes:g} passes over the text"
        heart = "more passes over a text this short only learn it by heart"
        plan.choose(train, "epochs", Ruled(rules.MOST_PASSES, heart), given)
    arch = Ruled("qwen3", "rotary positions, RMSNorm, norms on queries and keys")
    plan.choose(model, "arch", arch, given)
    for name in ("n_embd", "n_layer"):
        plan.choose(model, name, Ruled(getattr(rung, name), reason), given)
    width = given.get("n_embd", rung.n_embd)
    heads = _heads(width) if "n_embd" in given else rung.n_head
    plan.choose(model, "n_head", Ruled(heads, f"heads of {width // heads}"), given)
    window = "a window as long as pays in this time"
    plan.choose(model, "block_size", Ruled(_block(rung, train_tokens), window), given)
    plan.choose(train, "batch_size", Ruled(rung.batch_size, "sequences in a step"), given)
    plan.steps, plan.step_seconds = steps, step
    plan.tokens = steps * read
    plan.epochs = plan.tokens / max(train_tokens, 1)
    config, _ = _configs(vocab_size, {**model, **train, **given})
    plan.weights = count_parameters(config)
    plan.choose(model, "dropout", rules.dropout(plan.epochs, plan.weights, train_tokens), given)
    _optimisation(plan, width, vocab_size, given)
    if "eval_batches" not in given:
        train["eval_batches"] = max(FEWEST_EVALUATED, int(EVALUATED * steps))
    plan.memory_bytes = estimate(*_configs(vocab_size, {**model, **train, **given})).total
    if plan.text:
        facts = (plan.text[n] for n in ("bytes", "zlib_bits", "bytes_per_character"))
        plan.expected = rules.expected_bits(60 * plan.minutes, *facts)


def _optimisation(plan: Plan, width: int, vocab_size: int, given: Mapping[str, Any]) -> None:
    train = plan.train
    name = plan.choose(
        train, "optimizer", Ruled("muon", "for matrices; AdamW takes the rest"), given
    )
    adamw = rules.learning_rate(width, vocab_size)
    if name == "adamw":
        adamw = Ruled(default_learning_rate(width), "AdamW alone, for this width")
    plan.choose(train, "learning_rate", adamw, given)
    if name == "muon":
        muon = Ruled(0.02, "Muon's, for the matrices of the blocks")
        plan.choose(train, "muon_learning_rate", muon, given)
        plan.choose(train, "muon_momentum", rules.momentum(plan.steps), given)
    plan.choose(train, "schedule", Ruled("wsd", "holds the rate, then brings it down"), given)
    decay = Ruled(rules.DECAY, "the last part, in which the loss falls most")
    plan.choose(train, "decay_fraction", decay, given)
    if "min_learning_rate" not in given:
        train["min_learning_rate"] = 0.0
    warmup = Ruled(max(1, plan.steps // 20), "a twentieth of the run")
    plan.choose(train, "warmup_steps", warmup, given)
    decay = Ruled(0.1, "0.01 nats better after three passes over a text")
    if plan.epochs < 1:
        decay = Ruled(0.0, "it costs 0.02 nats in less than one pass over a text")
    plan.choose(train, "weight_decay", decay, given)


def _size(
    vocab_size: int,
    train_tokens: int,
    given: Mapping[str, Any],
    seconds: float,
    worth: float,
    timer: Timer,
    limit: int,
) -> tuple[Rung, float, int]:
    """The best size for the time, and the seconds and tokens of its step.

    Of the tokens that it can read, so many count as are `worth` reading.
    Sizes are timed from the smallest up, until one is beyond the best and further from it.
    """
    best: tuple[Rung, float, int] | None = None
    before, least = 0.0, math.inf  # FLOP of a step of the best; how far from the best size
    for rung in RUNGS:
        options = {**_options(rung, train_tokens), **given}
        if "n_embd" in given and "n_head" not in given:
            options["n_head"] = _heads(given["n_embd"])
        config, train = _configs(vocab_size, options)
        tokens = config.block_size * train.batch_size * train.accumulate
        work, weights = float(flop_per_token(config) * tokens), _in_blocks(config)
        if best is not None:
            if work <= before or estimate(config, train).total > MOST_MEMORY * limit:
                continue
            guess = GAIN * best[1] * work / before  # a hopeful one
            if rules.size_error(min(tokens * seconds / guess, worth), weights) < -least:
                break
        step = timer(config, train)
        error = rules.size_error(min(tokens * seconds / step, worth), weights)
        if abs(error) < least:
            best, before, least = (rung, step, tokens), work, abs(error)
        elif error < 0:
            break
    assert best is not None
    return best


def _in_blocks(config: ModelConfig) -> int:
    """Weights without the tables of tokens, whose size is that of the vocabulary."""
    tables = 1 if config.tie_embeddings else 2
    return count_parameters(config) - tables * config.vocab_size * config.n_embd


def _options(rung: Rung, train_tokens: int) -> dict[str, Any]:
    values = dataclasses.asdict(rung)
    length = _block(rung, train_tokens)
    return {**values, "arch": "qwen3", "optimizer": "muon", "block_size": length}


def _block(rung: Rung, train_tokens: int) -> int:
    """The window of a rung; for a tiny text one that fits into its validation part."""
    return max(8, min(rung.block_size, train_tokens // 20))


def _heads(width: int) -> int:
    """Heads of 64, or of the nearest size that divides the width into even ones."""
    for size in (64, 32, 48, 16, 8, 4, 2):
        if width % size == 0 and width >= 2 * size:
            return width // size
    return 1


def _configs(vocab_size: int, options: Mapping[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    """Configurations for timing and for estimates, of the options that they know."""
    names = {field.name for field in dataclasses.fields(ModelConfig)} - {"vocab_size"}
    values = {name: value for name, value in options.items() if name in names}
    model = from_dict(ModelConfig, {**values, "vocab_size": vocab_size}, "plan")
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    names -= {"data", "out", "minutes", "vocab_size", "warmup_steps", "eval_interval", "epochs"}
    values = {name: value for name, value in options.items() if name in names}
    values = {"learning_rate": 1e-3, **values, "steps": 1_000_000}
    values["precision"] = precision.resolve(values.get("precision", "auto"))
    return model, from_dict(TrainConfig, {**values, "data": "plan", "out": "plan"}, "plan")
