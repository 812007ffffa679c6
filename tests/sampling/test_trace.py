"""The trace tells what the filters really did."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from logit_rows import rows

from weft.sampling import Sampling, explain, probabilities

EVERYTHING = Sampling(
    temperature=0.7, top_k=8, top_p=0.9, min_p=0.05, repetition_penalty=1.2, typical_p=0.9,
    frequency_penalty=0.5, presence_penalty=0.5, logit_bias={0: 2.0}, banned=[[0]],
)  # fmt: skip
NAMES = [
    "model", "constraint", "logit_bias", "repetition_penalty", "frequency_penalty",
    "presence_penalty", "banned", "temperature", "top_k", "top_p", "min_p", "typical_p",
]  # fmt: skip


@given(rows, st.data())
def test_the_last_stage_is_the_distribution_that_is_drawn_from(logits, data):
    logits = logits[0]
    V = len(logits)
    if V < 3:
        return
    previous = data.draw(st.lists(st.integers(0, V - 1), max_size=5))
    allowed = np.arange(V) != 1
    stages = explain(logits, EVERYTHING, previous, 1, allowed)
    assert [stage.name for stage in stages] == NAMES
    final = EVERYTHING.filter(logits[None], previous, 1, allowed)
    assert stages[-1].left == np.isfinite(final).sum()
    probs = probabilities(final)[0]
    for i, p in stages[-1].left_likeliest:
        assert abs(probs[i] - p) < 1e-12
    left = V
    for stage in stages:
        left -= stage.removed
        assert stage.left == left
        assert len(stage.removed_likeliest) == min(5, stage.removed)


def test_what_was_removed_is_named_with_its_probability_before():
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    model, cut = explain(logits, Sampling(1.0, top_k=2), most=3)
    assert (model.name, model.removed, model.left) == ("model", 0, 4)
    np.testing.assert_allclose([p for _, p in model.left_likeliest], [0.5, 0.3, 0.15])
    assert (cut.name, cut.removed, cut.left) == ("top_k", 2, 2)
    assert [i for i, _ in cut.removed_likeliest] == [2, 3]
    np.testing.assert_allclose([p for _, p in cut.removed_likeliest], [0.15, 0.05])
    np.testing.assert_allclose([p for _, p in cut.left_likeliest], [0.625, 0.375])
