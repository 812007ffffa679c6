"""Reading prompts and writing tokens: Weft against llama.cpp and transformers, in turns.

    python benchmarks/inference.py decode                       # one stream, every precision
    python benchmarks/inference.py prefill --llama ~/llama/bin/python
    python benchmarks/inference.py streams --json               # 16 streams together
    python benchmarks/inference.py character                    # a small model, one stream
    python benchmarks/inference.py load                         # from the file to the first token

The models have random weights; --models keeps them, for they take half a minute to make. A peer
that is not there is left out, and named. `weft bench generate` times any model of yours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference_document import text
from inference_models import MODELS, TYPES, Files, make_files
from weft.cli.bench_turns import THREADS, Outcome, Side, take_turns
from weft.cli.machine import use_threads
from weft.errors import WeftError
from weft.machine import usable_processors
from weft.training.work import peak

STEP = Path(__file__).with_name("inference_step.py")
PEERS = {"llama.cpp": "llama_cpp", "transformers": "transformers"}  # name -> module


@dataclass(frozen=True)
class Work:
    """`new` tokens are written behind each of `streams` prompts; 0: the prompts are read."""

    model: str
    streams: int
    prompt: int
    new: int

    @property
    def tokens(self) -> int:
        """Tokens that one step reads or writes."""
        return self.streams * (self.new or self.prompt)


WORKS = {
    "decode": Work("gpt2", 1, 64, 128),
    "prefill": Work("gpt2", 1, 512, 0),
    "streams": Work("gpt2", 16, 64, 32),
    "character": Work("character", 1, 64, 128),
    "load": Work("gpt2", 1, 64, 0),
}


@dataclass(frozen=True)
class Entry:
    """One side of the comparison: whose it is, and which weights it reads."""

    owner: str
    precision: str
    side: Side
    weight_bytes: int


def entries(
    name: str, files: Files, pythons: dict[str, str], threads: int, precisions: Sequence[str]
) -> list[Entry]:
    """Weft and each peer in `pythons`, its Python, in those of the precisions that it has."""
    work, found = WORKS[name], []

    def add(owner: str, label: str, kind: str, path: Path, **given: Any) -> None:
        options = {
            "peer": PEERS.get(owner, "weft"), "path": str(path), "threads": threads,
            "count": work.streams, "prompt": work.prompt, "new": work.new,
            "vocab_size": MODELS[work.model].vocab_size, **given,
        }  # fmt: skip
        side = Side(label, STEP, options, pythons.get(owner, sys.executable))
        found.append(Entry(owner, kind, side, files.bytes_of(kind)))

    for p in precisions:
        add("weft", f"weft {p}", p, files.folder, precision=p)
    for p in precisions if name == "load" else ():
        add("weft", f"weft {TYPES[p]} GGUF", p, files.gguf[p], precision=p)
    for p in precisions if "llama.cpp" in pythons else ():
        add("llama.cpp", f"llama.cpp {TYPES[p]}", p, files.llama[p])
    for p in precisions if "transformers" in pythons else ():
        if p in ("float32", "bfloat16"):
            add("transformers", f"transformers {p}", p, files.folder, precision=p)
    return found


def find_peers(names: Sequence[str], llama: str | None) -> tuple[dict[str, str], list[str]]:
    """The Python of each peer that is installed, and the names of the others."""
    there = {}
    for name in names:
        python = llama if llama and name == "llama.cpp" else sys.executable
        try:
            ran = subprocess.run([python, "-c", f"import {PEERS[name]}"], capture_output=True)
        except OSError as error:
            raise WeftError(f"cannot run {python}: {error.strerror}; --llama; check it") from error
        if ran.returncode == 0:
            there[name] = python
    return there, [name for name in names if name not in there]


def measure(name: str, options: argparse.Namespace, models: Path) -> dict[str, Any]:
    """One kind of work by all sides: the object that --json prints."""
    work = WORKS[name]
    pythons, missing = find_peers(options.peers, options.llama)
    files = make_files(models, work.model, pythons.get("llama.cpp"))
    found = entries(name, files, pythons, options.threads, options.precisions)
    sides = [entry.side for entry in found]
    use_threads(options.threads)
    memory = [peak("memory")]
    if name == "load":
        measured = first_tokens(sides, options.turns, options.threads)
    else:
        outcomes = take_turns(sides, options.turns, options.threads, options.seconds)
        measured = {side: rates(work, outcome) for side, outcome in outcomes.items()}
    memory.append(peak("memory"))
    rows = [
        {"side": e.side.name, "owner": e.owner, "precision": e.precision,
         "weight_bytes": e.weight_bytes, **measured[e.side.name]}
        for e in found
    ]  # fmt: skip
    return {
        "work": name, **asdict(work), "turns": options.turns, "threads": options.threads,
        "rows": rows, "missing": missing,
        "memory_gbs": max((rate for rate in memory if rate), default=None),
    }  # fmt: skip


def rates(work: Work, outcome: Outcome) -> dict[str, Any]:
    """Tokens per second: of the median turn, the slowest and the fastest."""
    each = sorted(1e3 * work.tokens / ms for ms in outcome.milliseconds)
    return {
        "tokens_per_second": 1e3 * work.tokens / outcome.median,
        "slowest_turn": each[0],
        "fastest_turn": each[-1],
        "memory_bytes": outcome.memory_bytes,
        "checksum": outcome.losses[0],
    }


def first_tokens(sides: Sequence[Side], turns: int, threads: int) -> dict[str, Any]:
    """Seconds of whole processes that take turns, and their largest memory.

    Everything was read once before: files come from the system's cache.
    """
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    answers: dict[str, Any] = {}
    for turn in range(turns + 1):
        for side in sides:
            took, answers[side.name] = _first_token(side, threads)
            if turn:
                seconds[side.name].append(took)
    return {
        name: {
            "seconds": statistics.median(took),
            "slowest_turn": max(took),
            "fastest_turn": min(took),
            "memory_bytes": answers[name]["memory"],
            "checksum": answers[name]["checksum"],
        }
        for name, took in seconds.items()
    }


def _first_token(side: Side, threads: int) -> tuple[float, dict[str, Any]]:
    command = [side.python, str(side.program), json.dumps(side.options)]
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    started = time.perf_counter()
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    took = time.perf_counter() - started
    if ran.returncode:
        raise WeftError(f"{side.name} ended with code {ran.returncode}; comparing; see above")
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return took, answer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--llama", metavar="PYTHON", help="a Python with llama-cpp-python")
    parser.add_argument("--precisions", nargs="+", choices=TYPES, default=list(TYPES))
    parser.add_argument("--models", type=Path, help="folder to make the models in, and keep them")
    parser.add_argument("--turns", type=int, default=7, help="turns of each side (default 7)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn, one step at least")
    parser.add_argument("--threads", type=int, default=usable_processors(), help="of each side")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="weft-models-") as folder:
            result = measure(options.work, options, options.models or Path(folder))
    except WeftError as error:
        print(f"inference.py: error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(result) if options.json else text(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
