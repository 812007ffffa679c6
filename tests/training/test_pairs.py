"""Training on pairs: batches, loss, resuming to the same bits, lines that are no pairs."""

from __future__ import annotations

import random

import numpy as np
import pytest

from weft.autograd import no_grad
from weft.config import EncoderDecoderConfig
from weft.data import Dataset
from weft.errors import ConfigError, DataError
from weft.models import EncoderDecoder
from weft.nn import functional as F
from weft.random import Generator
from weft.tokenizers import load_tokenizer
from weft.training import Progress, train
from weft.training.pairs import Pairs
from weft.training.step import gradients

TINY = {
    "model": "encoder-decoder", "n_layer": 1, "n_head": 2, "n_embd": 16, "block_size": 12,
    "batch_size": 4, "eval_interval": 5, "eval_batches": 3, "sample_tokens": 12, "steps": 20,
    "precision": "float32",
}  # fmt: skip


def words(count: int) -> list[tuple[str, str]]:
    """Words, and the same words backwards."""
    draw = random.Random(0)
    texts = ["".join(draw.choices("abcdé", k=draw.randint(1, 9))) for _ in range(count)]
    return [(text, text[::-1]) for text in texts]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in words(203)), encoding="utf-8")
    return path


class Seen(Progress):
    def __init__(self) -> None:
        self.samples: list[str] = []

    def evaluated(self, record, sample) -> None:
        self.samples.append(sample)


@pytest.fixture
def run(file, tmp_path):
    def go(name="run", resume=False, progress=None, **options):
        data = options.pop("data", None if resume else file)
        options = {**({} if resume else TINY), **options}
        progress = progress or Progress()
        return train(data, out=tmp_path / name, resume=resume, progress=progress, **options)

    return go


@pytest.fixture
def pairs(run, tmp_path):
    """The pairs of a run's data with a model of their own, for given sizes."""
    run(steps=1)
    tokenizer = load_tokenizer(tmp_path / "run/data/tokenizer.json")
    config = EncoderDecoderConfig(
        vocab_size=tokenizer.vocab_size, block_size=12, n_layer=1, n_head=2, n_embd=16
    )

    def make(rows=4, accumulate=1, block_size=12) -> Pairs:
        model = EncoderDecoder(config, Generator(0))
        dataset = Dataset.open(tmp_path / "run/data")
        return Pairs(model, tokenizer, dataset, 7, (rows, accumulate, block_size))

    return make


@pytest.mark.parametrize("options", [{}, {"dropout": 0.1, "accumulate": 2, "optimizer": "muon"}])
def test_resuming_gives_the_same_bits(run, same_bits, crash, options) -> None:
    run("whole", **options)
    with pytest.raises(crash[0]):
        run("cut", progress=crash[1](13), **options)
    run("cut", resume=True)
    same_bits("whole", "cut")


def test_the_text_is_cut_between_two_lines(pairs) -> None:
    found = pairs()
    decode = found.tokenizer.decode
    together = [
        tuple(decode(half.tolist()) for half in pair)
        for part in (found.train, found.val)
        for pair in part
    ]
    assert together == words(203)
    assert 10 < len(found.val) < 30


def test_loss_is_that_of_all_validation_targets(pairs) -> None:
    found = pairs(rows=4)
    total, count = 0.0, 0
    for source, target in found.val:  # one by one, by the logits
        tokens = np.array([[found.marks.begin, *target]], np.int64)
        targets = np.array([*target, found.marks.end], np.int64)
        with no_grad():
            state = found.model.encode(source[None].astype(np.int64))
            logits = found.model(tokens, state)[0]
            total += float(F.cross_entropy(logits, targets, reduction="sum").item())
        count += len(targets)
    result = found.evaluate()
    assert result.tokens == count == found.validation_tokens
    assert result.loss == pytest.approx(total / count, rel=1e-5)
    assert 0 < found.evaluate(max_batches=2).tokens < count
    assert found.model.training


def test_micro_batches_are_the_whole_batch(pairs) -> None:
    one, cut = pairs(rows=12), pairs(rows=4, accumulate=3)
    losses = [gradients(p.model, p.batches(5)) for p in (one, cut)]
    assert len(cut.batches(5)) == 3
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for a, b in zip(one.model.parameters(), cut.model.parameters(), strict=True):
        np.testing.assert_allclose(a.grad.array, b.grad.array, atol=1e-5)
    assert one.step_tokens == cut.step_tokens > 12


def test_a_sample_shows_what_is_wrong(run, pairs) -> None:
    seen = Seen()
    run("seen", progress=seen)
    lines = seen.samples[-1].splitlines()
    known = dict(words(203))
    assert len(lines) == 4
    for line in lines:
        source, _, rest = line.partition(" -> ")
        written, _, right = rest.removesuffix(")").partition("   (not ")
        assert known[source] == (right or written) and len(written) <= 12


def test_it_learns(run) -> None:
    assert run(steps=150, learning_rate=1e-2).val_loss < 0.8 * np.log(7)


def test_other_lines_are_refused(run, tmp_path) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text("a\tb\n" * 40 + "ab\n" + "a\tb\n" * 40)
    with pytest.raises(DataError, match=r"line 41 has no tabs; .*bad\.tsv; write source<TAB>"):
        run("bad", data=path)
    with pytest.raises(DataError, match="longest of the training pairs has 10 tokens"):
        run("long", block_size=9)
    path.write_text("no tab at all, and lines\n" * 40)
    with pytest.raises(ConfigError, match="no single token for a tab"):
        run("none", data=path)
