"""The documentation inside every Python installation, as text: no network, no import of it.

The docstrings of the standard library, read from its source files with `ast`, and the language
reference in `pydoc_data.topics`. Each has a clean title; the order is fixed; nothing of this
machine (paths, dates) gets in. The text depends on the version of Python, which its file name in
the cache therefore carries.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
SKIPPED = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}
SHORTEST = 40  # characters; a docstring below that says nothing


def texts(root: Path | None = None) -> Iterator[str]:
    """Documents, each ending in a blank line: a title, underlined, and the text below it."""
    root = Path(sysconfig.get_paths()["stdlib"]) if root is None else root
    seen: set[str] = set()  # a docstring that is inherited by copying appears once
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).parts):
        inside = path.relative_to(root)
        if SKIPPED.isdisjoint(inside.parts[:-1]) and "-" not in inside.parts[0]:
            for title, text in _documents(path, _module_name(inside)):
                if text not in seen:
                    seen.add(text)
                    yield f"{title}\n{'=' * len(title)}\n\n{text}\n\n"


def fingerprint() -> str:
    """What the text depends on: the version of Python and this file."""
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    return f"{platform.python_version()}-{code}"


def _module_name(inside: Path) -> str:
    parts = inside.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _documents(path: Path, module: str) -> Iterator[tuple[str, str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in some library files
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # a template or a deliberately broken file
    if module == "pydoc_data.topics":
        yield from _topics(tree)
    else:
        yield from _docstrings(tree, module, f"module {module}")


def _docstrings(node: ast.Module | Definition, name: str, title: str) -> Iterator[tuple[str, str]]:
    text = ast.get_docstring(node)
    if text is not None and len(text) >= SHORTEST:
        yield title, _clean(text)
    for child in node.body:
        if isinstance(child, Definition) and not child.name.startswith("_"):
            inner = f"{name}.{child.name}"
            yield from _docstrings(child, inner, _title(child, inner))


def _title(node: Definition, name: str) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {name}({bases})" if bases else f"class {name}"
    return f"{name}({ast.unparse(node.args)})"


def _topics(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The sections of the language reference: `topics` is a literal dictionary."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            for key, text in sorted(ast.literal_eval(statement.value).items()):
                yield f"topic {key}", _clean(str(text))


def _clean(text: str) -> str:
    """Spaces for tabs, no spaces at line ends, no control characters."""
    lines = (line.rstrip() for line in text.expandtabs().split("\n"))
    joined = "\n".join(lines).strip("\n")
    return "".join(c for c in joined if c == "\n" or c.isprintable())
