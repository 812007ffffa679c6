"""The settings, their order, the draw, and agreement with transformers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logit_rows import rows

from weft.errors import ConfigError, NonFiniteError
from weft.random import Generator
from weft.sampling import Sampling, keep_top_k, probabilities, sample


def kept(logits):
    return np.isfinite(logits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-300, 1e-45, 1e-7])
def test_a_tiny_temperature_is_greedy_without_a_warning(dtype, temperature):
    logits = np.array([[1.0, 3.0, 2.0, -1e4]], dtype)
    assert sample(logits, Generator(0), Sampling(temperature=temperature))[0] == 1


def test_greedy_takes_the_lowest_of_equals_and_no_random_number():
    generator = Generator(3)
    before = generator.get_state()[0]
    assert sample(np.array([[1.0, 5.0, 5.0]]), generator, Sampling(temperature=0))[0] == 1
    assert before[2] == generator.get_state()[0][2]


class Fixed:
    """A source that gives one number again and again."""

    def __init__(self, value):
        self.value = value

    def uniform(self, shape):
        return np.full(shape, self.value, np.float32)


@given(rows, st.sampled_from([0.0, 0.5, 1 - 2.0**-24]), st.integers(1, 5))
def test_what_a_filter_removed_is_never_drawn(logits, u, k):
    filtered = keep_top_k(logits, k)
    ids = sample(filtered, Fixed(u), Sampling(temperature=1.0))
    assert kept(filtered)[np.arange(len(ids)), ids].all()


def test_the_same_seed_gives_the_same_tokens():
    logits = Generator(0).normal((50, 30))
    first, second = (sample(logits, Generator(9)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first != sample(logits, Generator(10))).any()


def processed(warpers, ours, previous, logits):
    """What transformers' processors make of the same logits, as probabilities."""
    torch = pytest.importorskip("torch")
    theirs, seen = torch.tensor(logits), torch.tensor([previous] * len(logits))
    for warper in warpers:
        theirs = warper(seen, theirs)
    np.testing.assert_allclose(
        probabilities(ours), torch.softmax(theirs.double(), -1).numpy(), atol=1e-6
    )


@pytest.mark.parametrize("typical_p", [1.0, 0.3, 0.8, 0.95])
def test_filters_agree_with_transformers_in_its_order(typical_p):
    theirs = pytest.importorskip("transformers.generation.logits_process")
    logits = Generator(5).normal((4, 300)) * 3
    previous = [1, 7, 7, 200]
    bias = {3: 4.0, 200: -2.0, 17: 0.5}
    banned = [[7, 200, 9], [200, 12], [1, 13], [40]]
    ours = Sampling(
        temperature=0.7, top_k=80, top_p=0.9, min_p=0.02, repetition_penalty=1.3,
        typical_p=typical_p, logit_bias=bias, banned=banned,
    ).filter(logits, previous)  # fmt: skip
    assert np.isinf(ours[:, [9, 12, 40]]).all()
    warpers = [
        theirs.SequenceBiasLogitsProcessor([[[i], b] for i, b in bias.items()]),
        theirs.RepetitionPenaltyLogitsProcessor(1.3),
        theirs.NoBadWordsLogitsProcessor(banned, eos_token_id=299),
        theirs.TemperatureLogitsWarper(0.7),
        theirs.TopKLogitsWarper(80),
        theirs.TopPLogitsWarper(0.9),
        theirs.MinPLogitsWarper(0.02),
        *([theirs.TypicalLogitsWarper(typical_p)] if typical_p < 1 else []),
    ]
    processed(warpers, ours, previous, logits)


def test_the_prompt_counts_for_repetition_and_not_for_frequency():
    logits = np.ones((1, 5), np.float32)
    penalised = Sampling(1.0, repetition_penalty=2.0).filter(logits, [0, 1, 2], 2)
    np.testing.assert_array_equal(penalised, [[0.5, 0.5, 0.5, 1, 1]])
    for name in ("frequency_penalty", "presence_penalty"):
        result = Sampling(1.0, **{name: 1.0}).filter(logits, [0, 1, 2], 2)
        np.testing.assert_array_equal(result, [[1, 1, 0, 1, 1]])


def test_a_constraint_comes_before_every_other_filter():
    logits = np.array([[9.0, 8.0, 2.0, 1.0]])
    allowed = np.array([False, False, True, True])
    filtered = Sampling(1.0, top_k=1).filter(logits, allowed=allowed)
    np.testing.assert_array_equal(np.isfinite(filtered), [[False, False, True, False]])
    assert sample(logits, Generator(0), Sampling(temperature=0), allowed=allowed) == [2]


def test_greedy_choice_minds_what_is_forbidden_and_penalised_but_not_the_cuts():
    logits = np.array([[5.0, 4.0, 3.0]])
    assert sample(logits, Generator(0), Sampling(0, banned=[[0]])) == [1]
    assert sample(logits, Generator(0), Sampling(0, logit_bias={2: 9.0})) == [2]
    assert [name for name, _ in Sampling(0, top_k=1, typical_p=0.1).steps] == []


def test_nothing_left_is_an_error():
    logits = np.zeros((1, 2))
    for options in ({"allowed": np.zeros(2, bool)}, {"sampling": Sampling(banned=[[0], [1]])}):
        with pytest.raises(ConfigError, match="no token is left to choose from"):
            sample(logits, Generator(0), **options)


@pytest.mark.parametrize(
    ("name", "values", "span"),
    [
        ("temperature", [-0.1, 101, math.nan, math.inf, "hot", True], "from 0 to 100"),
        ("top_k", [0, -1, 2.5, True, math.nan], "a whole number, from 1"),
        ("top_p", [0, -1, 1.01, math.nan], "above 0, to 1"),
        ("min_p", [-0.1, 1, math.nan], "from 0, below 1"),
        ("repetition_penalty", [0, -1, math.inf], "above 0, to 100"),
        ("typical_p", [0, -1, 1.01, math.nan], "above 0, to 1"),
        ("frequency_penalty", [-2.1, 3, math.nan], "from -2 to 2"),
        ("presence_penalty", [-2.1, 3, "much"], "from -2 to 2"),
    ],
)
def test_values_out_of_range_name_the_range(name, values, span):
    for value in values:
        with pytest.raises(ConfigError, match=f"{name} = .*; sampling; give {span}"):
            Sampling(**{name: value})


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0, 1.0])
def test_logits_that_are_not_finite_are_an_error(bad, temperature):
    with pytest.raises(NonFiniteError, match="not finite"):
        sample(np.array([[0.0, bad, 1.0]]), Generator(0), Sampling(temperature=temperature))


def test_a_row_without_any_possible_token_is_an_error():
    with pytest.raises(NonFiniteError):
        sample(np.full((1, 4), -np.inf), Generator(0))


def test_bfloat16_logits_and_wrong_shapes():
    from ml_dtypes import bfloat16

    assert sample(np.array([[0, 9, 0]], bfloat16), Generator(0), Sampling(temperature=0)) == [1]
    with pytest.raises(ValueError, match="shape"):
        sample(np.zeros(4), Generator(0))


@pytest.mark.parametrize(
    "bias", [{-1: 1}, {1.5: 1}, {True: 1}, {"a": 1}, [1], dict.fromkeys(range(2000), 1)]
)
def test_biases_of_what_are_not_ids(bias):
    with pytest.raises(ConfigError, match="logit_bias; sampling; give at most 1024 ids"):
        Sampling(logit_bias=bias)


@pytest.mark.parametrize("value", [101, math.nan, "x"])
def test_biases_that_are_too_large(value):
    with pytest.raises(ConfigError, match=r"logit_bias of id 3 = .*; give from -100 to 100"):
        Sampling(logit_bias={3: value})


@pytest.mark.parametrize("word", [[], [1, -1], [1.0], range(300)])
def test_banned_words_that_are_none(word):
    with pytest.raises(ConfigError, match=r"banned = .*give 1 to 256 ids"):
        Sampling(banned=[word])
    with pytest.raises(ConfigError, match="2000 banned words; sampling; give at most 1024"):
        Sampling(banned=[[1]] * 2000)
