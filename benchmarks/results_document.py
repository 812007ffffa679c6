"""benchmarks/RESULTS.md as text, from the figures in results.json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import inference_document
from weft.cli.bench_compare import precision_of
from weft.cli.machine import bytes_text

INTRODUCTION = """\
# Results

Written by `python benchmarks/results.py`; not by hand. Sides of a comparison take turns
(A B A B …), each in a process of its own. Milliseconds are the median of the turns' medians, a
ratio says how many times faster Weft is in that same run, and peaks are measured between its
turns. A step is forward, backward, clipping and AdamW; FLOP are counted as (6 N + 12 L C T) per
token.
"""

Row = dict[str, Any]
BUSY = 0.05  # share of the processors that others use, from which figures are not to be trusted


def document(rows: dict[str, Row]) -> str:
    """The whole page."""
    training = {name: row for name, row in rows.items() if "sides" in row["result"]}
    inference = [row for row in rows.values() if "work" in row["result"]]
    kernels = [row for name, row in rows.items() if name.startswith("kernels")]
    parts = [INTRODUCTION, *machines(rows), *summary(training)]
    parts += inference_document.summary((row["result"] for row in inference), table)
    for name, row in training.items():
        parts += comparison(name, row)
    for row in inference:
        heading = inference_document.TITLES[row["result"]["work"]]
        parts += [f"## {heading}\n", _origin(row)]
        parts += inference_document.section(row["result"], table)
    parts += kernel_tables(kernels)
    return "\n".join(parts)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first `left` columns are words and the others figures."""
    rule = ["---" if i < left else "--:" for i in range(len(titles))]
    lines = [titles, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def machines(rows: dict[str, Row]) -> list[str]:
    """Each machine that figures come from, and what it can do."""
    parts, seen = [], list[Row]()
    for row in rows.values():
        if row["machine"] not in seen:
            seen.append(row["machine"])
    for machine in seen:
        mine = [row for row in rows.values() if row["machine"] == machine]
        parts.append(
            f"**Machine**: {machine['processor']}, {machine['processors']} processors, "
            f"{bytes_text(machine['memory_bytes'])} of memory, {machine['platform']}, "
            f"Python {machine['python']}; {machine['threads']} threads; instruction sets "
            f"{', '.join(machine['isas'])} (in use: {machine['isa']}).\n"
        )
        parts.append("Peaks measured in these runs: " + "; ".join(_peaks(mine)) + ".\n")
        if len(seen) > 1:
            names = ", ".join(name for name, row in rows.items() if row["machine"] == machine)
            parts.append(f"Measured on it: {names}.\n")
    return parts


def _peaks(rows: list[Row]) -> Iterable[str]:
    rates: dict[str, list[float]] = {}
    for row in rows:
        for kind, rate in row["result"].get("peak_gflops", {}).items():
            rates.setdefault(f"{kind} {{}} GFLOP/s", []).append(rate)
        if row["memory_gbs"]:
            rates.setdefault("memory {} GB/s", []).append(row["memory_gbs"])
    for kind, values in sorted(rates.items()):
        low, high = f"{min(values):,.0f}", f"{max(values):,.0f}"
        yield kind.format(low if low == high else f"{low} to {high}")


def summary(rows: dict[str, Row]) -> list[str]:
    """Of each comparison: Weft at its best against the fastest peer, and in float32."""
    lines = []
    for name, row in rows.items():
        sides = row["result"]["sides"]
        for label, names in (
            ("any precision", list(sides)),
            ("float32", [n for n in sides if precision_of(n) == "float32"]),
        ):
            ours, peer = (
                min(chosen, key=lambda n: sides[n]["milliseconds"], default=None)
                for chosen in (
                    [n for n in names if n.startswith("weft")],
                    [n for n in names if not n.startswith("weft")],
                )
            )
            if ours is None or peer is None:
                continue
            share = sides[ours]["peak_fraction"]
            lines.append((
                name,
                label,
                ours,
                _ms(sides[ours]),
                _percent(share),
                peer,
                _ms(sides[peer]),
                f"**{row['result']['ratios'][peer][ours]:.2f}**",
            ))  # fmt: skip
    if not lines:
        return []
    titles = ("comparison", "in", "Weft", "ms", "of peak", "fastest peer", "ms", "times faster")
    return ["## Weft against the fastest peer of each run\n", table(titles, lines, left=3)]


def comparison(name: str, row: Row) -> list[str]:
    """One comparison with all its sides."""
    result, c = row["result"], row["result"]["configuration"]
    ours = [side for side in result["sides"] if side.startswith("weft")]
    titles = ["", "ms", "turns", "GFLOP/s", "of peak", "memory", *(f"to {o}" for o in ours)]
    lines = []
    for side, values in result["sides"].items():
        ratios, memory = result["ratios"].get(side, {}), values["memory_bytes"]
        lines.append([
            side,
            _ms(values),
            f"{values['fastest_turn']:,.1f}–{values['slowest_turn']:,.1f}",
            f"{values['gflops']:,.0f}",
            _percent(values["peak_fraction"]),
            bytes_text(memory) if memory else "",
            *(f"{ratios[o]:.2f}" if o in ratios else "" for o in ours),
        ])  # fmt: skip
    sizes = (
        f"B {c['batch_size']}, T {c['block_size']}, L {c['n_layer']}, H {c['n_head']}, "
        f"C {c['n_embd']}, V {c['vocab_size']}, dropout {c['dropout']}"
    )
    return [f"## {name}\n", _origin(row), f"{sizes}; {result['turns']} turns.\n",
            table(titles, lines)]  # fmt: skip


def kernel_tables(rows: list[Row]) -> list[str]:
    """All kernels, one column of figures for each precision."""
    if not rows:
        return []
    parts = ["## Kernels\n", *(_origin(row) for row in rows)]
    parts.append("GB/s above 100 % of the peak: the arrays stay in the cache.\n")
    names: dict[tuple[str, str, int], list[str]] = {}
    count: dict[tuple[str, str], int] = {}
    for column, row in enumerate(rows):
        count.clear()
        for k in row["result"]["kernels"]:
            which = (k["name"], k["size"])
            count[which] = count.get(which, 0) + 1
            cells = names.setdefault((*which, count[which]), [""] * (3 * len(rows)))
            rate = f"{k['rate']:,.1f} {k['unit']}"
            cells[3 * column : 3 * column + 3] = [
                f"{k['microseconds']:,.1f}", rate, _percent(k["peak_fraction"])
            ]  # fmt: skip
    titles = ["kernel", "size"]
    for row in rows:
        precision = "bfloat16" if "bfloat16" in row["command"] else "float32"
        titles += [f"{precision} µs", "rate", "of peak"]
    lines = [[name, size, *cells] for (name, size, _), cells in names.items()]
    return [*parts, table(titles, lines, left=2)]


def _origin(row: Row) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(row["versions"].items()))
    commit = f"commit {row['commit']}, " if row["commit"] else ""
    others = f" **Others used {100 * row['others']:.0f} % of the processors meanwhile.**"
    busy = others if row["others"] > BUSY else ""
    return f"`{row['command']}`: {row['date']}, {commit}{versions}.{busy}\n"


def _ms(side: Row) -> str:
    return f"{side['milliseconds']:,.2f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"
