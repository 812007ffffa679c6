"""docs/scaling.md and its plots, from the figures in docs/scaling.json."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Result = dict[str, Any]
PRECISIONS = ("float32", "bfloat16")
COLOURS = {"float32": "#1f5fa8", "bfloat16": "#c4561a"}
STEEPER = 0.25  # a range whose exponent is so much above that of its arithmetic is marked

INTRODUCTION = """\
# What a token costs as a model grows

Written by `python benchmarks/scaling.py`; not by hand. Each point is a whole training step
(forward, backward, clipping, AdamW), the median of several, divided by its tokens. "Exponent" is
the slope in the logarithms, time ∝ size^exponent: in a table between a row and the one above it,
in the text fitted to all rows by least squares. Beside it stands the exponent of the arithmetic,
counted as (6 N + 12 L C T) FLOP per token: where the two agree, time follows the arithmetic; where
time grows more slowly, what does not grow still matters, or larger products run nearer to the
peak. A range marked with ▲ grows faster than its arithmetic, by more than a quarter in the
exponent.
"""

TITLES = {
    "width": "Width (C)",
    "depth": "Depth (L)",
    "context": "Context (T)",
    "batch": "Batch (B)",
    "vocabulary": "Vocabulary (V)",
}

WHY = {
    "width": """\
A block multiplies by 12 C² weights, so the arithmetic goes to C² per token as soon as the products
of a block outweigh the output layer (V C) and attention (T C), both linear in C. Two things hold
the exponent of time below that of arithmetic while C is small: each operation costs the same few
microseconds whatever its size, and norms, residual additions and activations move C numbers for
each token, not C². Wide products also run nearer to the peak, as each loaded number is used more
often. AdamW goes over 12 L C² weights once a step: a cost per token of C² too, shared by B T
tokens.""",
    "depth": """\
Every block costs the same, so time is a + b L: b is a block, a the embedding, the output layer and
the loss. The exponent rises from where both matter towards 1, and a step of a deep model is the
sum of its blocks. Memory for activations grows in the same way; an exponent above 1 would mean that
they leave the cache, or that memory is asked for again in each step.""",
    "context": """\
Tokens in a step stay the same, so everything but attention costs the same, a; attention reads T
keys for each query, b T (half of them are masked and skipped; the usual count has them all). The
arithmetic of the two is equal at T = 6 C + V / 2 L: below it the exponent is near 0, far above it
goes to 1. Attention is computed in tiles that stay in the cache and never as a T × T matrix, so
nothing bends where such a matrix would leave the cache.""",
    "batch": """\
The arithmetic per token does not depend on the batch: its exponent is 0. What is done once a step
is shared by its tokens: Python's share of each operation, the start of each parallel region, and
above all clipping and AdamW, which read and write every weight. Time per token is a + b / B: an
exponent between −1, where a step costs the same whatever is in it, and 0.""",
    "vocabulary": """\
The output layer multiplies by V C weights and the loss reads V logits for each token, the rest does
not know V: time is a + b V. The arithmetic of both is equal at V = 12 L C + 2 L T: below it the
exponent is near 0, far above it near 1. Last layer and loss go through the rows in chunks, forward
and backward at once, so all logits are never in memory; AdamW and clipping go over the V C weights
of the table once a step, however few tokens it has.""",
}


def document(results: dict[str, Result]) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for name, result in results.items():
        peaks = [f"{p} {rate:,.0f} GFLOP/s" for p, rate in result["peak_gflops"].items() if rate]
        parts += [
            f"## {TITLES[name]}\n",
            f"![time per token against {name}](scaling-{name}.svg)\n",
            f"{fixed(result)}. {result['date']}, {result['machine']}"
            + (f"; peak {', '.join(peaks)}" if peaks else "")
            + ".\n",
            table(name, result["points"]),
            WHY[name] + "\n",
            measured(name, result["points"]),
        ]
    return "\n".join(parts)


def fixed(result: Result) -> str:
    """The sizes that do not change."""
    letters = {
        "batch_size": "B", "block_size": "T", "n_layer": "L", "n_embd": "C", "vocab_size": "V",
    }  # fmt: skip
    all_sizes = [point["sizes"] for point in result["points"]]
    same = [
        f"{letter} {all_sizes[0][name]}"
        for name, letter in letters.items()
        if len({sizes[name] for sizes in all_sizes}) == 1
    ]
    text = ", ".join(same) + ", heads of 64"
    tokens = {sizes["batch_size"] * sizes["block_size"] for sizes in all_sizes}
    grows = {name for name in letters if len({sizes[name] for sizes in all_sizes}) > 1}
    both = {"batch_size", "block_size"}
    return text + (f", B T = {tokens.pop()}" if grows == both and len(tokens) == 1 else "")


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The least-squares exponent of y ∝ x^exponent."""
    xs, ys = ([math.log(p[i]) for p in points] for i in (0, 1))
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    top = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return top / sum((x - mean_x) ** 2 for x in xs)


def exponents(points: Sequence[Result], precision: str, key: str) -> list[float]:
    """Between each point and the one before it."""
    pairs = [(p["value"], p[precision][key]) for p in points]
    return [slope(two) for two in itertools.pairwise(pairs)]


def table(name: str, points: Sequence[Result]) -> str:
    """Both precisions of each point, and the exponents of the range that ends there."""
    letter = TITLES[name][-2]
    titles = [letter]
    for precision in PRECISIONS:
        titles += [f"{precision} µs a token", "GFLOP/s", "exponent"]
    titles.append("of arithmetic")
    columns = {p: ["", *map(_signed, exponents(points, p, "microseconds"))] for p in PRECISIONS}
    arithmetic = exponents(points, PRECISIONS[0], "flop")
    for precision in PRECISIONS:
        for i in steeper(points, precision):
            columns[precision][i + 1] += " ▲"
    lines = [titles, ["--:"] * len(titles)]
    for i, point in enumerate(points):
        line = [f"{point['value']:,}"]
        for p in PRECISIONS:
            line += [f"{point[p]['microseconds']:.2f}", f"{point[p]['gflops']:,.0f}"]
            line.append(columns[p][i])
        lines.append([*line, _signed(arithmetic[i - 1]) if i else ""])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def steeper(points: Sequence[Result], precision: str) -> list[int]:
    """Ranges in which time grows faster than the arithmetic: where to look for a cliff."""
    times = exponents(points, precision, "microseconds")
    arithmetic = exponents(points, precision, "flop")
    return [i for i, (t, a) in enumerate(zip(times, arithmetic, strict=True)) if t > a + STEEPER]


def measured(name: str, points: Sequence[Result]) -> str:
    """The fitted exponents in words."""
    values, said = [p["value"] for p in points], []
    for precision in PRECISIONS:
        times = [(p["value"], p[precision]["microseconds"]) for p in points]
        each = exponents(points, precision, "microseconds")
        said.append(
            f"in {precision} {_signed(slope(times))} over the whole range, {_signed(each[0])} "
            f"between {values[0]:,} and {values[1]:,} and {_signed(each[-1])} between "
            f"{values[-2]:,} and {values[-1]:,}"
        )
    whole = slope([(p["value"], p[PRECISIONS[0]]["flop"]) for p in points])
    cliffs = [
        f"{precision} from {values[i]:,} to {values[i + 1]:,}"
        for precision in PRECISIONS
        for i in steeper(points, precision)
    ]
    end = (
        f"Steeper than the arithmetic (▲): {'; '.join(cliffs)}."
        if cliffs
        else "No range is steeper than its arithmetic."
    )
    return f"Measured: {'; '.join(said)}. The arithmetic: {_signed(whole)}. {end}\n"


def plot(name: str, result: Result, path: Path) -> None:
    """Time per token against size, both on logarithmic axes; dashed what arithmetic alone asks."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "weft"  # the same file from the same figures
    import matplotlib.pyplot as plt

    points = result["points"]
    values = [p["value"] for p in points]
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for precision in PRECISIONS:
        times = [p[precision]["microseconds"] for p in points]
        flop = [p[precision]["flop"] for p in points]
        axes.plot(values, times, "o-", color=COLOURS[precision], label=precision)
        alone = [times[-1] * f / flop[-1] for f in flop]
        axes.plot(values, alone, "--", color=COLOURS[precision], linewidth=0.8, alpha=0.7)
    axes.plot([], [], "--", color="grey", linewidth=0.8, label="arithmetic, at the last rate")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    axes.yaxis.set_minor_formatter(lambda y, _: f"{y:g}" if f"{y:.0e}"[0] in "25" else "")
    axes.set_xlabel(TITLES[name])
    axes.set_ylabel("microseconds a token")
    axes.grid(True, which="both", linewidth=0.4, alpha=0.4)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _signed(exponent: float) -> str:
    return f"{exponent + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")
