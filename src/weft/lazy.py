"""A package's names, each imported when it is first used (PEP 562).

Much of what a package has is not needed to say the first token: a process that loads a model, says
something and ends would wait longer for imports than for the model.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def on_first_use(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names stand in these modules of it.

    `names`: module -> the names to take from it, separated by spaces. For type checkers the package
    imports them all under TYPE_CHECKING.
    """
    places = {name: module for module, listed in names.items() for name in listed.split()}

    def __getattr__(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{places[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__
