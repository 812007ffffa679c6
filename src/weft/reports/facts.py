"""Figures of a run that follow from its record: how it ended, its size, passes, bits per byte."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from weft.config import AnyModelConfig, TrainConfig, from_dict, model_from_dict
from weft.errors import ConfigError
from weft.reports.reading import number
from weft.reports.record import RunRecord
from weft.reports.vocabulary import Vocabulary

AVERAGED_STEPS = 100  # logged steps in the training loss at the end, as in weft train
LARGEST_SIZE = 1 << 20  # of any size of a model whose weights are counted
MOST_LAYERS = 1 << 10
LAYERS = ("n_layer", "n_encoder_layer", "n_decoder_layer", "n_expert", "order")


@dataclass(frozen=True)
class Facts:
    """None is "not known": an old run, one that did not end, or one without gradients."""

    ended: str
    """finished, stopped, failed or unfinished."""
    why: str
    """How it ended, in words."""
    step: int
    steps: int | None
    tokens: int | None
    seconds: float | None
    tokens_per_second: float | None
    train_loss: float | None
    val_loss: float | None
    """At the end; on the whole validation split where the run ended by itself."""
    best_val_loss: float | None
    best_step: int | None
    bits_per_byte: float | None
    """Of `best_val_loss`."""
    parameters: int | None
    passes: float | None
    """Over the training text."""
    memory_estimate: dict[str, int]
    """Bytes by part, as planned before the run; {} where the configuration is not known."""
    memory_peak: int | None
    peak_fraction: float | None
    """Of the machine's measured FLOP/s, by the training steps."""


def facts(record: RunRecord, vocabulary: Vocabulary | None) -> Facts:
    """All figures that the record and the counted tokens give."""
    ended, why = ending(record)
    result, last = record.result or {}, record.metrics[-1] if record.metrics else {}
    best = record.best or {}
    best_loss = number(result.get("best_val_loss")) or number(best.get("val_loss"))
    evaluated = record.evaluations[-1] if record.evaluations else {}
    tokens = number(result.get("tokens")) or number(last.get("tokens"))
    end = record.last("end")
    configs = _configs(record)
    return Facts(
        ended=ended,
        why=why,
        step=_whole(result.get("steps")) or last.get("step", 0),
        steps=_whole(record.train.get("steps")),
        tokens=_whole(tokens),
        seconds=number(result.get("seconds")) or number(last.get("seconds")),
        tokens_per_second=number(result.get("tokens_per_second")) or _speed(record),
        train_loss=number(result.get("train_loss")) or _last_losses(record),
        val_loss=number(result.get("val_loss")) or number(evaluated.get("val_loss")),
        best_val_loss=best_loss,
        best_step=_whole(best.get("step")),
        bits_per_byte=_bits_per_byte(record, best_loss, vocabulary),
        parameters=_parameters(record, configs),
        passes=_passes(record, tokens, vocabulary),
        memory_estimate=_memory(record, configs),
        memory_peak=_whole(end.get("memory_bytes")),
        peak_fraction=number(end.get("peak_fraction")),
    )


def ending(record: RunRecord) -> tuple[str, str]:
    """How the run ended, by its last event; by its last step where there are no events."""
    kinds = ("begin", "end", "failure", "stop")
    marks = [event for event in record.events if event.get("kind") in kinds]
    last = marks[-1] if marks else {}
    step = record.metrics[-1]["step"] if record.metrics else 0
    steps = _whole(record.train.get("steps"))
    if last.get("kind") == "failure":
        return "failed", str(last.get("message", "it ended by an error"))
    if last.get("kind") == "stop":
        return "stopped", f"stopped by a signal after step {step:,}" + _of(steps)
    if last.get("kind") == "end" or (not marks and steps is not None and step >= steps):
        return "finished", "ended by itself"
    return "unfinished", f"still going, or ended without a word, after step {step:,}" + _of(steps)


def _of(steps: int | None) -> str:
    return f" of {steps:,}" if steps else ""


def _whole(value: Any) -> int | None:
    value = number(value)
    return None if value is None else int(value)


def _speed(record: RunRecord) -> float | None:
    """The median over the run: pauses and the first steps do not count."""
    speeds = sorted(
        float(line["tokens_per_second"]) for line in record.means if line.get("tokens_per_second")
    )
    return speeds[len(speeds) // 2] if speeds else None


def _last_losses(record: RunRecord) -> float | None:
    lines = record.metrics[-AVERAGED_STEPS:]
    losses = [line["train_loss"] for line in lines if line.get("train_loss") is not None]
    return math.fsum(losses) / len(losses) if losses else None


def _bits_per_byte(
    record: RunRecord, loss: float | None, vocabulary: Vocabulary | None
) -> float | None:
    """Of the validation text; None for pairs, whose targets are only a part of their text."""
    counts = vocabulary.val if vocabulary is not None else None
    if loss is None or counts is None or not counts.bytes or record.family == "encoder-decoder":
        return None
    return loss / math.log(2) / counts.bytes_per_token


def _passes(record: RunRecord, tokens: float | None, vocabulary: Vocabulary | None) -> float | None:
    """Of pairs only the targets are counted, so their passes are not known either."""
    if tokens is None or vocabulary is None or vocabulary.train is None:
        return None
    return None if record.family == "encoder-decoder" else tokens / max(1, vocabulary.train.tokens)


def _configs(record: RunRecord) -> tuple[AnyModelConfig, TrainConfig] | None:
    """The configurations, where this version of weft knows them and their sizes are earthly."""
    for name, value in record.model.items():
        limit = MOST_LAYERS if name in LAYERS else LARGEST_SIZE
        if isinstance(value, int | float) and not abs(value) <= limit:
            return None
    try:
        return model_from_dict(record.model), from_dict(TrainConfig, record.train)
    except (ConfigError, TypeError):
        return None


def _parameters(
    record: RunRecord, configs: tuple[AnyModelConfig, TrainConfig] | None
) -> int | None:
    if configs is None or record.family == "ngram":  # its size is that of what it has counted
        return None
    from weft.training.memory import count_parameters

    return count_parameters(configs[0])


def _memory(
    record: RunRecord, configs: tuple[AnyModelConfig, TrainConfig] | None
) -> dict[str, int]:
    if configs is None or record.family == "ngram":
        return {}
    from weft.training.memory import BASE, estimate

    need = estimate(*configs)
    return {
        "weights": need.weights,
        "gradients": need.gradients,
        "optimiser": need.optimizer,
        "activations": need.activations,
        "Python and buffers": BASE,
    }
