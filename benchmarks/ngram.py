"""How long an n-gram model takes to count a large text, in how much memory, and how large it is.

    python benchmarks/ngram.py                                # 5-grams of 100 MB of characters
    python benchmarks/ngram.py --tokenizer bpe --order 3      # of byte pairs
    python benchmarks/ngram.py --megabytes 10 --json

The text is that many stories of weft's own writer, none of them twice. It is counted by `weft
train`, in a process of its own whose largest memory is measured, and another 100 kB of stories are
scored by `weft eval`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weft.data.stories.corpus import SEED, corpus

SCORED = 100_000  # characters of another text
MEGABYTE = 1_000_000


def write(path: Path, texts: Iterable[str]) -> int:
    """Write a text piece by piece; returns its bytes."""
    with open(path, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(text)
    return path.stat().st_size


def weft(*words: str | Path) -> dict[str, Any]:
    """The JSON of a command, run as a user would."""
    command = [sys.executable, "-m", "weft", *map(str, words), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def children() -> tuple[float, int]:
    """Of the processes started here: seconds of processors, all, and most bytes of memory, one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(size: int, order: int, tokenizer: str, folder: Path) -> dict[str, Any]:
    """Everything, in a folder that is empty before."""
    text, other, run = folder / "text.txt", folder / "other.txt", folder / "run"
    size = write(text, corpus(SEED, size))
    write(other, corpus(SEED + 1, SCORED))
    options = ["--model", "ngram", "--order", str(order), "--tokenizer", tokenizer]
    begun = time.monotonic()
    trained = weft("train", text, "--out", run, *options, "--sample-tokens", "0")
    seconds = time.monotonic() - begun
    cpu_seconds, memory = children()
    n_grams = weft("info", run)["n_grams"]
    file = os.path.getsize(Path(trained["checkpoint"]) / "model.safetensors")
    scored = weft("eval", run, other)
    return {
        "text_bytes": size,
        "tokens": trained["tokens"],
        "n_grams": n_grams,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "counting_seconds": trained["tokens"] / trained["tokens_per_second"],
        "peak_bytes": memory,
        "file_bytes": file,
        "bytes_per_n_gram": file / sum(n_grams),
        "scoring_seconds": scored["seconds"],
        "bits_per_byte": scored["bits_per_byte"],
    }


def table(values: dict[str, Any]) -> str:
    """The figures, a line each."""
    counts = " + ".join(f"{n:,}" for n in values["n_grams"])
    return "\n".join(
        (
            f"text           {values['text_bytes']:,} bytes, {values['tokens']:,} tokens counted",
            f"n-grams        {sum(values['n_grams']):,} ({counts})",
            f"weft train     {values['seconds']:.1f} s ({values['cpu_seconds']:.1f} s of "
            f"processors), of which counting {values['counting_seconds']:.1f} s",
            f"peak memory    {values['peak_bytes'] / MEGABYTE:,.0f} MB",
            f"model file     {values['file_bytes']:,} bytes, "
            f"{values['bytes_per_n_gram']:.2f} for each n-gram",
            f"weft eval      {values['bits_per_byte']:.3f} bits per byte of another "
            f"{SCORED // 1000} kB in {values['scoring_seconds']:.2f} s",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=100.0)
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--tokenizer", default="char")
    parser.add_argument("--folder", help="where the text and the run go (default: a temporary one)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weft-", dir=options.folder) as folder:
        size = int(options.megabytes * MEGABYTE)
        values = measure(size, options.order, options.tokenizer, Path(folder))
    print(json.dumps(values) if options.json else table(values))


if __name__ == "__main__":
    main()
