"""The planner of a run: looks at its text and at this machine, and fills in what was not given."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from weft.checkpoint import RunFolder, durable
from weft.config import TrainConfig, from_dict
from weft.data import Corpus, encode_documents, end_of_text, spread, statistics
from weft.machine import machine
from weft.replacing import replacing
from weft.training.memory import memory_limit
from weft.training.planning.plan import Plan, plan_model, plan_tokenizer
from weft.training.planning.timing import step_seconds
from weft.training.preparation import Source

COUNTED = 1 << 22  # bytes of a text that are tokenized to count its tokens; of more, an estimate
PIECES = 16
ENCODED_PER_SECOND = 2e7  # bytes; what tokenizing is taken to cost of the time


class Planner:
    """Plans one run. `train` and `model` are the options that were given; time counts from `begun`.

    Raises `ConfigError` for options that do not go together.
    """

    def __init__(
        self, train: Mapping[str, Any], model: Mapping[str, Any], minutes: float, begun: float
    ) -> None:
        self.train, self.model, self.begun = dict(train), dict(model), begun
        self.plan = Plan(minutes, machine={**machine(), "memory_bytes": memory_limit()})

    def tokens(self, source: Source) -> TrainConfig:
        """The configuration with its tokenizer chosen."""
        facts = None if source.corpus is None else statistics(source.corpus)
        plan_tokenizer(self.plan, facts, self.train)
        return from_dict(TrainConfig, {**self.plan.train, **self.train}, "train")

    def rest(self, source: Source, tokenizer: Any) -> tuple[TrainConfig, dict[str, Any]]:
        """The configuration of training, and the options of the model."""
        fraction = 1 - source.config.val_fraction
        if source.corpus is None:
            count, size = source.count(), 0
        else:
            count, size = count_tokens(source.corpus, tokenizer), source.corpus.size
        left = 60 * self.plan.minutes - (time.monotonic() - self.begun) - size / ENCODED_PER_SECOND
        given = {**self.train, **self.model}
        plan_model(
            self.plan, tokenizer.vocab_size, int(fraction * count), given, step_seconds, left
        )
        train = {**self.plan.train, **self.train}
        return from_dict(TrainConfig, train, "train"), {**self.plan.model, **self.model}

    def write(self, run: RunFolder) -> None:
        """plan.json, into the run folder."""
        with durable.one_line_errors("write the plan", run.path), replacing(run.plan_path) as new:
            new.write_text(self.plan.to_json(), encoding="utf-8")


def count_tokens(corpus: Corpus, tokenizer: Any) -> int:
    """Tokens of a text; of more than 4 MiB an estimate from pieces that are spread evenly."""
    end = end_of_text(corpus, tokenizer)
    if corpus.size <= COUNTED:
        return sum(len(ids) for ids in encode_documents(corpus.documents(), tokenizer, end))
    count, seen = 0, 0
    for passage in spread(corpus, COUNTED, PIECES):
        count += sum(len(ids) for ids in encode_documents([passage], tokenizer, end))
        seen += passage.size
    return round(count * corpus.size / max(seen, 1))
