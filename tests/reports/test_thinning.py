"""Thinning keeps what a curve must show, in bounded memory, whatever the log."""

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.reports.thinning import Thinning

value = st.one_of(st.none(), st.integers(0, 50))
logs = st.lists(st.tuples(value, value, value), min_size=1, max_size=60)


def thinned(log, **bounds):
    thinning = Thinning(**bounds)
    names = ("train_loss", "grad_norm", "val_loss")
    numbered = [
        {"step": step, **dict(zip(names, line, strict=True))} for step, line in enumerate(log, 1)
    ]
    for line in numbered:
        thinning.add(line)
    return numbered, thinning


@settings(deadline=None)
@given(logs)
def test_a_short_log_is_kept_whole(log):
    numbered, thinning = thinned(log)
    assert thinning.lines() == numbered and thinning.count == len(log)


@settings(deadline=None)
@given(logs, st.integers(4, 40), st.integers(2, 20))
def test_a_long_one_keeps_its_extremes_its_ends_and_its_best(log, kept, evaluations):
    numbered, thinning = thinned(log, kept=kept, evaluations=evaluations)
    lines = thinning.lines()
    assert len(lines) <= kept + evaluations + 2 + 4  # the ends, and the bucket that fills
    steps = [line["step"] for line in lines]
    assert steps == sorted(set(steps)) and {1, len(log)} <= set(steps)
    assert all(line in numbered for line in lines)
    for name, choose in (("train_loss", min), ("train_loss", max), ("grad_norm", max)):
        all_of, left = ([v[name] for v in of if v[name] is not None] for of in (numbered, lines))
        assert choose(left, default=0) == choose(all_of, default=0)
    assert any(v["train_loss"] is None for v in lines) == any(
        v["train_loss"] is None for v in numbered
    )
    val = [[v["val_loss"] for v in of if v["val_loss"] is not None] for of in (numbered, lines)]
    assert min(val[0], default=0) == min(val[1], default=0)


@settings(deadline=None)
@given(logs, st.integers(2, 40))
def test_means_are_exact_and_few(log, buckets):
    numbered, thinning = thinned(log, buckets=buckets)
    means = thinning.means()
    assert len(means) <= buckets
    # Buckets but the last have one width, a power of two; their mean is that of their lines.
    width = 1
    while math.ceil(len(log) / width) > buckets:
        width *= 2
    for n, mean in enumerate(means):
        own = numbered[n * width : (n + 1) * width]
        values = [line["train_loss"] for line in own if line["train_loss"] is not None]
        assert math.isclose(mean["step"], sum(line["step"] for line in own) / len(own))
        if values:  # whole numbers: their sums are exact in any order
            assert mean["train_loss"] == sum(values) / len(values)
        else:
            assert "train_loss" not in mean


def test_what_is_kept_is_spread_over_the_log():
    log = [(n * 7919 % 1009, n * 104729 % 1009, None) for n in range(5_000)]
    _, thinning = thinned(log, kept=100)
    steps = [line["step"] for line in thinning.lines()]
    # A bucket keeps one to four lines, and buckets double until 100 are enough: they have at most
    # 2 * 4 * 5,000 / 100 lines, and neighbours come from neighbouring buckets.
    assert max(b - a for a, b in itertools.pairwise(steps)) < 2 * 400
