"""`weft sweep DATA`: several settings on one text, the better ones for longer; a table, a picture.

What is trained when is in weft.training.sweep. Not here: the picture (sweep_plot.py).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from weft.cli import output
from weft.cli.options import Json, flag, off, positional
from weft.errors import ConfigError

if TYPE_CHECKING:
    from weft.training.sweep import Record, Sweep, Trial

MINUTES = 10.0
ETA = 3.0


@dataclass(frozen=True)
class SweepOptions:
    """Try several settings on a text, and train the better ones for longer.

    By successive halving: all points for a short time, the best third of them three times as long,
    and so on. Each run has a whole schedule of its own length, and is a run folder afterwards.
    What is not set is planned once, for all of them. Ctrl-C keeps what is done.

    Example: weft sweep book.txt --minutes 5 --set learning_rate=1e-3,3e-3 --set n_layer=2,4
    """

    data: Annotated[str, *positional("DATA")]
    """Text, .gz, .zip, folder, token shards, or stories, pydocs, shakespeare; with --resume, the
    folder of a sweep."""
    set: Annotated[tuple[str, ...], off("NAME=VALUE,...")] = ()
    """An option of weft train and its values, or LOW..HIGH; one value holds for all. (repeatable)
    """
    minutes: Annotated[float | None, off("FLOAT")] = None
    """Wall-clock minutes of the whole sweep; 10 unless given."""
    steps: Annotated[int | None, off("INT")] = None
    """Steps of a run of the last rung, instead of minutes."""
    points: Annotated[int | None, off("INT")] = None
    """So many random points instead of all combinations; 1 to 256."""
    rungs: Annotated[int | None, off("INT")] = None
    """Rounds; 1 trains all points to the end. By default until one point is left."""
    eta: Annotated[float | None, off("FLOAT")] = None
    """A rung keeps one point in so many, and trains it so many times as long; 3 unless given."""
    seed: int = 0
    """Which random points are drawn."""
    out: Annotated[str, off("FOLDER")] = ""
    """Folder of the runs; by default runs/sweep-NAME-1, or the next number free."""
    resume: Annotated[bool, *flag()] = False
    """Go on with the sweep in the folder DATA."""
    json: Json = False


def run(options: SweepOptions) -> None:
    from weft.training.sweep import Sweep, read_record

    folder = Path(options.data) if options.resume else _free_folder(options)
    if options.resume:
        for name in ("set", "minutes", "steps", "points", "rungs", "eta", "out"):
            if getattr(options, name):
                raise ConfigError(f"--{name} with --resume; sweep; a sweep goes on as it began")
        record = read_record(folder)
    else:
        record = _record(options)
    sweep = Sweep(folder, record, lambda text: output.note(f"weft: {text}"))
    try:
        sweep.run()
    except (KeyboardInterrupt, SystemExit):
        if record.trials:
            output.note(_table(sweep))
        output.note(f"weft: go on with: weft sweep {shlex.quote(str(folder))} --resume")
        raise
    picture = _draw(sweep)
    if options.json:
        output.result_json(_described(sweep, picture))
        return
    output.result(_table(sweep))
    output.note("\nNext:  " + "\n       ".join(_next(sweep)))
    if picture:
        output.note(f"weft: drawn in {picture}")


def _record(options: SweepOptions) -> Record:
    """The sweep that the options ask for. Raises `ConfigError`."""
    from weft.random import Generator
    from weft.training.sweep import Record, draw, grid, read_axis
    from weft.training.sweep import rungs as ladder

    axes = [read_axis(text) for text in options.set]
    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        raise ConfigError(f"an option is set twice: {', '.join(names)}; sweep; set each once")
    fixed = {axis.name: axis.values[0] for axis in axes if len(axis.values) == 1}
    swept = [axis for axis in axes if axis.name not in fixed]
    if not swept:
        raise ConfigError("nothing to compare; sweep; say --set learning_rate=1e-3,3e-3 or so")
    if options.points is None:
        points = grid(swept)
    else:
        points = draw(swept, options.points, Generator(options.seed))
    if options.minutes is not None and options.steps is not None:
        raise ConfigError("both steps and minutes; sweep; give one of them")
    minutes = options.minutes
    if minutes is None and options.steps is None:
        minutes = MINUTES
    eta = ETA if options.eta is None else options.eta
    count = len(ladder(len(points), eta, options.rungs))
    return Record(options.data, points, eta, count, minutes, options.steps, fixed)


def _free_folder(options: SweepOptions) -> Path:
    """The folder of a new sweep, which must not be there."""
    from weft.cli.train import free_folder

    if not options.data:
        raise ConfigError("no DATA given; weft sweep; name a text file, a folder or stories")
    if options.out:
        if Path(options.out, "sweep.json").exists():
            raise ConfigError(
                f"there is a sweep already; {options.out}; go on with weft sweep {options.out} "
                "--resume, or choose another --out"
            )
        return Path(options.out)
    name, number = Path(free_folder(options.data)).name.rpartition("-")[0], 1
    while Path("runs", f"sweep-{name}-{number}").exists():
        number += 1
    return Path("runs", f"sweep-{name}-{number}")


def _table(sweep: Sweep) -> str:
    """The points, the best first; those that went further are before the others."""
    from weft.training.sweep import value_text

    record, ranking = sweep.record, sweep.ranking()
    names = list(record.points[0])
    unit = "bits per byte" if sweep.by_bytes else "validation loss"
    rows: list[tuple[str, ...]] = [("", *names, "rung", "seconds", unit, "run")]
    for place, trial in enumerate(ranking, 1):
        point = record.points[trial.point]
        rows.append(
            (
                "" if trial.failure else str(place),
                *(value_text(point[name]) for name in names),
                str(trial.rung + 1),
                f"{trial.seconds:,.0f}",
                "failed" if trial.failure else f"{trial.score:.4f}",
                str(sweep.place(trial.point, trial.rung)),
            )
        )
    parts = [output.table(rows, "r" * (len(names) + 4))]
    failures = [(t, shown_point(record, t)) for t in ranking if t.failure]
    parts += [f"failed: {point}: {output.one_line(t.failure or '')}" for t, point in failures]
    if len({trial.rung for trial in ranking}) > 1:
        parts.append("A higher rung trained longer: its losses are not those of a lower one.")
    return "\n".join(parts)


def shown_point(record: Record, trial: Trial) -> str:
    """The settings of a trial's point in words."""
    from weft.training.sweep import shown

    return shown(record.points[trial.point])


def best_command(sweep: Sweep) -> str:
    """How to train the best point for longer."""
    from weft.training.sweep import value_text

    record, best = sweep.record, sweep.ranking()[0]
    options = {**record.fixed, **record.points[best.point]}
    if record.steps is None:
        options = {"minutes": record.minutes or MINUTES, **options}
    else:
        options = {"steps": 10 * record.steps, **options}
    words = [f"--{name.replace('_', '-')} {value_text(v)}" for name, v in options.items()]
    return f"weft train {shlex.quote(record.data)} {' '.join(words)}"


def _next(sweep: Sweep) -> list[str]:
    best = sweep.ranking()[0]
    return [
        best_command(sweep),
        f"weft chat {shlex.quote(str(sweep.place(best.point, best.rung)))}",
    ]


def _described(sweep: Sweep, picture: str | None) -> dict[str, Any]:
    record = sweep.record
    trials = [
        {
            "rank": rank,
            "settings": record.points[trial.point],
            "rung": trial.rung + 1,
            "budget": trial.budget,
            "seconds": trial.seconds,
            "val_loss": trial.loss,
            "bits_per_byte": trial.bits_per_byte,
            "failure": trial.failure,
            "run": str(sweep.place(trial.point, trial.rung)),
        }
        for rank, trial in enumerate(sweep.ranking(), 1)
    ]
    return {
        "text": record.data,
        "folder": str(sweep.folder),
        "rungs": [{"runs": rung.points, "length": rung.length} for rung in sweep.ladder],
        "planned": record.planned,
        "fixed": record.fixed,
        "points": trials,
        "seconds": sum(trial.seconds for trial in record.trials),
        "next": best_command(sweep),
        "picture": picture,
    }


def _draw(sweep: Sweep) -> str | None:
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        output.note("weft: no picture: matplotlib is not installed; pip install 'weft[plot]'")
        return None
    from weft.cli.sweep_plot import draw

    path = sweep.folder / "sweep.svg"
    draw(sweep, path)
    return str(path)


COMMANDS = {"": (SweepOptions, run)}
