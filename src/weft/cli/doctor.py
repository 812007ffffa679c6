"""`weft doctor [RUN]`: is this machine ready, or what is wrong with a run, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from weft.cli import output
from weft.cli.options import Json, positional
from weft.errors import MalformedFileError, WeftError

if TYPE_CHECKING:
    from weft.checkpoint import RunFolder
    from weft.reports import Finding as Diagnosed

Finding = tuple[bool, str, str]  # fine or not, what was looked at, what was found


@dataclass(frozen=True)
class Doctor:
    """Describe this machine and installation; or say what is wrong with a run, in words.

    First how the training went, with the option to change; then whether the files are sound: exit
    code 3 if the configuration, log, data or a checkpoint cannot be read or has another SHA-256
    than its manifest gives, otherwise 0.

    Example: weft doctor runs/book-1
    """

    run: Annotated[str, *positional("[RUN]")] = ""
    """Run folder; none: this machine."""
    json: Json = False


def run(options: Doctor) -> int:
    return _run_folder(options) if options.run else _machine(options)


def _machine(options: Doctor) -> int:
    from weft.cli.machine import bytes_text, describe

    values = describe()
    missing = [name for name, version in values["dependencies"].items() if version is None]
    if options.json:
        output.result_json({**values, "missing": missing})
        return 1 if missing else 0
    kernels, dependencies = values.pop("kernels"), values.pop("dependencies")
    memory = values.pop("memory_bytes")
    rows = [(name, str(value)) for name, value in values.items()]
    rows.append(("memory", bytes_text(memory) if memory else "unknown"))
    rows.append(("kernels", _kernels_text(kernels)))
    rows.append(("threads", str(kernels["threads"])))
    rows += [(name, version or "MISSING") for name, version in dependencies.items()]
    output.result(output.table(rows))
    if kernels["backend"] == "reference":
        output.note(
            "weft: running on the NumPy definitions, many times slower than the native kernels; "
            "install a C++ compiler and reinstall, or unset WEFT_KERNELS"
        )
    for name in missing:
        output.note(f"weft: {name} is missing; install it with: pip install {name}")
    return 1 if missing else 0


def _kernels_text(kernels: dict[str, Any]) -> str:
    if kernels["backend"] == "reference":
        return "reference (NumPy)"
    return f"native, {kernels['isa']} (this CPU runs {', '.join(kernels['isas'])})"


def _run_folder(options: Doctor) -> int:
    from weft.checkpoint import RunFolder

    path = Path(options.run)
    if not path.is_dir():
        raise WeftError(f"no such run folder; {path}; check the path")
    files = list(_findings(RunFolder(path)))
    diagnosis, last_line = _diagnosis(path)
    healthy = all(fine for fine, _, _ in files)
    if options.json:
        rows = [{"fine": fine, "what": what, "finding": text} for fine, what, text in files]
        found = [finding.to_dict() for finding in diagnosis]
        values = {"run": str(path), "healthy": healthy, "diagnosis": found, "verdict": last_line}
        output.result_json({**values, "findings": rows})
        return 0 if healthy else MalformedFileError.exit_code
    for finding in diagnosis:
        output.result(f"{finding.severity}: {output.one_line(finding.message)}")
        output.result(f"    try: {output.one_line(finding.advice)}")
    output.result(output.one_line(last_line))
    output.result()
    for fine, what, text in files:
        output.result(f"{'fine' if fine else 'BAD '}  {what}: {output.one_line(text)}")
    return 0 if healthy else MalformedFileError.exit_code


def _diagnosis(path: Path) -> tuple[list[Diagnosed], str]:
    """What is wrong with the training, and a last line; where it cannot be read, why."""
    from weft.reports import diagnose, read_run, verdict

    try:
        record = read_run(path)
    except WeftError as error:
        return [], f"the training cannot be judged: {error}"
    found = diagnose(record)
    return found, verdict(record, found)


def _findings(run: RunFolder) -> Iterator[Finding]:
    yield _try("config.toml", lambda: _check_config(run))
    yield _try("metrics.jsonl", lambda: _check_metrics(run))
    for path in sorted(run.data_path.glob("*.bin")) if run.data_path.is_dir() else []:
        yield _try(f"data/{path.name}", lambda path=path: _check_shard(path))
    steps = run.checkpoints()
    if not steps:
        yield False, "checkpoints", "there is none; train on with weft train --resume"
    for step in steps:
        folder = run.checkpoint_path(step)
        yield _try(f"checkpoints/{folder.name}", lambda folder=folder: _check_checkpoint(folder))


def _try(what: str, check: Any) -> Finding:
    try:
        return True, what, check()
    except WeftError as error:
        return False, what, str(error)
    except OSError as error:
        return False, what, error.strerror or str(error)


def _check_config(run: RunFolder) -> str:
    from weft.config import read_toml

    return f"{sum(1 for _ in read_toml(run.config_path))} sections"


def _check_metrics(run: RunFolder) -> str:
    from weft.runlog import read_metrics

    records = read_metrics(run.metrics_path)
    return f"{len(records):,} lines" + (f", to step {records[-1]['step']:,}" if records else "")


def _check_shard(path: Path) -> str:
    from weft.data import TokenShard

    return f"{len(TokenShard.open(path)):,} tokens"


def _check_checkpoint(folder: Path) -> str:
    import numpy as np

    from weft.checkpoint import load_checkpoint
    from weft.errors import CheckpointError

    checkpoint = load_checkpoint(folder)
    for name, array in checkpoint.model.items():
        if not np.isfinite(array.astype(np.float32)).all():
            raise CheckpointError(f"NaN or infinity in {name}; {folder}; use another checkpoint")
    count = sum(array.size for array in checkpoint.model.values())
    loss = checkpoint.state.get("val_loss")
    return f"{count:,} parameters, verified" + (f", validation loss {loss:.4f}" if loss else "")


COMMANDS = {"": (Doctor, run)}
