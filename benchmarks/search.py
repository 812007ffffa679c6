"""Does `weft train TEXT --minutes M` choose well? Against a random search of as long runs.

    python benchmarks/search.py plan TEXT... --minutes 1 3 10    # what the planner comes to
    python benchmarks/search.py random TEXT --minutes 1          # 30 points at random
    python benchmarks/search.py table                            # both, side by side

Every run is a process of its own, `weft train` with `--minutes`, alone on the cores that it may
use: `taskset -c 0` and `taskset -c 1` before two of these commands make two runs side by side, of
one thread each. Scores are bits per byte of the best checkpoint on the whole validation split, so
that tokenizers compare. Results are appended to search.jsonl in --out, with the number of cores,
and what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from weft.cli.ladder import validation_score
from weft.inference import load
from weft.machine import usable_processors

POINTS = 30
Point = dict[str, Any]


def logarithmic(random: Random, low: float, high: float) -> float:
    """A number of [low, high), each factor as likely; two digits."""
    return float(f"{low * (high / low) ** random.random():.2g}")


def point(random: Random) -> Point:
    """Options at random: where a practitioner would look."""
    width = random.choice([64, 96, 128, 192, 256, 384])
    options: Point = {
        "tokenizer": random.choice(["char", "bpe"]),
        "arch": random.choice(["gpt2", "llama", "qwen3"]),
        "n_embd": width,
        "n_head": width // random.choice([16, 32]),
        "n_layer": random.choice([2, 3, 4, 6]),
        "block_size": random.choice([32, 64, 128, 256]),
        "batch_size": random.choice([8, 12, 16, 32]),
        "dropout": random.choice([0.0, 0.1, 0.2]),
        "optimizer": random.choice(["adamw", "muon"]),
        "schedule": random.choice(["cosine", "wsd"]),
        "decay_fraction": random.choice([0.3, 0.5, 0.7]),
        "weight_decay": random.choice([0.0, 0.1]),
    }
    if options["tokenizer"] == "bpe":
        options["vocab_size"] = random.choice([512, 1024, 2048, 4096])
    muon = options["optimizer"] == "muon"
    low, high = (2e-3, 4e-2) if muon else (5e-4, 1e-2)
    options["learning_rate"] = logarithmic(random, low, high)
    if muon:
        options["muon_learning_rate"] = logarithmic(random, 5e-3, 5e-2)
    return options


def run(text: Path, minutes: float, options: Point, folder: Path) -> dict[str, Any]:
    """Train once and score it; a failure is a result too."""
    shutil.rmtree(folder, ignore_errors=True)
    words = [sys.executable, "-m", "weft", "train", str(text), "--minutes", str(minutes)]
    words += ["--out", str(folder), "--json"]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    begin = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True)
    found: dict[str, Any] = {"wall_seconds": time.monotonic() - begin, "code": done.returncode}
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {**found, "error": said[-1]}
    result = json.loads(done.stdout)
    score, _ = validation_score(folder, load(folder))
    names = ("steps", "tokens", "val_loss", "tokens_per_second")
    return {
        **found,
        **{name: result[name] for name in names},
        "bits_per_byte": score.bits_per_byte,
        "plan": json.loads((folder / "plan.json").read_text(encoding="utf-8"))["choices"],
    }


def known(file: Path) -> list[dict[str, Any]]:
    """The results so far."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def work(arguments: argparse.Namespace) -> None:
    """Run what is not there yet."""
    file = arguments.out / "search.jsonl"
    arguments.out.mkdir(parents=True, exist_ok=True)
    count = POINTS if arguments.what == "random" else arguments.repeats
    for minutes in arguments.minutes:
        for text in arguments.text:
            random = Random(0)
            for i in range(count):
                options = point(random) if arguments.what == "random" else {"seed": 1337 + i}
                key = {"what": arguments.what, "text": text.stem, "minutes": minutes, "point": i}
                if any(all(row[k] == v for k, v in key.items()) for row in known(file)):
                    continue
                name = "-".join(str(value) for value in key.values())
                found = run(text, minutes, options, arguments.out / name)
                shutil.rmtree(arguments.out / name, ignore_errors=True)
                row = {**key, "cores": usable_processors(), "options": options, **found}
                with file.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(row) + "\n")
                score = found.get("bits_per_byte", math.nan)
                print(f"{key} {found['wall_seconds']:.1f} s {score:.4f}", flush=True)


def table(file: Path) -> str:
    """The planner beside the best of the random points, and the time that it took."""
    rows = known(file)
    lines = ["| text | minutes | planned | took | best of random | planned / best |"]
    lines += ["|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        if row["what"] == "random":
            continue
        where = row["text"], row["minutes"]
        same = [r for r in rows if r["what"] == "random" and (r["text"], r["minutes"]) == where]
        scores = [r["bits_per_byte"] for r in same if not r["code"]]
        mine = row.get("bits_per_byte", math.nan)
        cells = [row["text"], f"{row['minutes']:g}", row.get("error") or f"{mine:.4f}"]
        cells += [f"{row['wall_seconds'] / 60 / row['minutes']:.1%}"]
        cells += [f"{min(scores):.4f} of {len(scores)}"] if scores else [""]
        cells += [f"{mine / min(scores):.3f}"] if scores else [""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["plan", "random", "table"])
    parser.add_argument("text", type=Path, nargs="*")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0])
    parser.add_argument("--repeats", type=int, default=1, help="seeds of the planner")
    parser.add_argument("--out", type=Path, default=Path("runs/search"))
    arguments = parser.parse_args()
    if arguments.what == "table":
        print(table(arguments.out / "search.jsonl"))
    else:
        work(arguments)


if __name__ == "__main__":
    main()
