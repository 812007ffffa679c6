"""`weft generate --trace`: what every filter did for each token, as tables or as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from weft.cli import output
from weft.sampling import Stage

WIDE = 110  # columns of a terminal from which a cell names three tokens, else two


class Trace:
    """Prints the stages of a text's tokens as they become known, on stderr."""

    def __init__(self, tokenizer: Any, as_json: bool) -> None:
        self._tokenizer, self._as_json = tokenizer, as_json
        self._printed: dict[int, int] = {}  # tokens of each sample

    def show(self, sample: int, text: Any) -> None:
        """Print the tokens of a `Generation` that were not printed yet."""
        first = self._printed.get(sample, 0)
        self._printed[sample] = text.tokens
        known = list(zip(text.ids, text.stages, strict=True))
        for n, (token, stages) in enumerate(known[first:], first):
            if self._as_json:
                output.note(json.dumps(self._line(sample, n, token, stages)))
            else:
                self._table(n, token, stages)

    def _line(self, sample: int, n: int, token: int, stages: Sequence[Stage]) -> dict[str, Any]:
        return {
            "sample": sample,
            "index": n,
            **describe(token, self._tokenizer),
            "stages": [
                {
                    "name": stage.name,
                    "removed": stage.removed,
                    "left": stage.left,
                    "removed_likeliest": self._listed(stage.removed_likeliest),
                    "left_likeliest": self._listed(stage.left_likeliest),
                }
                for stage in stages
            ],
        }

    def _listed(self, likely: Sequence[tuple[int, float]]) -> list[dict[str, Any]]:
        return [{**describe(i, self._tokenizer), "probability": p} for i, p in likely]

    def _table(self, n: int, token: int, stages: Sequence[Stage]) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        word = quoted(token, self._tokenizer)
        colour = output.has_colour(sys.stderr)
        console = Console(file=sys.stderr, no_color=not colour, highlight=False)
        shown = 3 if console.width >= WIDE else 2
        table = Table(
            title=Text(f"token {n + 1}: {word} (id {token})"), title_justify="left",
            title_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0),
        )  # fmt: skip
        for name, right in (
            ("filter", False), ("removed", True), ("likeliest of them", False), ("left", True),
            ("likeliest of them", False),
        ):  # fmt: skip
            table.add_column(name, justify="right" if right else "left", overflow="fold")
        for stage in stages:
            removed = f"{stage.removed:,}" if stage.removed else ""
            cells = (
                stage.name, removed, self._cell(stage.removed_likeliest[:shown]), f"{stage.left:,}",
                self._cell(stage.left_likeliest[:shown]),
            )  # fmt: skip
            table.add_row(*(Text(cell) for cell in cells))
        console.print(table)

    def _cell(self, likely: Sequence[tuple[int, float]]) -> str:
        return ", ".join(f"{quoted(i, self._tokenizer)} {100 * p:.3g}%" for i, p in likely)


def quoted(token: int, tokenizer: Any) -> str:
    """A token's text as it can be shown in one line; bytes that are no text as \\x.."""
    data = tokenizer.token_bytes(token)
    return "'" + output.one_line(data.decode("utf-8", errors="backslashreplace")) + "'"


def describe(token: int, tokenizer: Any) -> dict[str, Any]:
    """A token in JSON: its text (U+FFFD for parts of characters), id and bytes."""
    data = tokenizer.token_bytes(token)
    return {"token": data.decode("utf-8", errors="replace"), "id": token, "bytes": list(data)}


def scores(text: Any, tokenizer: Any) -> list[dict[str, Any]]:
    """The log-probabilities of a `Generation`, in the shape of OpenAI's chat completions."""
    return [
        {
            **describe(score.token, tokenizer),
            "logprob": score.logprob,
            "top_logprobs": [{**describe(i, tokenizer), "logprob": p} for i, p in score.top],
        }
        for score in text.scores
    ]
