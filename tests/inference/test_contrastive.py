"""Contrastive search against the formula, computed for every token from scratch."""

import numpy as np
import pytest
from tiny_model import tiny

from weft.autograd import no_grad
from weft.sampling import probabilities


def from_scratch(loaded, ids, count, k, alpha):
    ids = list(ids)
    model, start = loaded.model, len(ids)
    with no_grad():
        for _ in range(count):
            hidden = np.asarray(model.hidden(np.array([ids])).array)[0]
            probs = probabilities(np.asarray(model(np.array([ids])).array)[0, -1:])[0]
            scores = {}
            for v in np.argsort(-probs, kind="stable")[:k]:
                h = np.asarray(model.hidden(np.array([[*ids, v]])).array)[0, -1]
                norms = np.linalg.norm(hidden, axis=1) * np.linalg.norm(h)
                scores[int(v)] = (1 - alpha) * probs[v] - alpha * (hidden @ h / norms).max()
            ids.append(max(scores, key=scores.get))
    return ids[start:]


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
@pytest.mark.parametrize(("k", "alpha"), [(4, 0.6), (2, 0.2), (7, 1.0)])
def test_every_token_has_the_largest_score(arch, k, alpha):
    loaded = tiny(arch)
    ids = loaded.encode_prompt("abc")
    stream = loaded.stream("abc", top_k=k, contrastive_alpha=alpha, max_tokens=10)
    assert "".join(stream) == loaded.tokenizer.decode(from_scratch(loaded, ids, 10, k, alpha))
    assert stream.finish_reason == "length"


def test_it_repeats_itself_less_than_greedy():
    loaded = tiny(block_size=64, seed=4)
    greedy = loaded.generate("abc", temperature=0, max_tokens=50)
    contrastive = loaded.generate("abc", contrastive_alpha=0.6, max_tokens=50)
    pairs = [len({text[i : i + 2] for i in range(49)}) for text in (greedy, contrastive)]
    assert pairs[1] > pairs[0]


def test_the_context_ends_the_text_and_bans_hold(loaded):
    stream = loaded.stream("abc", contrastive_alpha=0.5, max_tokens=100, banned_words=["e"])
    text = "".join(stream)
    assert stream.finish_reason == "context" and len(text) == 13 and "e" not in text
