"""Runs the comparisons one by one and writes benchmarks/RESULTS.md from what they measured.

    python benchmarks/results.py --keras ~/keras/bin/python --llama ~/llama/bin/python
                                                                # all of them, some 30 minutes
    python benchmarks/results.py --only blog                    # some; the others' figures stay
    python benchmarks/results.py --render                       # none, only the document again

The figures are in results.json beside it. A comparison that was interrupted leaves no trace there.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from configurations import keras_python
from results_document import document
from weft.cli.machine import describe
from weft.errors import WeftError
from weft.machine import usable_processors
from weft.training.work import peak

FOLDER = Path(__file__).parent
COMPARISONS = {  # the words after `python`
    "tiny-torch": "benchmarks/training.py tiny --peers torch nanogpt --turns 9",
    "tiny-compiled": "benchmarks/training.py tiny --peers torch compiled --turns 9",
    "tiny-keras": "benchmarks/training.py tiny --peers keras --turns 9",
    "blog-torch": "benchmarks/training.py blog --peers torch --turns 5",
    "blog-keras": "benchmarks/training.py blog --peers keras --turns 5",
    "gpt2-torch": "benchmarks/training.py gpt2 --peers torch --turns 5",
    "inference-decode": "benchmarks/inference.py decode",
    "inference-prefill": "benchmarks/inference.py prefill",
    "inference-streams": "benchmarks/inference.py streams",
    "inference-character": "benchmarks/inference.py character",
    "inference-load": "benchmarks/inference.py load",
    "kernels-float32": "-m weft bench kernels --precision float32",
    "kernels-bfloat16": "-m weft bench kernels --precision bfloat16",
}
PEERS = ("torch", "keras", "tensorflow", "tensorflow_cpu", "transformers", "llama_cpp_python")
VERSIONS = (
    "import importlib.metadata as m, json, sys;"
    "print(json.dumps({d.name: d.version for d in m.distributions() if d.name in sys.argv[1:]}))"
)


def run(name: str, pythons: dict[str, str], more: list[str], models: str) -> dict[str, Any]:
    """One comparison: what it printed, and where and when. Raises `WeftError` when it fails.

    `pythons` are those of peers, by option; `models` is a folder for the models of inference.
    """
    words, option = [*COMPARISONS[name].split(), *more], option_of(name)
    python = pythons.get(option, sys.executable)
    given = [f"--{option}", python] if option in pythons else []
    shown = shlex.join(["python", *words]) + (f" --{option} PYTHON" if given else "")
    if name.startswith("inference"):
        given += ["--models", models]
    before = busy()
    command = [sys.executable, *words, *given, "--json"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent)
    if ran.returncode:
        raise WeftError(f"{name} ended with code {ran.returncode}; {shown}; see above")
    all_of_it, mine, possible = (b - a for a, b in zip(before, busy(), strict=True))
    versions: dict[str, str] = {}
    for one in dict.fromkeys([sys.executable, python]) if name.startswith("inf") else [python]:
        asked = subprocess.run([one, "-c", VERSIONS, *PEERS], stdout=subprocess.PIPE, check=True)
        versions |= json.loads(asked.stdout)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "command": shown,
        "machine": machine(),
        "memory_gbs": peak("memory"),
        "others": max(0.0, round((all_of_it - mine) / possible, 3)),
        "versions": versions,
        "result": json.loads(ran.stdout),
    }


def option_of(name: str) -> str:
    """The option that names the Python of a comparison's peer; "" where it needs none."""
    return "keras" if name.endswith("keras") else "llama" if name.startswith("inference") else ""


def busy() -> tuple[float, float, float]:
    """Seconds so far: of work of all processors, of that of this and its children, and possible."""
    used = os.times()
    mine = used.user + used.system + used.children_user + used.children_system
    try:
        user, nice, system = Path("/proc/stat").read_text(encoding="ascii").split()[1:4]
    except OSError:  # the system does not say: as if there were nobody else
        return mine, mine, time.perf_counter() * usable_processors()
    ticks = int(user) + int(nice) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK"), mine, time.perf_counter() * usable_processors()


def commit() -> str | None:
    """The commit that was measured; with a + when files differ from it."""
    command = ["git", "describe", "--always", "--abbrev=8", "--dirty=+", "--exclude=*"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER)
    return ran.stdout.strip() or None


def machine() -> dict[str, Any]:
    """What tells this machine from others."""
    all_of_it = describe()
    names = ("processor", "processors", "memory_bytes", "platform", "python")
    kernels = all_of_it["kernels"]
    return {name: all_of_it[name] for name in names} | {
        "isa": kernels["isa"],
        "isas": kernels["isas"],
        "threads": kernels["threads"],
    }


def chosen(only: list[str] | None) -> list[str]:
    """The comparisons whose names begin with one of `only`; all without."""
    names = [n for n in COMPARISONS if not only or any(n.startswith(o) for o in only)]
    if not names:
        raise WeftError(f"no such comparison; --only; there are {', '.join(COMPARISONS)}")
    return names


def write(path: Path, text: str) -> None:
    """All of the file or nothing of it."""
    path.with_suffix(".new").write_text(text, encoding="utf-8")
    path.with_suffix(".new").replace(path)


def measure(options: argparse.Namespace) -> None:
    data, page = options.out / "results.json", options.out / "RESULTS.md"
    rows = json.loads(data.read_text(encoding="utf-8")) if data.exists() else {}
    given = {"keras": keras_python(options.keras), "llama": options.llama}
    pythons = {option: python for option, python in given.items() if python is not None}
    with tempfile.TemporaryDirectory(prefix="weft-models-") as models:
        for name in [] if options.render else chosen(options.only):
            if name.endswith("keras") and "keras" not in pythons:
                print(f"{name}: left out, no Keras here; --keras PYTHON names one", file=sys.stderr)
                continue
            print(f"{name}: python {COMPARISONS[name]}", file=sys.stderr)
            rows[name] = run(name, pythons, options.more.split(), models)
            rows = {name: rows[name] for name in COMPARISONS if name in rows}
            write(data, json.dumps(rows, indent=1) + "\n")
            write(page, document(rows))
    write(page, document(rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="names, or how they begin")
    parser.add_argument("--keras", metavar="PYTHON", help="a Python with Keras and TensorFlow")
    parser.add_argument("--llama", metavar="PYTHON", help="a Python with llama-cpp-python")
    parser.add_argument("--render", action="store_true", help="measure nothing, write RESULTS.md")
    parser.add_argument("--more", default="", metavar="'WORDS'", help="more words to each command")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of both files")
    try:
        measure(parser.parse_args())
    except WeftError as error:
        print(f"results.py: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
