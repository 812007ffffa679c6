"""The shape of the project, held by tests: layers, no cycles, no grab-bag modules, budgets."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "weft"
FILES = sorted(PACKAGE.rglob("*.py"))

# A module imports only from rows below its own, or from its own package.
ROWS = [
    {"errors", "lazy", "random", "replacing", "kernels", "config", "schedule", "sampling"}
    | {"runlog"},
    {"autograd", "tokenizers", "checkpoint", "machine"},
    {"formats"},  # reads with the safetensors reader of checkpoint and the tokenizers
    {"nn", "optim", "data"},
    {"models"},
    {"training", "inference"},
    {"finetuning", "serving", "reports"},
    {"alignment", "torch_engine"},
    {"lessons"},  # `weft lessons` shows them, so the command line is above
    {"cli"},
]
ROW = {name: row for row, names in enumerate(ROWS) for name in names}
# Row 0 is flat, but its own foundation comes first: errors, random and replacing, then config.
FOUNDATION = {"errors", "random", "replacing"}
WITHIN_ROW_0 = {name: set() for name in FOUNDATION | {"lazy"}}
WITHIN_ROW_0["config"] = {"errors", "lazy", "replacing"}


def imports(path: Path) -> set[str]:
    """All weft modules that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "weft"}


def top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_from_rows_below(path):
    mine = top(path)
    if mine in ("__init__", "__main__"):
        return
    assert mine in ROW, f"{mine} has no row in the layer list"
    for name in imports(path):
        parts = name.split(".")
        other = parts[1] if len(parts) > 1 else ""
        if other == mine or other not in ROW:
            continue
        below = ROW[other] < ROW[mine]
        foundation = ROW[mine] == 0 and other in WITHIN_ROW_0.get(mine, FOUNDATION)
        assert below or foundation, f"{mine} (row {ROW[mine]}) imports {name} (row {ROW[other]})"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top_level_imports(path: Path) -> set[str]:
    """As `imports`, but only what runs when the module is imported."""
    found = set()
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        todo.extend(ast.iter_child_nodes(node))
    return found


def test_there_are_no_import_cycles():
    modules = {module_name(path): path for path in FILES}
    graph = {
        name: {m for m in top_level_imports(path) if m in modules and m != name}
        for name, path in modules.items()
    }
    # A package's __init__ gathers its modules; they may name siblings through it only downwards.
    state: dict[str, int] = {}

    def visit(name: str, chain: list[str]) -> None:
        assert state.get(name) != 1, "import cycle: " + " -> ".join([*chain, name])
        if name not in state:
            state[name] = 1
            for other in sorted(graph[name]):
                if not name.startswith(other + "."):  # its own package's __init__
                    visit(other, [*chain, name])
            state[name] = 2

    for name in sorted(graph):
        visit(name, [])


def test_no_grab_bags():
    forbidden = re.compile(r"(^|_)(utils?|common|helpers?|misc|managers?|factory|registry)(_|$)")
    for path in FILES:
        assert not forbidden.search(path.stem), path
        classes = [
            node.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ClassDef)
        ]
        bad = [name for name in classes if re.search(r"(Manager|Factory|Registry|Helper)$", name)]
        assert not bad, f"{path}: {bad}"


def test_every_file_says_what_it_is():
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_sizes():
    """Files of at most 500 lines; functions of at most 60, and nine in ten of at most 30."""
    lengths = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 500, f"{path} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                length = node.end_lineno - node.lineno + 1
                lengths.append(length)
                assert length <= 60, f"{path}: {node.name} has {length} lines"
    assert sorted(lengths)[len(lengths) * 9 // 10] <= 30


def test_a_package_has_two_files():
    for folder in {path.parent for path in FILES}:
        files = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
        assert len(files) >= 2, f"{folder} is a package with {len(files)} module"


def test_shared_documents_are_not_copied():
    names = {path.name for path in ROOT.rglob("*") if ".git" not in path.parts}
    assert "tinyshakespeare.txt" not in {path.name for path in (ROOT / "src").rglob("*")}, (
        "the corpus is not part of the project"
    )
    assert "LICENSE" in names
