"""Findings on losses: planted faults are found where they were planted, noise is no fault."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import decay, found, kinds, noisy, record

seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=15, deadline=None)
ALARMS = {"over-fitting", "spike", "no-better-than-guessing", "another-text"}


@some
@given(seeds, st.floats(0, 0.05), st.floats(0, 0.01), st.integers(5, 40), st.floats(0.05, 0.5))
def test_a_healthy_run_gives_no_alarm(seed, sigma, val_sigma, evaluations, scale):
    """Single steps scatter by up to 5 %; evaluations, all on the same batches, by up to 1 %.

    By up to 0.4 % where they are so few that their noise cannot be measured.
    """
    val_sigma = min(val_sigma, 0.004) if evaluations < 10 else val_sigma
    draw = np.random.default_rng(seed)
    train = noisy(decay(10 * evaluations, scale=scale), sigma, draw)
    val = noisy(decay(10 * evaluations, 1.6, scale=scale)[9::10], val_sigma, draw)
    run = record(train, val, every=10)
    run.events.append({"kind": "data", "step": 0, "seconds": 0, "train_tokens": 10**6})
    assert not ALARMS & set(kinds(run))


@some
@given(seeds, st.integers(8, 20), st.integers(5, 20), st.floats(0.05, 0.2))
def test_over_fitting_is_found_near_where_it_began(seed, before, after, rise):
    """From a kink on, the validation loss rises per evaluation by many times its noise."""
    draw, n = np.random.default_rng(seed), before + after
    val = np.concatenate([decay(before, scale=0.6), np.zeros(after)])
    val[before:] = val[before - 1] + rise * np.arange(1, after + 1)
    run = record(noisy(decay(10 * n, 0.5, scale=0.6), 0.03, draw), noisy(val, rise / 30, draw), 10)
    finding = found(run, "over-fitting")
    # The lowest is the kink or the one before it, which a shallow decay may not tell apart.
    assert abs(finding.step - 10 * before) <= 20
    assert f"since step {finding.step:,}" in finding.message
    assert "--dropout 0.2 (is 0)" in finding.advice


def test_over_fitting_is_said_with_its_numbers():
    val = [2.5, 2.0, 1.8, 1.75, 1.8, 1.9, 2.0]
    run = record(decay(140, 0.6), val, checkpoints=[80, 140])
    finding = found(run, "over-fitting")
    assert finding.message.startswith(
        "over-fitting since step 80: the validation loss rose from 1.75 there to 2 at step 140 "
        "(+0.25), while the training loss fell from"
    )
    assert finding.severity == "warning" and "best checkpoint is kept" in finding.advice
    assert "under-trained" not in kinds(run)


def test_what_the_run_said_itself_is_repeated():
    """On its way it takes a smaller rise for over-fitting."""
    warning = {"kind": "warning", "about": "overfitting", "step": 120, "seconds": 1.0}
    events = [{**warning, "message": "over-fitting since step 80: ..."}]
    val = [2.5, 2.0, 1.8, 1.75, 1.76, 1.765, 1.77]
    finding = found(record(decay(140), val, events=events), "over-fitting")
    assert (finding.message, finding.severity) == (events[0]["message"], "note")
    better = [*val[:-1], 1.7]  # it was brought to its end, and was better then
    assert "over-fitting" not in kinds(record(decay(140), better, events=events))


def test_a_validation_loss_that_rises_with_the_training_loss_is_no_over_fitting():
    rising = [2.5, 2.0, 1.8, 1.75, 1.8, 1.9, 2.0]
    assert "over-fitting" not in kinds(record(np.repeat(rising, 20), rising))
    assert "over-fitting" not in kinds(record(decay(60), [1.7, 1.8, 1.9]))  # two after the best


@some
@given(seeds, st.integers(100, 380), st.floats(1.5, 8), st.integers(15, 60))
def test_a_spike_is_found_where_it_was_planted(seed, at, height, length):
    draw = np.random.default_rng(seed)
    train = noisy(decay(400), 0.02, draw)
    train[at:] += height * np.exp(-np.arange(400 - at) / length)
    finding = found(record(train), "spike")
    assert at - 3 <= finding.step <= at + 5
    assert f"spiked at step {finding.step:,} (from " in finding.message
    assert "--learning-rate 0.001 (is 0.003)" in finding.advice


def test_a_spike_that_stays_is_an_error_and_one_bad_batch_is_nothing():
    train = decay(200)
    train[100:] = 3.5
    finding = found(record(train), "spike")
    assert finding.severity == "error" and "stayed high (3.5 at the end)" in finding.message
    train = decay(200)
    train[[60, 100, 101]] += 8
    assert "spike" not in kinds(record(train))
    train = decay(200)
    train[100:120] += 1
    finding = found(record(train), "spike")
    assert finding.severity == "warning" and finding.message.endswith("and came down again")


def test_advice_names_what_the_run_had():
    train = decay(200)
    train[100:] = 3.5
    options = {"optimizer": "muon", "muon_learning_rate": 0.06, "grad_clip": 0.0, "warmup_steps": 5}
    advice = found(record(train, train_options=options), "spike").advice
    assert "--muon-learning-rate 0.02 (is 0.06)" in advice and "--grad-clip 1 (is off)" in advice
    assert "--warmup-steps 50 (is 5)" in advice  # a quarter of 200 steps


def test_a_loss_above_log_v_is_no_better_than_guessing():
    run = record(np.linspace(4.3, 20, 100), [6.0, 20.0], every=50)
    finding = found(run, "no-better-than-guessing")
    assert "below 4.174, what guessing all 65 tokens alike gives (log V)" in finding.message
    assert "ended at" in finding.message and "--learning-rate 0.001" in finding.advice
    assert "spike" not in kinds(run)  # the same thing, said less well
    flat = record(np.full(100, 4.2), [4.2, 4.2], every=50)
    assert "more --steps" in found(flat, "no-better-than-guessing").advice


@pytest.mark.parametrize(("seconds", "expected"), [(0.3, True), (30.0, True)])
def test_a_run_that_still_falls_is_under_trained(seconds, expected):
    run = record(4 - np.arange(300) / 200, seconds=seconds)
    finding = found(run, "under-trained")
    per_minute = f"{60 / 200 / seconds:.4g}"
    assert f"training loss was still falling {per_minute} per minute at the end" in finding.message
    assert finding.severity == "note" and "--minutes" in finding.advice


def test_under_training_goes_by_the_validation_loss_where_there_is_enough_of_it():
    train = 4 - np.arange(600) / 400
    falling = 4.2 - np.arange(30) / 20
    assert "validation loss was still" in found(record(train, falling), "under-trained").message
    turned = np.concatenate([falling[:20], falling[19] + np.arange(10) * 0.004])
    assert "under-trained" not in kinds(record(train, turned))
    assert "under-trained" not in kinds(record(train, falling, train_options={"epochs": 40.0}))


def test_a_decay_is_taken_into_account():
    """During a decay the loss always falls: what counts is what it did before, where there was."""
    n = 300
    rates = 3e-3 * np.minimum(1, (1 - np.arange(n) / n) / 0.3)
    falling = 4 - np.arange(n) / 200
    finding = found(record(falling, lines={"lr": rates}), "under-trained")
    assert "before the learning rate's decay" in finding.message
    flat_until_decay = np.where(np.arange(n) < 210, 2.0, 2.0 - (np.arange(n) - 210) / 200)
    assert "under-trained" not in kinds(record(flat_until_decay, lines={"lr": rates}))
    cosine = 1.5e-3 * (1 + np.cos(np.pi * np.arange(n) / n))
    finding = found(record(falling, lines={"lr": cosine}), "under-trained")
    assert "in part because the learning rate was falling" in finding.message


def test_a_run_that_has_not_ended_or_has_levelled_off_is_not_under_trained():
    begun = [{"kind": "begin", "step": 0, "seconds": 0.0}]
    assert "under-trained" not in kinds(record(4 - np.arange(300) / 200, events=begun))
    assert "under-trained" not in kinds(record(decay(300, scale=0.05)))


def test_another_text_is_seen_before_the_first_was_read_twice():
    train, val = decay(200), decay(200)[19::20] + 0.6
    data = {"kind": "data", "step": 0, "seconds": 0.0, "train_tokens": 128 * 1000}
    finding = found(record(train, val, events=[data]), "another-text")
    assert "much worse than the training loss from the start" in finding.message
    often = {**data, "train_tokens": 128}  # a gap that learning by heart may have made
    assert "another-text" not in kinds(record(train, val, events=[often]))
    assert "another-text" not in kinds(record(train, val))


def test_clipping_of_nearly_every_step_is_noted():
    norms = np.where(np.arange(200) % 20 == 0, 0.8, 3.0)
    finding = found(record(decay(200), lines={"grad_norm": norms}), "clipped")
    assert "clipped in 95 % of the steps (its norm is 3 at the median, and 1 allowed)" in (
        finding.message
    )
    assert "--grad-clip 6" in finding.advice and finding.severity == "note"
    early = np.where(np.arange(200) < 100, 3.0, 0.8)
    assert "clipped" not in kinds(record(decay(200), lines={"grad_norm": early}))
    off = record(decay(200), lines={"grad_norm": norms}, train_options={"grad_clip": 0.0})
    assert "clipped" not in kinds(off)
