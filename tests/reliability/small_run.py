"""A tiny run for the tests of this folder, in a process of its own: `python small_run.py OUT TEXT`.

`python small_run.py kill FOLDER TEXT KILLS SEED` kills such runs and compares what comes of them.
They are forked from a process that has everything imported: a kill is quick, an import is not.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from weft.checkpoint import durable
from weft.runlog import read_metrics
from weft.training import Progress, train

STEPS = 24
OPTIONS = {
    "steps": STEPS,
    "n_layer": 2,
    "n_head": 2,
    "n_embd": 16,
    "block_size": 8,
    "batch_size": 4,
    "dropout": 0.1,
    "eval_interval": 3,
    "eval_batches": 2,
    "sample_tokens": 0,
    "threads": 1,
}
CLOCK = ("seconds", "tokens_per_second")


def small_run(out, text, progress=None, **options):
    """Begin or go on with the run in `out`."""
    return train(text, out=out, resume=True, progress=progress or Progress(), **OPTIONS, **options)


def bits(out):
    """Final weights, optimizer state and all logged figures but the clock's."""
    folder = Path(out) / f"checkpoints/step-{STEPS:08d}"
    files = [(folder / f"{n}.safetensors").read_bytes() for n in ("model", "optimizer")]
    lines = read_metrics(Path(out) / "metrics.jsonl")
    return files, [[(k, v) for k, v in line.items() if k not in CLOCK] for line in lines]


class KillAt:
    """`os` that ends the process at its k-th change of the disk."""

    CHANGES = ("open", "write", "fsync", "mkdir", "rename", "unlink", "rmdir", "close")

    def __init__(self, k):
        self.left = k

    def __getattr__(self, name):
        if name in self.CHANGES:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(os, name)


class Slow(Progress):
    """Says where it is, and takes its time."""

    def step(self, record):
        print(record["step"], flush=True)
        time.sleep(0.05)


def forked(function):
    """Run `function` in a forked child; returns its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return pid


def kill_repeatedly(folder, text, kills, seed):
    """Kill runs `kills` times, half at random instants, half inside a save; resume each time.

    Returns how many runs came to their end, and checks each against an uninterrupted one.
    """
    rng = random.Random(seed)
    begin = time.monotonic()
    assert os.waitpid(forked(lambda: small_run(folder / "whole", text)), 0)[1] == 0
    duration, expected = time.monotonic() - begin, bits(folder / "whole")
    finished, killed, out = 0, 0, folder / "cut 0"
    while killed < kills or not finished:
        inside, k = killed % 2 == 1 and killed < kills, rng.randrange(1, 120)

        def child(inside=inside, out=out, k=k):
            if inside:
                durable.os = KillAt(k)
            small_run(out, text)

        pid = forked(child)
        if not inside and killed < kills:
            time.sleep(rng.uniform(0, duration))
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        killed += status == signal.SIGKILL
        assert status in (0, signal.SIGKILL), f"exit status {status} after {killed} kills"
        if status == 0:
            assert bits(out) == expected, f"{out} has other bits"
            assert not list(out.rglob("*.tmp-*")), "leftovers"
            finished, out = finished + 1, folder / f"cut {finished + 1}"
    return {"finished": finished, "killed": killed}


if __name__ == "__main__":
    if sys.argv[1] == "kill":
        folder, text, kills, seed = sys.argv[2:]
        print(json.dumps(kill_repeatedly(Path(folder), text, int(kills), int(seed))))
    else:
        small_run(sys.argv[1], sys.argv[2], Slow())
