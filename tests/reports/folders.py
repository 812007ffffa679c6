"""Run folders for the tests of the reports: written here, line by line, without training."""

import json
import math

CONFIG = """\
weft = "0.1.0"

[train]
data = "book.txt"
out = "runs/book"
steps = 60
batch_size = 8
learning_rate = 0.003
min_learning_rate = 0.0003
warmup_steps = 6
eval_interval = 20
tokenizer = "char"

[model]
model = "gpt"
arch = "llama"
n_layer = 2
n_head = 2
n_embd = 32
block_size = 16
vocab_size = 27
"""


def line(step, **more):
    """One line of a metrics.jsonl, of a loss that falls from 4 to 2."""
    figures = {
        "step": step,
        "tokens": 128 * step,
        "train_loss": 2 + 2 * math.exp(-step / 20),
        "lr": 0.003,
        "grad_norm": 0.5,
        "tokens_per_second": 9000.0,
        "seconds": 0.1 * step,
    }
    return figures | more


def lines(steps=60, every=20, **more):
    """A whole log, with evaluations."""
    log = [line(step, **more) for step in range(1, steps + 1)]
    for record in log[every - 1 :: every]:
        record["val_loss"] = record["train_loss"] + 0.1
    return log


def write_run(folder, metrics=(), events=(), config=CONFIG, plan=None):
    """A run folder with these lines; what is empty is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config, encoding="utf-8")
    for name, records in (("metrics.jsonl", metrics), ("events.jsonl", events)):
        if records:
            text = "".join(json.dumps(record) + "\n" for record in records)
            (folder / name).write_text(text, encoding="utf-8")
    if plan is not None:
        (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return folder
