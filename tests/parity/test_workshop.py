"""The XOR workshop runs after a change of imports only, and prints PyTorch's numbers."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
SCRIPT = Path(__file__).with_name("xor_workshop.py").read_text()
CHANGE_OF_IMPORTS = [
    ("import torch  ", "import weft as torch  "),
    ("import torch.nn as nn", "import weft.nn as nn"),
    ("import torch.optim as optim", "import weft.optim as optim"),
]
# What the workshop shows: before and after SGD, the second model, the third model.
PRINTED = [
    "0.6653 0.6683 0.6511 0.6557",
    "0.6653",  # the forward pass written out
    "0.0483 0.9567 0.9425 0.0434",
    "0.5916 0.6037 0.5989 0.6101",
    "0.0157 0.4996 0.9828 0.5006",
    "0.3454 0.3412 0.3613 0.3574",
    "0.0171 0.9819 0.9819 0.0223",
]


def run(script: str, steps: int) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(script, {"STEPS": steps, "__name__": "workshop"})
    return printed.getvalue()


def on_weft() -> str:
    script = SCRIPT
    for before, after in CHANGE_OF_IMPORTS:
        assert before in script
        script = script.replace(before, after)
    return script


@pytest.mark.parametrize("steps", [0, 300])
def test_the_whole_output_is_pytorchs(steps):
    assert run(on_weft(), steps) == run(SCRIPT, steps)


def test_the_workshops_numbers():
    printed = run(on_weft(), 10_000)
    outputs = re.findall(r"^tensor\(\[(0\.\d{4})\], grad_fn=<SigmoidBackward0>\)$", printed, re.M)
    assert " ".join(outputs) == " ".join(PRINTED)
