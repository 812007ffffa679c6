"""What an encoder-decoder writes: one text for a source, whatever it is computed with."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tiny_pairs import tiny_pairs

from weft.autograd import no_grad
from weft.data import marks_of
from weft.errors import ConfigError, DataError
from weft.inference.pairs import evaluate_pairs
from weft.sampling import log_probabilities

SOURCES = ["abc", "e", "a b c d e", "dd", "ea ec", "bb", "c", "eded"]


@pytest.fixture(scope="module")
def loaded():
    return tiny_pairs()


@pytest.fixture(scope="module")
def written(loaded) -> list[str]:
    texts = [loaded.generate(source, temperature=0, max_tokens=10) for source in SOURCES]
    assert len(set(texts)) > 2 and min(map(len, texts)) < 10  # they differ, and some have ended
    return texts


def log_probability(loaded, source: str, target: str, ended: bool = True) -> float:
    """Of a target with its end, from the logits of the whole at once."""
    marks, ids = marks_of(loaded.tokenizer), loaded.tokenizer.encode(target)
    with no_grad():
        state = loaded.model.encode(np.array([loaded.tokenizer.encode(source)]))
        targets = [*ids, marks.end] if ended else ids
        logits = loaded.model(np.array([[marks.begin, *targets[:-1]]]), state).array[0]
    return float(log_probabilities(logits)[range(len(targets)), targets].sum())


def test_many_sources_at_once_are_each_alone(loaded, written) -> None:
    assert loaded.generate_batch(SOURCES, temperature=0, max_tokens=10) == written
    drawn = loaded.generate_batch(SOURCES, seed=5, max_tokens=10)
    alone = [loaded.generate(s, seed=5 + i, max_tokens=10) for i, s in enumerate(SOURCES)]
    assert drawn == alone != written


def test_a_wide_beam_finds_the_best(loaded) -> None:
    options = {"max_tokens": 3, "length_penalty": 0.0}
    letters = "\t abcde"
    every = ["".join(t) for n in range(4) for t in itertools.product(letters, repeat=n)]
    for source in SOURCES[:1]:  # all texts of up to three tokens, ended or cut at the third
        scores = {t: log_probability(loaded, source, t, ended=len(t) < 3) for t in every}
        best = max(scores, key=scores.__getitem__)
        assert loaded.generate(source, beams=64, early_stopping="never", **options) == best


def test_log_probabilities_are_those_of_the_model(loaded, written) -> None:
    for source, text in zip(SOURCES, written, strict=True):
        stream = loaded.stream(source, temperature=0, max_tokens=10, logprobs=0)
        assert "".join(stream) == text
        ended = stream.finish_reason == "end"
        total = stream.source.total_logprob
        assert total == pytest.approx(log_probability(loaded, source, text, ended), abs=1e-3)


def test_a_target_ends_at_the_end_of_the_context(loaded) -> None:
    endless = loaded.stream("abc", banned_words=["\n"], max_tokens=50)
    assert len("".join(endless)) == 10 and endless.finish_reason == "context"
    assert not endless.slid


@pytest.mark.parametrize("prompt", ["", "\n", "a\tb", "a\nb", "\t"])
def test_a_prompt_that_is_no_source(loaded, prompt: str) -> None:
    with pytest.raises(ConfigError, match="not one line of text"):
        loaded.generate(prompt)


def test_the_end_of_the_line_may_be_there(loaded, written) -> None:
    assert loaded.generate("abc\n", temperature=0, max_tokens=10) == written[0]


@pytest.mark.parametrize(
    "options", [{"prompt_lookup": 2}, {"contrastive_alpha": 0.5, "top_k": 4}, {"prompt_cache": "x"}]
)
def test_what_it_cannot_do_is_refused(loaded, options) -> None:
    with pytest.raises(ConfigError, match="has no"):
        loaded.generate("abc", **options)
    with pytest.raises(ConfigError, match="12 tokens, and the model's context is 10"):
        loaded.generate("a" * 12)


def test_scores_of_pairs(loaded, written) -> None:
    ended = [len(text) < 10 for text in written]
    text = "".join(f"{s}\t{t}\n" for s, t in zip(SOURCES, written, strict=True) if len(t) < 10)
    wrong = "abc\tbaaac\n"
    seen = []
    score = evaluate_pairs(loaded, [text, wrong], progress=lambda *done: seen.append(done))
    assert (score.pairs, score.right) == (sum(ended) + 1, sum(ended))
    assert score.exact == sum(ended) / (sum(ended) + 1)
    pairs = [line.split("\t") for line in (text + wrong).splitlines()]
    assert score.tokens == sum(len(target) + 1 for _, target in pairs)
    logs = [log_probability(loaded, source, target) for source, target in pairs]
    assert score.loss == pytest.approx(-sum(logs) / score.tokens, rel=1e-4)
    assert score.perplexity == pytest.approx(np.exp(score.loss))
    assert seen == [(score.pairs, score.pairs)]


def test_lines_that_cannot_be_scored(loaded) -> None:
    with pytest.raises(DataError, match="no pairs; x"):
        evaluate_pairs(loaded, [], "x")
    with pytest.raises(DataError, match="line 1 has no tabs; x"):
        evaluate_pairs(loaded, ["ab\n"], "x")
    with pytest.raises(DataError, match=r"longest pair has 11 tokens, .* context is 10; x"):
        evaluate_pairs(loaded, ["a\tbbbbbbbbbb\n"], "x")
