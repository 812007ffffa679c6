"""Records of runs whose curves are made: a loss that decays, with noise, and what goes wrong."""

from pathlib import Path

import numpy as np

from weft.reports import RunRecord, diagnose

TRAIN = {"learning_rate": 3e-3, "grad_clip": 1.0, "precision": "float32", "eval_interval": 20}
MODEL = {"vocab_size": 65, "dropout": 0.0, "n_layer": 2, "n_head": 2, "n_embd": 32}
ENDED = [{"kind": "begin", "step": 0, "seconds": 0.0}, {"kind": "end", "step": 1, "seconds": 9.0}]


def decay(n, floor=1.5, height=2.5, scale=0.2):
    """An exponential decay in n steps, (n,)."""
    return floor + height * np.exp(-np.arange(1, n + 1) / (scale * n))


def noisy(values, sigma, draw):
    """`values` with independent noise of a share `sigma` of each."""
    return values * (1 + sigma * draw.standard_normal(len(values)))


def record(losses, val=None, every=20, seconds=0.01, events=ENDED, **more):
    """A run with these losses at each step; validation losses at every `every`-th."""
    lines = []
    for i, loss in enumerate(losses):
        lines.append(
            {
                "step": i + 1,
                "tokens": 128 * (i + 1),
                "train_loss": None if np.isnan(loss) else float(loss),
                "lr": 3e-3,
                "grad_norm": 0.5,
                "tokens_per_second": 9000.0,
                "seconds": seconds * (i + 1),
            }
        )
    for k, loss in enumerate([] if val is None else val):
        lines[(k + 1) * every - 1]["val_loss"] = float(loss)
    for name, values in more.pop("lines", {}).items():
        for line, value in zip(lines, values, strict=True):
            line[name] = value
    more.setdefault("path", Path("nowhere"))
    steps = {"steps": len(lines)}
    options = {**TRAIN, **steps, **more.pop("train_options", {})}
    model = {**MODEL, **more.pop("model", {})}
    return RunRecord(
        train=options, model=model, metrics=lines, logged=len(lines), events=[*events], **more
    )


def kinds(run):
    return [finding.kind for finding in diagnose(run)]


def found(run, kind):
    """The finding of a kind; one line each, without control characters."""
    findings = {finding.kind: finding for finding in diagnose(run)}
    assert kind in findings, sorted(findings)
    finding = findings[kind]
    assert all(text.isprintable() and text for text in (finding.message, finding.advice))
    return finding
