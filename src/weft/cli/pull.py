"""`weft pull NAME`: a model from the public hub, verified, into the folder of models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from weft.cli import output
from weft.cli.machine import bytes_text
from weft.cli.options import Json, off, positional

if TYPE_CHECKING:
    from weft.formats.hub import Report


@dataclass(frozen=True)
class Pull:
    """Bring a model from the public hub: weights, configuration and tokenizer, hashes verified.

    What was interrupted goes on where it stopped. Afterwards the name is a model for every verb.

    Example: weft pull gpt2
    """

    name: Annotated[str, *positional("NAME")]
    """OWNER/MODEL on the hub, or gpt2, gpt2-medium, gpt2-large, gpt2-xl, distilgpt2."""
    out: Annotated[str | None, off("DIR")] = None
    """Folder for it. By default in $WEFT_HOME/models, or the data folder of this user."""
    revision: str = "main"
    """Branch, tag or commit."""
    endpoint: Annotated[str | None, off("URL")] = None
    """Another server of the same kind. By default $WEFT_HUB, or https://huggingface.co."""
    json: Json = False


def run(options: Pull) -> None:
    from weft.formats.hub import pull

    started = time.perf_counter()
    with _progress() as report:
        pulled = pull(
            options.name,
            Path(options.out) if options.out else None,
            revision=options.revision,
            endpoint=options.endpoint,
            report=report,
        )
    values = {
        "path": str(pulled.folder),
        "files": list(pulled.files),
        "bytes": pulled.bytes,
        "fetched_bytes": pulled.fetched_bytes,
        "seconds": time.perf_counter() - started,
    }
    if options.json:
        output.result_json(values)
        return
    came = f"{bytes_text(pulled.fetched_bytes)} fetched" if pulled.fetched_bytes else "was there"
    output.result(f"{pulled.folder}: {len(pulled.files)} files, {came}, hashes verified")


@contextmanager
def _progress() -> Iterator[Report]:
    """A bar for each file on a terminal; elsewhere a line when a file begins."""
    import sys

    if not output.has_colour(sys.stderr):
        begun: set[str] = set()

        def line(name: str, done: int, size: int) -> None:
            if name not in begun:
                output.note(f"{name}: {bytes_text(size)}")
                begun.add(name)

        yield line
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(file=sys.stderr)) as bars:
        tasks: dict[str, progress.TaskID] = {}

        def bar(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=size)
            bars.update(tasks[name], completed=done)

        yield bar


COMMANDS = {"": (Pull, run)}
