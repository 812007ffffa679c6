"""PyTorch programs that run on Weft after a change of imports only, and print the same text."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
HERE = Path(__file__).parent
WORKSHOP = (HERE / "xor_workshop.py").read_text()
SMALL_GPT = (HERE / "small_gpt.py").read_text()
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


def with_weft(program: str) -> str:
    """The program after a change of imports."""
    changed = re.sub(r"^import torch$", "import weft as torch", program, flags=re.M)
    changed = re.sub(r"^(import|from) torch\.", r"\1 weft.", changed, flags=re.M)
    assert not re.search(r"^(import|from) torch", changed, re.M)
    return changed


def run(program: str, **names: object) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {"__name__": "program", **names})
    return printed.getvalue()


@pytest.mark.parametrize("steps", [0, 300])
def test_the_workshop_prints_pytorchs_text(steps):
    assert run(with_weft(WORKSHOP), STEPS=steps) == run(WORKSHOP, STEPS=steps)


def test_the_workshops_numbers():
    printed = run(with_weft(WORKSHOP), STEPS=10_000)
    outputs = re.findall(r"^tensor\(\[(0\.\d{4})\], grad_fn=<SigmoidBackward0>\)$", printed, re.M)
    assert " ".join(outputs) == " ".join(PRINTED)


def test_a_small_gpt_trains_and_generates_the_same():
    ours, theirs = run(with_weft(SMALL_GPT)), run(SMALL_GPT)
    assert ours == theirs and "step 40: " in ours
