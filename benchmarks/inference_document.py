"""The figures of inference.py as tables: in the terminal, and in RESULTS.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft.cli.machine import bytes_text

Row = dict[str, Any]
TITLES = {
    "decode": "Decoding, one stream",
    "prefill": "Reading a prompt",
    "streams": "Decoding, many streams together",
    "character": "Decoding with the character model, one stream",
    "load": "From the file to the first token",
}

EXPLANATION = """\
Greedy tokens, nothing but the model; all sides begin with the same weights. llama.cpp has quantised
q8_0 and q4_0 itself. Below, "to the weights" is the largest resident memory over the bytes of the
weights in that precision, and "of reading memory" how much of the memory's speed it would take to
read all weights once for each token.
"""


def text(result: dict[str, Any]) -> str:
    """For a terminal."""
    from weft.cli import output

    lines = [output.table(_cells(result), "l" + "r" * 9)]
    return "\n".join([*lines, *notes(result)])


def section(result: dict[str, Any], table: Any) -> list[str]:
    """For a Markdown page: what was done, the table, what is missing. `table` renders rows."""
    titles, *rows = _cells(result)
    return [what(result) + "\n", table(titles, rows), *(note + "\n" for note in notes(result))]


def what(result: dict[str, Any]) -> str:
    """One sentence that says what was timed."""
    model = {"gpt2": "GPT-2 124M", "character": "10.8M characters"}[result["model"]]
    prompt, new, streams = result["prompt"], result["new"], result["streams"]
    if result["work"] == "load":
        done = f"whole processes that load it, read {prompt} tokens and choose the next"
    elif new:
        done = f"{new} new tokens behind {streams} x {prompt}"
    else:
        done = f"{prompt} tokens of a prompt"
    return f"{model}, random weights: {done}; {result['threads']} threads, {result['turns']} turns."


def notes(result: dict[str, Any]) -> list[str]:
    """What the table does not say."""
    lines = []
    if result["memory_gbs"]:
        lines.append(f"Memory, read at {result['memory_gbs']:,.1f} GB/s at best in this run.")
    if result["missing"]:
        lines.append(f"Not installed, not measured: {', '.join(result['missing'])}.")
    exact = {r["checksum"] for r in result["rows"] if r["precision"] == "float32"}
    if len(exact) > 1:
        lines.append("The sides did not choose the same tokens in float32.")
    return lines


def rate(row: Row) -> float:
    """Larger is better: tokens, or whole processes, per second."""
    return row["tokens_per_second"] if "tokens_per_second" in row else 1 / row["seconds"]


def fastest(result: dict[str, Any], ours: bool, precision: str | None = None) -> Row | None:
    """The fastest of Weft's rows or of the peers', in one precision or in any."""
    found = [
        row for row in result["rows"]
        if (row["owner"] == "weft") is ours and precision in (None, row["precision"])
    ]  # fmt: skip
    return max(found, key=rate, default=None)


def summary(results: Iterable[dict[str, Any]], table: Any) -> list[str]:
    """Of each kind of work: Weft against the fastest peer, in each precision and in any."""
    lines = []
    for result in results:
        unit = "s" if result["work"] == "load" else "tokens/s"
        precisions = dict.fromkeys(row["precision"] for row in result["rows"])
        for precision in (*precisions, None):
            mine, theirs = (fastest(result, ours, precision) for ours in (True, False))
            if mine is None or theirs is None:
                continue
            figures = [f"{_number(row)} {unit}" for row in (mine, theirs)]
            times = f"**{rate(mine) / rate(theirs):.2f}**"
            lines.append((
                result["work"], precision or "any precision", mine["side"], figures[0],
                theirs["side"], figures[1], times,
            ))  # fmt: skip
    if not lines:
        return []
    titles = ("work", "in", "Weft", "", "fastest peer", "", "times faster")
    heading = "## Inference: Weft against the fastest peer of each run\n"
    return [heading, EXPLANATION, table(titles, lines, 3)]


def _number(row: Row) -> str:
    return f"{row['seconds']:,.2f}" if "seconds" in row else f"{row['tokens_per_second']:,.0f}"


def _cells(result: dict[str, Any]) -> list[tuple[str, ...]]:
    load = result["work"] == "load"
    titles = (
        "", "seconds" if load else "tokens/s", "turns", "memory", "to the weights",
        "of reading memory", "Weft is faster",
    )  # fmt: skip
    lines = [titles]
    digits = 2 if load else 0
    for row in result["rows"]:
        low, high = sorted((row["slowest_turn"], row["fastest_turn"]))
        memory, mine = row["memory_bytes"], fastest(result, True, row["precision"])
        peer = row["owner"] != "weft" and mine is not None
        lines.append((
            row["side"],
            _number(row),
            f"{low:,.{digits}f}–{high:,.{digits}f}",
            bytes_text(memory) if memory else "",
            f"{memory / row['weight_bytes']:.2f}" if memory else "",
            _share(result, row),
            f"{rate(mine) / rate(row):.2f}" if peer and mine else "",
        ))  # fmt: skip
    return lines


def _share(result: dict[str, Any], row: Row) -> str:
    """What one stream reads of its weights in a second, as a share of what memory can give."""
    if not result["memory_gbs"] or result["streams"] > 1 or not result["new"]:
        return ""
    share = row["tokens_per_second"] * row["weight_bytes"] / (1e9 * result["memory_gbs"])
    return f"{100 * share:.0f} %"
