"""The n-gram model: exact counts, distributions that sum to one, the same as a slow definition."""

from __future__ import annotations

import math
import os
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.ngram_by_dictionary import DictionaryModel

from weft.config import NGramConfig
from weft.models.ngram import NGram
from weft.random import Generator
from weft.sampling import Sampling, sample
from weft.tokenizers import CharacterTokenizer

SMOOTHINGS = ("kneser-ney", "backoff", "add-k", "none")
# Probabilities are kept in float32 and multiplied once for each order, at most four here: each step
# rounds by 2^-24 of a value below 1, and so does the logarithm's argument.
ROUNDING = 10 * 2.0**-24


@st.composite
def cases(draw):
    """A vocabulary, a text, a configuration and some tokens to predict."""
    V = draw(st.integers(1, 5))
    config = NGramConfig(
        vocab_size=V,
        order=draw(st.integers(1, 4)),
        smoothing=draw(st.sampled_from(SMOOTHINGS)),
        add_k=draw(st.sampled_from([0.01, 1.0])),
        discount=draw(st.sampled_from([None, 0.4, 0.9])),
        unseen=draw(st.sampled_from(["shorter", "zero"])),
    )
    text = draw(st.lists(st.integers(0, V - 1), max_size=60))
    asked = draw(st.lists(st.integers(0, V - 1), min_size=1, max_size=12))
    return np.array(text, np.int64), config, np.array([asked])


@given(cases())
@settings(max_examples=80, deadline=None)
def test_every_probability_is_the_one_of_the_slow_definition(case):
    text, config, asked = case
    model, slow = NGram.count(text, config), DictionaryModel(text.tolist(), config)
    found = np.exp(model(asked).array[0].astype(np.float64))
    for t in range(asked.shape[1]):
        h = asked[0, : t + 1].tolist()
        expected = [slow.probability(w, h) for w in range(config.vocab_size)]
        np.testing.assert_allclose(found[t], expected, rtol=1e-5, atol=ROUNDING)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_every_distribution_sums_to_one(case):
    text, config, asked = case
    sums = np.exp(NGram.count(text, config)(asked).array.astype(np.float64)).sum(-1)
    if config.smoothing == "none" and config.unseen == "zero":
        sums = sums[sums != 0]  # a context that was never seen has no distribution
    np.testing.assert_allclose(sums, 1, atol=ROUNDING)


@given(cases(), st.integers(0, 12))
@settings(max_examples=80, deadline=None)
def test_the_loss_is_that_of_the_distributions_and_a_state_carries_the_context(case, cut):
    text, config, asked = case
    model = NGram.count(text, config)
    x, y = asked[:, :-1], asked[:, 1:].copy()
    y[:, ::4] = -100
    logs = model(x).array
    chosen = np.take_along_axis(logs, np.where(y == -100, 0, y)[..., None], -1)[..., 0]
    expected = -chosen[y != -100].sum(dtype=np.float64)
    np.testing.assert_allclose(model.loss(x, y, 1).item(), expected, rtol=1e-5, atol=1e-5)
    cut, state = min(cut, x.shape[1]), model.start(1)
    parts = [model(x[:, :cut], state).array, model(x[:, cut:], state).array]
    np.testing.assert_array_equal(np.concatenate(parts, 1), logs)
    assert state.position == x.shape[1] and not state.full
    assert state.context.shape[1] == min(config.order - 1, x.shape[1])


@given(cases())
@settings(max_examples=50, deadline=None)
def test_counts_are_exact_and_go_through_a_state_dict(case):
    text, config, _ = case
    model = NGram.count(text, config)
    slow = DictionaryModel(text.tolist(), config)
    again = NGram(config)
    again.load_state_dict(model.state_dict())
    for k, (tokens, counts) in enumerate(
        zip(again.trie.tokens, again.trie.all_counts, strict=True)
    ):
        assert len(tokens) == len(slow.count[k + 1]) == model.sizes[k]
        assert sorted(counts) == sorted(slow.count[k + 1].values())
    for k in range(config.order):
        for context in slow.count[k]:
            tokens, counts = again.continuations(np.array(context, np.int64))
            found = {
                (*context, w): c for w, c in zip(tokens.tolist(), counts.tolist(), strict=True)
            }
            assert found == {g: c for g, c in slow.count[k + 1].items() if g[:-1] == context}


COWS = """the cows eat grass ... our cows eat hay daily ... factory-farm cows eat corn ...
on an organic farm, cows eat hay and ... do your cows eat grass or corn? ...
what do cows eat if they have ... cows eat corn when there is no ...
which cows eat which foods depends ... if cows eat grass ... when cows eat corn their stomachs ...
should we let cows eat corn ?"""


def test_what_cows_eat():
    """The lecture's eleven fragments, counted: SEEDS.md, section 3."""
    words = COWS.split()
    vocabulary = sorted(set(words))
    ids = np.array([vocabulary.index(word) for word in words])
    config = NGramConfig(vocab_size=len(vocabulary), order=3, smoothing="none")
    model = NGram.count(ids, config)
    context = [vocabulary.index("cows"), vocabulary.index("eat")]
    tokens, counts = model.continuations(context)
    whole = int(counts.sum())
    pairs = zip(tokens, counts, strict=True)
    shares = {vocabulary[i]: Fraction(int(count), whole) for i, count in pairs}
    assert shares == {
        "corn": Fraction(4, 11),
        "grass": Fraction(3, 11),
        "hay": Fraction(2, 11),
        "if": Fraction(1, 11),
        "which": Fraction(1, 11),
    }
    row = np.exp(model(np.array([context])).array[0, -1])
    assert row[vocabulary.index("corn")] == np.float32(np.exp(np.log(np.float32(4 / 11))))
    assert row[vocabulary.index("the")] == 0


@given(cases())
@settings(max_examples=50, deadline=None)
def test_what_is_smoothed_is_never_impossible(case):
    text, config, asked = case
    if config.smoothing != "none":
        assert np.isfinite(NGram.count(text, config)(asked).array).all()


def test_the_last_token_of_a_text_has_no_children():
    """Nor those of the node before it, where the search for one would end up."""
    model = NGram.count(np.array([0, 1]), NGramConfig(vocab_size=2, order=2, smoothing="none"))
    assert model.loss(np.array([[1]]), np.array([[1]])).item() == pytest.approx(math.log(2))


def test_nothing_is_known_before_counting():
    model = NGram(NGramConfig(vocab_size=7, order=3))
    np.testing.assert_allclose(model(np.array([[1, 2]])).array, -math.log(7), rtol=1e-6)
    assert model.sizes == [0, 0, 0]


def test_tokens_outside_the_vocabulary_are_refused():
    config = NGramConfig(vocab_size=3, order=2)
    model = NGram.count(np.array([0, 1, 2, 1]), config)
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match="out of range"):
            model(np.array([[wrong]]))
        with pytest.raises(IndexError, match="out of range"):
            model.loss(np.array([[0]]), np.array([[wrong]]))
        with pytest.raises(ValueError, match="outside the vocabulary"):
            NGram.count(np.array([0, wrong]), config)
    with pytest.raises(ValueError, match="2 rows for a state of 1"):
        model(np.zeros((2, 1), np.int64), model.start(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens_1": np.array([0, 2], np.uint8)}, "fanout_1|children"),
        ({"tokens_2": np.array([9, 9, 9, 9], np.uint8)}, "vocabulary"),
        ({"fanout_1": np.array([4, 0, 0], np.uint8)}, "not sorted|end does not"),
        ({"counts": np.array([0, 1, 1, 1], np.uint8)}, "0 times"),
        ({"counts": np.array([255, 1, 1, 1], np.uint8)}, "fit"),
        ({"tail": np.array([7], np.uint32)}, "tail"),
        ({"tail": np.array([256], np.uint32)}, "tail"),  # 0 in 8 bits
        ({"tail": np.array([7, 1], np.uint32)}, "tail"),
        ({"counts": np.array([1.0, 1, 1, 1])}, "unsigned"),
        ({"other": np.array([1], np.uint8)}, "other"),
    ],
)
def test_damaged_arrays_are_refused(change, message):
    model = NGram.count(np.array([0, 1, 2, 1, 0]), NGramConfig(vocab_size=3, order=2))
    arrays = {name: tensor.array for name, tensor in model.state_dict().items()}
    NGram(model.config).load_state_dict(arrays)
    with pytest.raises(RuntimeError, match=message):
        NGram(model.config).load_state_dict({**arrays, **change})


@given(cases(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_changed_array_is_refused_or_is_a_model(case, data):
    """Never an index out of range, and never a probability that is none."""
    text, config, asked = case
    arrays = {k: t.array.copy() for k, t in NGram.count(text, config).state_dict().items()}
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from([k for k, array in arrays.items() if array.size] or ["x"]))
        if name == "x":
            return
        array = arrays[name]
        at, largest = data.draw(st.integers(0, array.size - 1)), np.iinfo(array.dtype).max
        if data.draw(st.booleans()):
            array[at] = data.draw(st.sampled_from([0, 1, 2, 254, 255, largest])) % (largest + 1)
        else:
            arrays[name] = np.delete(array, at) if data.draw(st.booleans()) else np.repeat(array, 2)
    model = NGram(config)
    try:
        model.load_state_dict(arrays)
    except RuntimeError:
        assert model.sizes == [0] * config.order  # untouched
        return
    found = np.exp(model(asked).array)
    assert ((found >= 0) & (found <= 1 + ROUNDING)).all()


@pytest.fixture(scope="module")
def shakespeare():
    folder = Path(os.environ.get("WEFT_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = folder / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip(f"tinyshakespeare.txt is not in {folder}; set WEFT_DATA")
    text = path.read_text(encoding="utf-8")
    return CharacterTokenizer.train([text]), text


def test_five_grams_of_shakespeare(shakespeare):
    """SEEDS.md, section 3: text is sampled from a 5-gram model, and looks like the author's."""
    tokenizer, text = shakespeare
    ids = np.array(tokenizer.encode(text))
    config = NGramConfig(vocab_size=tokenizer.vocab_size, order=5, smoothing="none")
    model = NGram.count(ids, config)
    assert model.sizes[0] == 65 and model.sizes == sorted(model.sizes)
    generator, state = Generator(1), model.start(1)
    written = tokenizer.encode("\nKING ")
    logits = model(np.array([written]), state).array[:, -1]
    for _ in range(300):
        written.append(int(sample(logits, generator, Sampling(temperature=1.0))[0]))
        logits = model(np.array([written[-1:]]), state).array[:, -1]
    spoken = tokenizer.decode(written)
    assert all(spoken[i : i + 5] in text for i in range(len(spoken) - 4))
    known = set(re.findall(r"[A-Za-z]+", text))
    words = re.findall(r"[A-Za-z]+", spoken)
    assert sum(word in known for word in words) > 0.7 * len(words)


@pytest.mark.parametrize(
    ("smoothing", "order", "bits"),
    [("kneser-ney", 2, 3.5830), ("kneser-ney", 5, 2.2523), ("backoff", 5, 2.4275)],
)
def test_bits_per_character_of_the_last_tenth(shakespeare, smoothing, order, bits):
    """Counts are whole numbers, so that the figures are the same to a few parts in 2^24."""
    tokenizer, text = shakespeare
    ids = np.array(tokenizer.encode(text))
    cut = len(ids) * 9 // 10
    config = NGramConfig(vocab_size=tokenizer.vocab_size, order=order, smoothing=smoothing)
    model = NGram.count(ids[:cut], config)
    loss = model.loss(ids[None, cut:-1], ids[None, cut + 1 :]).item()
    assert loss / math.log(2) == pytest.approx(bits, abs=6e-5)
