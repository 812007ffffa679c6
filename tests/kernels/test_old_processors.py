"""A processor without AVX, or without AVX-512, gets kernels that it can run: shown under QEMU."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import Any

import pytest

QEMU = shutil.which("qemu-x86_64")
PROGRAM = """
import numpy as np
from weft.kernels import active, reference

print(active.native.isa())
rng = np.random.default_rng(0)
x, w = (rng.standard_normal((37, 37), np.float32) for _ in range(2))
b = w[0]
for name, args in (
    ("add", (x, w)),
    ("gelu_forward", (x, True)),
    ("softmax_forward", (x,)),
    ("layer_norm_forward", (x, w[0], b, 1e-5, np.float32)),
    ("linear_forward", (x, w, b)),
    ("linear_backward", (x, x, w, True)),
    ("matmul", (x, w, True, False)),
    ("dropout_forward", (x, 0.5, 7)),
    ("embedding_forward", (w, np.arange(37))),
    ("attention_forward", (*(x[:, :36].reshape(1, 37, 4, 9),) * 3, 0.3, True, 0.1, 7)),
):
    got, want = getattr(active.native, name)(*args), getattr(reference, name)(*args)
    for g, r in zip(*((v if isinstance(v, tuple) else (v,)) for v in (got, want)), strict=True):
        # Both within 37 roundings, and a few more for exp, of the exact sums of numbers below 40.
        np.testing.assert_allclose(g, r, rtol=0, atol=40 * 37 * 2.0**-22, err_msg=name)
"""


# Westmere is what NumPy itself needs (x86-64-v2); Haswell is the first with AVX2 and FMA.
@pytest.mark.slow
@pytest.mark.parametrize("processor, isa", [("Westmere", "baseline"), ("Haswell", "avx2")])
def test_older_processor(processor: str, isa: str, native: Any) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("QEMU emulates x86-64 processors here, and this is none")
    if QEMU is None:
        pytest.skip("qemu-x86_64 is missing: apt-get install qemu-user")
    environment = {k: v for k, v in os.environ.items() if k not in ("WEFT_ISA", "WEFT_KERNELS")}
    done = subprocess.run(
        [QEMU, "-cpu", processor, sys.executable, "-c", PROGRAM],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-2000:]}"
    assert done.stdout.split() == [isa]
