"""Plans with a made-up machine: what fits, what was given, what is said of it."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.config import ModelConfig, TrainConfig
from weft.data import open_corpus, statistics
from weft.errors import ConfigError
from weft.training.planning import Plan, plan_model, plan_tokenizer, rules
from weft.training.work import flop_per_token

RATE = 3e11  # FLOP/s of the machine that is made up


def timer(config, train):
    return 1e-3 + train.batch_size * config.block_size * flop_per_token(config) / RATE


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("A line of the text, and one more.\n" * 3000)
    return statistics(open_corpus(path))


def planned(facts, minutes, tokens=65, train_tokens=1_000_000, limit=1 << 34, **options):
    plan = Plan(minutes)
    plan_tokenizer(plan, facts, options)
    plan_model(plan, tokens, train_tokens, options, timer, 60 * minutes, limit)
    return plan


def value(plan, name):
    return next(choice.value for choice in plan.choices if choice.name == name)


def test_every_choice_has_a_reason_and_is_an_option(facts):
    plan = planned(facts, 1.0)
    known = {f.name for config in (TrainConfig, ModelConfig) for f in dataclasses.fields(config)}
    for choice in plan.choices:
        assert choice.name in known and choice.reason and not choice.given
    assert json.loads(plan.to_json())["choices"][0]["name"] == "tokenizer"
    TrainConfig(data="a", out="b", **plan.train)
    ModelConfig(vocab_size=65, **plan.model)


def test_more_time_makes_larger_models_that_get_more_steps(facts):
    plans = [planned(facts, minutes) for minutes in (0.1, 1, 5, 20, 120)]
    sizes = [plan.weights for plan in plans]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    for plan in plans:
        assert plan.steps * plan.step_seconds <= 60 * plan.minutes
    for plan in plans[1:-1]:  # the ladder has sizes on both sides of the best one
        assert abs(rules.size_error(plan.tokens, plan.weights)) < math.log(1.6)


def test_a_size_that_is_slower_than_it_should_be_is_passed_over(facts):
    """A hump in the machine's speed does not end the search for the best size."""

    def humped(config, train):
        return timer(config, train) * (3 if (config.n_embd, config.n_layer) == (128, 3) else 1)

    plan = Plan(60.0)
    plan_tokenizer(plan, facts, {})
    plan_model(plan, 4096, 10**7, {}, humped, 3600, 1 << 34)
    assert value(plan, "n_embd") > 128


def test_a_machine_without_memory_gets_a_smaller_model(facts):
    large = planned(facts, 600)
    small = planned(facts, 600, limit=large.memory_bytes)
    assert small.weights < large.weights and small.memory_bytes < large.memory_bytes


WIDTHS = {16: 1, 48: 1, 80: 1, 96: 3, 128: 2, 640: 10}


@settings(max_examples=30, deadline=None)
@given(
    width=st.sampled_from(sorted(WIDTHS)),
    layers=st.integers(1, 4),
    rows=st.integers(1, 64),
    arch=st.sampled_from(["gpt2", "llama", "qwen3"]),
    minutes=st.sampled_from([0.05, 1.0, 30.0]),
    dropout=st.sampled_from([0.0, 0.5]),
)
def test_what_is_given_stays(facts, width, layers, rows, arch, minutes, dropout):
    options = {"n_embd": width, "n_layer": layers, "batch_size": rows, "arch": arch}
    options["dropout"] = dropout
    plan = planned(facts, minutes, **options)
    for name, wanted in options.items():
        assert value(plan, name) == wanted
        assert next(c.given for c in plan.choices if c.name == name)
        assert name not in plan.train and name not in plan.model
    ModelConfig(vocab_size=65, **{**plan.model, "n_embd": width, "n_layer": layers, "arch": arch})


def test_heads_divide_a_width_that_was_given(facts):
    for width in WIDTHS:
        heads = value(planned(facts, 1.0, n_embd=width), "n_head")
        assert width % heads == 0 and (width // heads) % 2 == 0


def test_a_text_that_is_read_often_gets_dropout(facts):
    assert value(planned(facts, 1.0, train_tokens=10**8), "dropout") == 0
    assert value(planned(facts, 1.0, train_tokens=10**6), "dropout") == 0
    assert value(planned(facts, 1.0, train_tokens=10**4), "dropout") >= 0.2


def test_a_tiny_text_has_a_window_that_fits(facts):
    plan = planned(facts, 10.0, train_tokens=900)
    assert value(plan, "block_size") < 100


def test_a_tiny_text_is_read_so_often_and_not_more(facts):
    short, long = (planned(facts, minutes, train_tokens=9_000) for minutes in (0.5, 10.0))
    assert value(short, "epochs") == value(long, "epochs") == rules.MOST_PASSES
    assert short.steps == long.steps and short.weights == long.weights < 200_000
    assert short.tokens == pytest.approx(rules.MOST_PASSES * 9_000, rel=0.02)
    wanted = planned(facts, 10.0, train_tokens=9_000, epochs=400.0)
    assert wanted.epochs == pytest.approx(400, rel=0.01) and wanted.weights > long.weights
    assert "epochs" not in planned(facts, 1.0, train_tokens=10**6).train


def test_the_tokenizer_follows_the_text(facts):
    assert value(planned(facts, 5.0), "tokenizer") == "char"
    book = dataclasses.replace(facts, bytes=10**6, characters=10**6)
    assert value(planned(book, 0.1), "tokenizer") == "bpe"  # read half by characters
    assert value(planned(book, 5.0), "tokenizer") == "char"
    tiny = dataclasses.replace(facts, bytes=10_000, characters=10_000)
    assert value(planned(tiny, 0.05), "tokenizer") == "char"
    long = dataclasses.replace(facts, bytes=10**8, characters=10**8)
    plan = planned(long, 1.0)
    assert value(plan, "tokenizer") == "bpe" and 512 <= value(plan, "vocab_size") <= 16384
    chinese = dataclasses.replace(facts, distinct_characters=3000)
    assert value(planned(chinese, 1.0), "tokenizer") == "bpe"
    assert value(planned(facts, 1.0, vocab_size=300), "tokenizer") == "bpe"


def test_options_that_do_not_go_together_are_refused(facts):
    with pytest.raises(ConfigError, match="not divisible"):
        planned(facts, 1.0, n_embd=100, n_head=3)
