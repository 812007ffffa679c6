"""Running a Python file of the user's, and saying in one line where an error in it is."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from weft.cli import output
from weft.errors import ConfigError, WeftError


class UserCode:
    """`FILE.py:NAME`: the file is run once, as Python runs a file; `target` is NAME in it.

    Raises ConfigError for a target of another form, a file that is not there and a name that is
    not in it; WeftError for what the file itself raises, naming the line.
    """

    def __init__(self, target: str) -> None:
        file, colon, self.name = target.rpartition(":")
        if not colon or not self.name.isidentifier() or not file.endswith(".py"):
            raise ConfigError(f"{target[:200]!r}; weft gradcheck; give FILE.py:NAME")
        self.path = Path(file).resolve()
        self.where = f"{file}:{self.name}"
        if not self.path.is_file():
            raise ConfigError(f"no such file; {file}; check the path")
        self.target = self._find(self._run())

    def build(self, arguments: Sequence[tuple[str | None, Any]]) -> Any:
        """The layer: a class is called with the arguments, anything else is taken as it is."""
        if not isinstance(self.target, type):
            if arguments:
                raise ConfigError(f"--arg is for a class; {self.where} is not one; leave it out")
            return self.target
        positional = [value for name, value in arguments if name is None]
        named = {name: value for name, value in arguments if name is not None}
        with self.blamed("build"):
            return self.target(*positional, **named)

    def call(self, layer: Any, inputs: Sequence[Any]) -> Any:
        """The layer's result or results; nothing but tensors."""
        from weft.autograd import Tensor

        with self.blamed("run"):
            result = layer(*inputs)
        several = result if isinstance(result, (tuple, list)) else (result,)
        for value in several:
            if not isinstance(value, Tensor):
                raise WeftError(
                    f"a result is {type(value).__name__}, not a tensor; {self.where}; "
                    "return a tensor, or a tuple of tensors"
                )
        return several

    @contextlib.contextmanager
    def blamed(self, doing: str) -> Iterator[None]:
        """An exception inside becomes one line that names the user's line it came through."""
        try:
            yield
        except WeftError:
            raise
        except (Exception, SystemExit) as error:
            what = output.one_line(f"{type(error).__name__}: {error}")[:300]
            raise WeftError(f"{what}; {self._line(error)}; could not {doing} it") from error

    def _run(self) -> Any:
        name = f"user_{self.path.stem}"  # a file may be called numpy.py
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(self.path.parent))  # as `python FILE.py` has it
        sys.modules[name] = module  # dataclasses look themselves up
        with self.blamed("import"):
            spec.loader.exec_module(module)
        return module

    def _find(self, module: Any) -> Any:
        found = getattr(module, self.name, None)
        if callable(found):
            return found
        own = [name for name, value in vars(module).items() if callable(value)]
        near = difflib.get_close_matches(self.name, own, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "name a layer or a function of that file"
        what = "no such name" if found is None else f"a {type(found).__name__}, not a layer"
        raise ConfigError(f"{what}; {self.where}; {hint}")

    def _line(self, error: BaseException) -> str:
        """The innermost line of the user's file that the error came through."""
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            return f"{self.path.name}:{error.lineno}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename == str(self.path):
                inside = "" if frame.name == "<module>" else f" in {frame.name}"
                return f"{self.path.name}:{frame.lineno}{inside}"
        return self.where
