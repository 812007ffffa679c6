"""What can be asked of a text, what cannot be asked together, and what comes with the text."""

import numpy as np
import pytest
from tiny_model import tiny

from weft.errors import ConfigError
from weft.inference.options import read_options, spell
from weft.sampling import log_probabilities


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temprature": 1}, "unknown option 'temprature'; generate; did you mean temperature"),
        ({"logprobs": -1}, "logprobs = -1; generate; give 0 to 100"),
        ({"beams": 0}, "beams = 0; generate; give 1 to 256"),
        ({"prompt_lookup": 65}, "prompt_lookup = 65; generate; give 0 to 64"),
        ({"prompt_lookup": 2, "guesses": 0}, "guesses = 0; generate; give 1 to 64"),
        ({"guesses": 2}, "guesses without draft or prompt_lookup"),
        ({"contrastive_alpha": 1.1}, "contrastive_alpha = 1.1; generate; give 0 to 1"),
        ({"beams": 2, "length_penalty": 11.0}, "length_penalty = 11.0; generate; give -10 to 10"),
        ({"length_penalty": 1.0}, "length_penalty without beams; generate; give beams from 2"),
        ({"early_stopping": "yes"}, "early_stopping without beams"),
        ({"beams": 2, "prompt_lookup": 1}, "beams and prompt_lookup; generate; choose one"),
        ({"beams": 2, "contrastive_alpha": 0.5}, "beams and contrastive_alpha; generate; choose"),
        ({"beams": 2, "trace": True}, "trace with beams; generate; leave one of them out"),
        ({"contrastive_alpha": 0.5, "logprobs": 0}, "logprobs with contrastive_alpha; generate"),
        ({"beams": 2, "top_k": 5}, "top_k with beams, which draws nothing; generate; leave"),
        ({"beams": 2, "temperature": 1.0}, "temperature with beams, which draws nothing"),
        ({"contrastive_alpha": 0.5, "top_p": 0.9}, "top_p with contrastive_alpha, which draws"),
        ({"banned_words": [""]}, "give texts, none of them empty"),
        ({"logit_bias": {99: 1.0}}, "logit_bias has the id 99; sampling; give 0 to 27"),
        ({"banned": [[99]]}, "banned has the id 99; sampling; give 0 to 27"),
    ],
)
def test_what_cannot_be_asked(loaded, options, message):
    with pytest.raises(ConfigError, match=message):
        loaded.generate("a", max_tokens=3, **options)


def test_a_draft_and_a_lookup_are_two_ways(loaded):
    with pytest.raises(ConfigError, match="draft and prompt_lookup; generate; choose one"):
        loaded.generate("a", draft=tiny(), prompt_lookup=2)


def test_both_kinds_of_options_are_told_apart(loaded):
    text, sampling = read_options({"beams": 2, "temperature": 0, "banned": [[1]],
                                   "banned_words": "b"}, loaded.tokenizer)  # fmt: skip
    assert text.beams == 2 and sampling.temperature == 0
    b, space = loaded.tokenizer.encode("b "), loaded.tokenizer.encode(" ")
    assert [list(word) for word in sampling.banned] == [[1], b[:1], [*space, b[0]]]


def test_a_word_that_cannot_be_written_needs_no_ban(loaded):
    assert spell(["é"], loaded.tokenizer) == []


def test_banned_words_are_not_written(loaded):
    for seed in range(3):
        text = loaded.generate("once", seed=seed, max_tokens=30, temperature=1.5)
        word = text[4:6]
        banned = loaded.generate(
            "once", seed=seed, max_tokens=30, temperature=1.5, banned_words=[word]
        )
        assert word in text and word not in banned
        assert banned[:5] == text[:5] or word in text[:5]


def test_log_probabilities_are_the_models_own(loaded):
    stream = loaded.stream("once", max_tokens=12, logprobs=3, temperature=0.3, top_k=2, seed=5)
    text = "".join(stream)
    ids = loaded.encode_prompt("once") + loaded.encode_prompt(text)
    assert [score.token for score in stream.scores] == ids[4:] == stream.ids
    rows = loaded.decoder.read_all([loaded.decoder.start()], [ids[:-1]])[0][3:]
    for score, row in zip(stream.scores, log_probabilities(rows), strict=True):
        assert score.logprob == pytest.approx(row[score.token], abs=1e-4)
        assert [i for i, _ in score.top] == np.argsort(-row)[:3].tolist()
        np.testing.assert_allclose([p for _, p in score.top], np.sort(row)[:-4:-1], atol=1e-4)
    mean = np.mean([score.logprob for score in stream.scores])
    assert stream.mean_logprob == pytest.approx(mean)
    assert loaded.stream("once").scores == []


def test_a_trace_has_the_stages_of_every_token_and_changes_nothing(loaded):
    options = {"max_tokens": 9, "top_k": 4, "min_p": 0.1, "seed": 2}
    stream = loaded.stream("once", trace=True, **options)
    assert "".join(stream) == loaded.generate("once", **options)
    assert len(stream.stages) == 9
    for token, stages in zip(stream.ids, stream.stages, strict=True):
        assert [s.name for s in stages] == ["model", "temperature", "top_k", "min_p"]
        assert stages[2].left == 4 and token in dict(stages[-1].left_likeliest)


def test_the_best_of_many_is_the_one_with_the_largest_mean_log_probability(loaded):
    options = {"max_tokens": 8, "temperature": 1.5}
    texts = loaded.generate("once", samples=6, best_of=6, seed=3, **options)
    assert loaded.generate("once", best_of=6, seed=3, **options) == texts[0]
    assert sorted(texts) == sorted(loaded.generate("once", samples=6, seed=3, **options))

    def mean(text):
        ids = loaded.encode_prompt("once") + loaded.encode_prompt(text)
        rows = loaded.decoder.read_all([loaded.decoder.start()], [ids[:-1]])[0][3:]
        return log_probabilities(rows)[np.arange(8), ids[4:]].mean()

    means = [mean(text) for text in texts]
    assert means == sorted(means, reverse=True) and means[0] > means[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples = 0; generate; give 1 or more"),
        ({"best_of": 0}, "best_of = 0; generate; give samples = 1 or more"),
        ({"samples": 3, "best_of": 2}, "best_of = 2; generate; give samples = 3 or more"),
        ({"best_of": 2, "temperature": 0}, "best_of with temperature 0, which gives one text"),
        ({"samples": 2, "beams": 2}, "samples with beams, which gives one text"),
        ({"best_of": 2, "contrastive_alpha": 0.5}, "best_of with contrastive_alpha, which gives"),
    ],
)
def test_numbers_of_texts_that_make_no_sense(loaded, options, message):
    with pytest.raises(ConfigError, match=message):
        loaded.generate("a", max_tokens=3, **options)
