"""`weft plan DATA`: what a run would choose, and why; its length, memory and likely loss."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Annotated, Any

from weft.cli import output
from weft.cli.machine import bytes_text, use_threads
from weft.cli.options import Json, options_of, positional, values_of
from weft.config import ModelConfig, TrainConfig
from weft.errors import ConfigError


@dataclass(frozen=True)
class _Plan:
    """Say what `weft train` with the same options would choose, and why, without training.

    Sizes are timed on this machine for a moment.

    Example: weft plan book.txt --minutes 10
    """

    data: Annotated[tuple[str, ...], *positional("DATA")]
    """Text, .gz, .zip, folder, -, token shards, or stories, pydocs, shakespeare, dates."""
    json: Json = False


Plan: Any = dataclasses.make_dataclass(
    "Plan",
    [
        *options_of(TrainConfig, leave_out=["data", "out", "steps"], unset=True),
        *options_of(ModelConfig, leave_out=["vocab_size", "model"], unset=True),
    ],
    bases=(_Plan,),
    frozen=True,
    namespace={"__doc__": _Plan.__doc__},
)


def run(options: Any) -> None:
    from weft.training.planning import Planner
    from weft.training.preparation import Source

    if options.minutes is None:
        raise ConfigError("no time to plan for; weft plan; give it, as --minutes 10")
    use_threads(options.threads)
    train, model = values_of(options, TrainConfig), values_of(options, ModelConfig)
    model.pop("vocab_size", None)
    train |= {"data": options.data, "out": "runs/plan"}
    planner = Planner(train, model, options.minutes, time.monotonic())
    source = Source(TrainConfig(**train))
    source.config = planner.tokens(source)
    planner.rest(source, source.tokenizer())
    plan = planner.plan
    if options.json:
        output.result_json(plan.to_dict())
        return
    rows = [(c.name, _text(c.value), c.reason) for c in plan.choices]
    output.result(output.table(rows, " r") + "\n\n" + output.table(_figures(plan)))


def _figures(plan: Any) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("weights", f"{plan.weights:,}"),
        ("steps", f"about {plan.steps:,} of {1e3 * plan.step_seconds:.0f} ms"),
        ("tokens", f"{plan.tokens:,}; the text {plan.epochs:.1f} times"),
        ("memory", bytes_text(plan.memory_bytes)),
    ]
    if plan.expected is not None:
        low, high = plan.expected
        rows.append(("expected", f"{low:.2f} to {high:.2f} bits per byte on text not seen"))
    return rows


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


COMMANDS: dict[str, Any] = {"": (Plan, run)}
