"""A training step in steady state takes no new memory from the system."""

import json
import os
import subprocess
import sys

import pytest

from weft.kernels import active

# In a process of its own, where malloc takes every block above 128 kB from the system and gives it
# back at once, as it does with those above 32 MB by itself: an array outside of the kernels' memory
# then costs a page fault for every 4 kB of it, in every step.
SYSTEM_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 17), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
PROGRAM = """
import json, resource, sys
from weft.cli.bench_train import TrainingStep
from weft.config import ModelConfig

arch, precision, checkpointed = sys.argv[1:]
config = ModelConfig(
    vocab_size=65, block_size=128, n_layer=2, n_head=2, n_embd=64, dropout=0.2, arch=arch
)
step = TrainingStep(config, 8, precision, checkpointed == "checkpointed")
faults = []
for _ in range(12):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(json.dumps(faults))
"""


@pytest.mark.parametrize(
    "words",
    [
        ("gpt2", "bfloat16", "kept"),
        ("gpt2", "bfloat16", "checkpointed"),
        ("llama", "float32", "kept"),
    ],
)
def test_no_page_faults(words):
    """The smallest array of the residual stream, in bfloat16, is 32 pages.

    An array outside of the kernels' memory costs its pages in *every* step; a thread that first
    touches its scratch when the machine is busy costs them in one. So the least of the steps
    decides.
    """
    if active.native is None:
        pytest.skip("the definitions in NumPy allocate as NumPy does")
    command = [sys.executable, "-c", PROGRAM, *words]
    result = subprocess.run(
        command, env=os.environ | SYSTEM_MEMORY, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    faults = json.loads(result.stdout)[4:]
    assert min(faults) < 4, faults
