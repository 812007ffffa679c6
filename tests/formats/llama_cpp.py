"""llama.cpp as a process of its own: model files, and requests of the server's HTTP API.

As a script it holds the server (the wheel xllamacpp has llama.cpp inside); `ask` starts it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest


def ask(*models: tuple[Path, list[tuple[str, dict[str, Any]]]]) -> list[list[dict[str, Any]]]:
    """For each model file the answers of its server to the requests, (path, body)."""
    pytest.importorskip("xllamacpp", reason="pip install xllamacpp: llama.cpp as a wheel")
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps([(str(model), requests) for model, requests in models]),
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def serve(model: str, requests: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_parallel, params.cpuparams.n_threads, params.warmup = 1, 1, False
    params.verbosity = 0
    # Keys and values as ours are; by default they are rounded to float16.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    answers = []
    for path, body in requests:
        request = urllib.request.Request(
            server.listening_address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            answers.append(json.load(answer))
    return answers


if __name__ == "__main__":
    print(json.dumps([serve(model, requests) for model, requests in json.load(sys.stdin)]))
