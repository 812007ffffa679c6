"""The run folder: where each thing is, and which temporary folders a dead process left behind."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from weft.checkpoint import durable, lock

STEP_NAME = re.compile(r"step-(\d{8,12})")
TEMPORARY_FILE = re.compile(
    r"(train\.bin|val\.bin|tokenizer\.json|config\.toml|events\.jsonl|plan\.json|report\.html)\.tmp-\d+"
)
LEFTOVER_NAME = re.compile(r"step-\d{8,12}\.tmp-\d+")


class RunFolder:
    """`runs/<name>`: config.toml, the logs, lock, data/, checkpoints/step-00002000/."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.toml"
        self.metrics_path = self.path / "metrics.jsonl"
        self.events_path = self.path / "events.jsonl"
        self.plan_path = self.path / "plan.json"
        self.lock_path = self.path / "lock"
        self.data_path = self.path / "data"
        self.checkpoints_path = self.path / "checkpoints"

    def create(self) -> None:
        """Make the folder, and what it is in, where they are missing. Raises `WeftError`."""
        with durable.one_line_errors("make the run folder", self.path):
            self.checkpoints_path.mkdir(parents=True, exist_ok=True)

    def is_used(self) -> bool:
        """Whether a run has left its configuration, log or a checkpoint here."""
        return self.config_path.exists() or self.metrics_path.exists() or bool(self.checkpoints())

    def checkpoints(self) -> list[int]:
        """The steps that have a checkpoint folder, in order; good or bad."""
        matches = (STEP_NAME.fullmatch(name) for name in self._names())
        return sorted(int(match[1]) for match in matches if match)

    def checkpoint_path(self, step: int) -> Path:
        """Folder of the checkpoint of a step, whether it is there or not."""
        return self.checkpoints_path / f"step-{step:08d}"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only run in this folder while the block runs. Raises `RunLockedError`.

        The holder is the only writer, so temporary folders that are there belong to the dead.
        """
        with contextlib.ExitStack() as stack:
            with durable.one_line_errors("lock the run folder", self.path):
                stack.enter_context(lock.hold(self.lock_path))
                self.remove_leftovers()
            yield

    def is_held(self) -> bool:
        """Whether a process is training here now."""
        return self.holder() is not None

    def holder(self) -> str | None:
        """Which process is training here, in words; None when none is. Takes no lock from it."""
        return lock.holder(self.lock_path)

    def remove_leftovers(self) -> None:
        """Remove the temporary folders and files of saves that did not end."""
        for name in self._names():
            if LEFTOVER_NAME.fullmatch(name):
                durable.remove_folder(self.checkpoints_path / name)
        for folder in (self.path, self.data_path):
            for file in folder.glob("*.tmp-*"):
                if TEMPORARY_FILE.fullmatch(file.name):
                    file.unlink()

    def _names(self) -> list[str]:
        if not self.checkpoints_path.is_dir():
            return []
        entries = self.checkpoints_path.iterdir()
        return sorted(e.name for e in entries if e.is_dir() and not e.is_symlink())
