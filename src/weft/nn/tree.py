"""How a module prints: PyTorch's tree, character for character."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.nn.module import Module


def tree(module: Module) -> str:
    """The text of `print(module)`."""
    return bracketed(
        module, [f"({name}): {_indented(repr(child))}" for name, child in module._modules.items()]
    )


def collapsed_tree(module: Module) -> str:
    """The text of a list of modules, where equal neighbours share a line: `(0-3): 4 x Linear`."""
    runs: list[tuple[int, int, str]] = []  # first index, last index, text
    for i, child in enumerate(module._modules.values()):
        text = repr(child)
        if runs and runs[-1][2] == text:
            runs[-1] = (runs[-1][0], i, text)
        else:
            runs.append((i, i, text))
    return bracketed(module, [_run_line(*run) for run in runs])


def _run_line(first: int, last: int, text: str) -> str:
    if first == last:
        return f"({first}): {_indented(text)}"
    return f"({first}-{last}): {last - first + 1} x {_indented(text)}"


def bracketed(module: Module, children: list[str]) -> str:
    """`Name(extra)` on one line where nothing is below it, else one indented line per child."""
    extra = module.extra_repr().split("\n") if module.extra_repr() else []
    name = type(module).__name__
    if len(extra) <= 1 and not children:
        return f"{name}({''.join(extra)})"
    return "\n  ".join([f"{name}(", *extra, *children]) + "\n)"


def _indented(text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([first, *(f"  {line}" if line.strip() else "" for line in rest)])
