"""`weft train DATA`: train a model into a run folder, or go on with one."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from weft.cli import failure, output
from weft.cli.options import Json, flag, off, options_of, positional, values_of
from weft.config import FAMILIES, Family, TrainConfig
from weft.errors import ConfigError, RunLockedError

if TYPE_CHECKING:
    from weft.training import Progress

QUICKLY_READ = 16 << 20  # bytes of a log: a second of reading


@dataclass(frozen=True)
class _Train:
    """Train a model on a text. Progress goes to stderr, and all else into a run folder.

    Ctrl-C saves after the current step; --resume goes on from there, to the same bits as if it had
    never stopped.

    Example: weft train book.txt --minutes 10
    """

    data: Annotated[tuple[str, ...], *positional("[DATA]")] = ()
    """Text, .gz, .zip, folder, -, token shards, or stories, pydocs, shakespeare, dates; several
    are read one after the other."""
    out: Annotated[str, off("FOLDER")] = ""
    """Run folder; by default runs/NAME-1 for the text NAME.txt, or the next number free."""
    resume: Annotated[bool, *flag()] = False
    """Go on with the run in --out, or named as DATA; give only what is to change."""
    init_from: Annotated[str, off("MODEL", "from")] = ""
    """Go on from this run's (or checkpoint's) model on DATA, as a new run."""
    overwrite: Annotated[bool, *flag()] = False
    """Remove the run that is in --out first."""
    model: Annotated[Family | None, off("{" + ",".join(FAMILIES) + "}")] = None
    """Family of the model: gpt unless it is given."""
    quiet: Annotated[bool, *flag()] = False
    """Show nothing but errors and the result."""
    tensorboard: Annotated[bool, *flag()] = False
    """Write figures and samples for TensorBoard too, into the folder tensorboard of the run."""
    json: Json = False


def _model_options() -> list[tuple[str, Any, Any]]:
    """Options of all families, each once; the help of one says which families have it."""
    defaults: dict[str, dict[str, Any]] = {}
    for family, config in FAMILIES.items():
        for field in dataclasses.fields(config):
            defaults.setdefault(field.name, {})[family] = field.default
    notes = {name: _whose(of) for name, of in defaults.items()}
    options: dict[str, tuple[str, Any, Any]] = {}
    for config in dict.fromkeys(FAMILIES.values()):
        done = ["vocab_size", "model", *options]
        for option in options_of(config, leave_out=done, unset=True, notes=notes):
            options[option[0]] = option
    return list(options.values())


def _whose(defaults: Mapping[str, Any]) -> tuple[str, str]:
    """Which families have an option, if not all; and its defaults, where they differ."""
    whose = "" if len(defaults) == len(FAMILIES) else f" Of {', '.join(defaults)}."
    values: dict[Any, list[str]] = {}
    for family, value in defaults.items():
        values.setdefault(value, []).append(family)
    if len(values) == 1 or None in values:
        return whose, ""
    return whose, "; ".join(f"{value} {', '.join(of)}" for value, of in values.items())


Train: Any = dataclasses.make_dataclass(
    "Train",
    [
        *options_of(TrainConfig, leave_out=["data", "out"], unset=True),
        *_model_options(),
    ],
    bases=(_Train,),
    frozen=True,
    namespace={"__doc__": _Train.__doc__},
)


def run(options: Any) -> None:
    from weft.machine import process_began
    from weft.training import train

    data, out = _places(options)
    progress = _progress(options)
    if options.overwrite:
        if options.init_from and Path(out).resolve() in [
            Path(options.init_from).resolve(),
            *Path(options.init_from).resolve().parents,
        ]:
            raise ConfigError(f"--overwrite would remove what --from names; {out}; choose another")
        remove_run(Path(out))
    values = {"model": options.model} if options.model else {}
    for config in dict.fromkeys([*FAMILIES.values(), TrainConfig]):
        values |= values_of(options, config)
    values = {name: v for name, v in values.items() if name not in ("data", "out")}
    with _hint_at_resuming(out), _reporting(out):
        begun = process_began()
        values |= {"init_from": options.init_from} if options.init_from else {}
        result = train(
            data or None, out=out, resume=options.resume, progress=progress, begun=begun, **values
        )
    if options.json:
        output.result_json(result.to_dict())
        return
    rows = [
        ("steps", f"{result.steps:,} ({result.tokens:,} tokens in {result.seconds:,.0f} s)"),
        ("training loss", f"{result.train_loss:.4f}"),
        ("validation loss", f"{result.val_loss:.4f} (best {result.best_val_loss:.4f})"),
        ("speed", f"{result.tokens_per_second:,.0f} tokens per second"),
        ("checkpoint", result.checkpoint),
        ("report", str(Path(out, "report.html"))),
    ]
    if result.old_val_loss_before is not None:
        old = f"{result.old_val_loss_before:.4f} -> {result.old_val_loss_after:.4f}"
        rows.insert(3, ("on the old text", old))
    output.result(output.table(rows))
    if not options.quiet:
        _next_commands(out)


def _progress(options: Any) -> Progress:
    """What shows the run. Raises `WeftError` where a package for it is missing."""
    from weft.training.progress import Progress, Several, choose_progress
    from weft.training.progress.tensorboard import TensorBoardProgress

    shown = Progress() if options.quiet else choose_progress()
    return Several(shown, TensorBoardProgress()) if options.tensorboard else shown


def _places(options: Any) -> tuple[tuple[str, ...], str]:
    """DATA and the run folder, with what was left out filled in."""
    from weft.checkpoint import RunFolder

    data, out = options.data, options.out
    if options.resume and options.overwrite:
        raise ConfigError("both --resume and --overwrite; weft train; give one of them")
    if options.resume and not out:
        if len(data) != 1 or not RunFolder(data[0]).config_path.exists():
            raise ConfigError("no run to go on with; weft train --resume; name it with --out")
        return (), data[0]
    if not any(data) and not options.resume:
        raise ConfigError("no DATA given; weft train; name a text file, a folder or stories")
    return data, out or free_folder(data[0])


def free_folder(data: str) -> str:
    """runs/<name of the data>-<first number without a run>."""
    from weft.checkpoint import RunFolder

    path = Path(data.removeprefix("builtin:"))
    name = "stdin" if data == "-" else path.stem if path.is_file() else path.resolve().name
    number = 1
    while RunFolder(Path("runs", f"{name}-{number}")).is_used():
        number += 1
    return str(Path("runs", f"{name}-{number}"))


def remove_run(path: Path) -> None:
    """Remove what a run has left in its folder, and nothing else. No other run may hold it."""
    import shutil

    from weft.checkpoint import RunFolder

    folder = RunFolder(path)
    if not folder.is_used():
        return
    with folder.lock():
        folder.config_path.unlink(missing_ok=True)  # first: what remains is not a run to resume
        logs = (folder.metrics_path, folder.events_path, folder.plan_path)
        for file in (*logs, folder.path / "report.html"):
            file.unlink(missing_ok=True)
        for inside in (folder.checkpoints_path, folder.data_path, folder.path / "tensorboard"):
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)


@contextmanager
def _hint_at_resuming(out: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if Path(out, "checkpoints").is_dir():
            output.note(f"weft: go on with: weft train --resume --out {shlex.quote(out)}")
        raise


@contextmanager
def _reporting(out: str) -> Iterator[None]:
    """Write report.html after the block, also where the run was stopped or went wrong.

    What happens to the report is no matter of the run's: a warning at most. Whoever has stopped a
    run with a long log does not have to wait for it.
    """
    from weft.checkpoint import RunFolder

    try:
        yield
    except (ConfigError, RunLockedError):
        raise  # it never began: the folder is somebody else's
    except BaseException:
        run = RunFolder(out)
        if run.config_path.exists() and _size(run.metrics_path) <= QUICKLY_READ:
            _write_report(out)
        raise
    _write_report(out)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _write_report(out: str) -> None:
    from weft.reports import write_report

    try:
        write_report(out)
    except Exception as error:
        output.note(f"weft: warning: no report: {output.one_line(failure.describe(error))}")


def _next_commands(out: str) -> None:
    """What can be done with the run; counting is done at once, and a source comes first."""
    from weft.checkpoint import RunFolder
    from weft.config import read_toml

    stored, name = read_toml(RunFolder(out).config_path), shlex.quote(out)
    model = stored["model"].get("model")
    prompt = ' "SOURCE"' if model == "encoder-decoder" else " --seed 1"
    lines = [f"weft generate {name}{prompt}", f"weft chat {name}", f"weft doctor {name}"]
    if model != "ngram":
        more = "minutes" if "minutes" in stored["train"] else "steps"
        lines.append(f"weft train --resume --out {name} --{more} MORE")
    output.note("\nNext:  " + "\n       ".join(lines))


COMMANDS: dict[str, Any] = {"": (Train, run)}
