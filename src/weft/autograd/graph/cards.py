"""What is written on each box of a picture, and how large the box becomes.

Small tensors show their entries and gradients, large ones their shape, mean, spread and range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.autograd.graph.capture import Vertex
from weft.autograd.tensor import Tensor

Array = NDArray[Any]
Role = Literal["value", "gradient", "bad", "quiet"]

SHOWN_ENTRIES, SHOWN_COLUMNS = 24, 8
CHARACTER, LINE, HEADER = 7.25, 16, 24  # of a monospaced font of 12 px
PADDING, GAP = 10, 18  # at the sides of a box, between two columns
LONGEST = 40  # characters of a title or of the options


@dataclass(frozen=True)
class Line:
    label: str  # "grad " at the first line of a gradient, spaces where others have it
    text: str
    role: Role


@dataclass(frozen=True)
class Column:
    """One result of a vertex: its lines, their width, and their middle from the box's left."""

    lines: list[Line]
    width: float
    middle: float


@dataclass(frozen=True)
class Card:
    """The texts of one box and its size in pixels; `shape` is that of a single result."""

    kind: str
    title: str
    shape: str
    note: str
    columns: list[Column]
    width: float
    height: float
    hint: str  # shown where the pointer rests


def card(vertex: Vertex, gradients: Mapping[int, Array], is_result: bool = False) -> Card:
    """The box of one vertex, with the values that its tensors have now."""
    title, note = shortened(vertex.title), note_of(vertex)
    alone = len(vertex.results) == 1
    shape = shape_text(vertex.results[0]) if alone else ""
    bodies = [body(value, gradients, with_shape=not alone) for value in vertex.results]
    columns, inner = in_columns(bodies)
    wide = max(inner, CHARACTER * max(len(title) + (len(shape) + 2 if shape else 0), len(note)))
    shift = PADDING + (wide - inner) / 2
    columns = [Column(c.lines, c.width, c.middle + shift) for c in columns]
    rows = max(len(c.lines) for c in columns) + bool(note)
    kind = "result" if is_result and vertex.kind == "operation" else vertex.kind
    height = HEADER + (rows * LINE + 8 if rows else 0)
    return Card(kind, title, shape, note, columns, wide + 2 * PADDING, height, hint(vertex))


def in_columns(bodies: list[list[Line]]) -> tuple[list[Column], float]:
    """The results side by side, and the width of all."""
    columns, left = [], 0.0
    for lines in bodies:
        width = CHARACTER * max((len(line.label + line.text) for line in lines), default=0)
        columns.append(Column(lines, width, left + width / 2))
        left += width + GAP
    return columns, left - GAP


# ----- one tensor -------------------------------------------------------------------------------


def body(value: Any, gradients: Mapping[int, Array], with_shape: bool) -> list[Line]:
    """The lines of one value: its shape, its entries or a summary, and those of its gradient."""
    if value is None:
        return [Line("", "not kept", "quiet")]
    lines = [Line("", shape_text(value), "quiet")] if with_shape else []
    array, gradient = as_array(value), gradient_of(value, gradients)
    if gradient is None:
        return lines + lines_of(array, "value")
    # One width for all entries, so that a gradient stands below its value.
    entries = [text for a in (array, gradient) if is_small(a) for row in cells(a) for text in row]
    width = max(map(len, entries), default=0)
    shown = lines_of(array, "value", width)
    return lines + labelled("", shown) + labelled("grad", lines_of(gradient, "gradient", width))


def labelled(label: str, lines: list[Line]) -> list[Line]:
    return [
        Line((label if i == 0 else "").ljust(5), line.text, line.role)
        for i, line in enumerate(lines)
    ]


def gradient_of(value: Any, gradients: Mapping[int, Array]) -> Array | None:
    if not isinstance(value, Tensor):
        return None
    if value.grad is not None:
        return value.grad.array
    return gradients.get(id(value))


def as_array(value: Any) -> Array:
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def is_small(array: Array) -> bool:
    columns = array.shape[-1] if array.ndim else 1
    return array.size <= SHOWN_ENTRIES and columns <= SHOWN_COLUMNS


def is_floating(array: Array) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def lines_of(array: Array, role: Role, width: int = 0) -> list[Line]:
    """The entries, a row a line, or where there are many the mean, spread and range."""
    if is_floating(array) and not np.isfinite(array).all():
        role = "bad"
    if array.size == 0:
        return [Line("", "no entries", "quiet")]
    if not is_small(array):
        return [Line("", text, role) for text in summary(array)]
    rows = cells(array)
    width = max(width, *(len(text) for row in rows for text in row), 0)
    return [Line("", "  ".join(text.rjust(width) for text in row), role) for row in rows]


def cells(array: Array) -> list[list[str]]:
    """The entries as texts; all axes but the last make the rows."""
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    form = number_format(array) if is_floating(array) else str
    return [[form(entry) for entry in row] for row in rows.tolist()]


def summary(array: Array) -> list[str]:
    if not is_floating(array):
        return [f"{array.min()} … {array.max()}"]
    numbers = array.astype(np.float32 if array.dtype.itemsize == 2 else array.dtype, copy=False)
    finite = numbers[np.isfinite(numbers)] if not np.isfinite(numbers).all() else numbers
    bad = [f"{numbers.size - finite.size:,} not finite"] if finite.size < numbers.size else []
    if not finite.size:
        return bad
    mean, spread = finite.mean(dtype=np.float64), finite.std(dtype=np.float64)
    return [*bad, f"{mean:.3g} ± {spread:.3g}", f"{finite.min():.3g} … {finite.max():.3g}"]


def number_format(array: Array) -> Any:
    """Four decimals, or three digits and an exponent where four decimals would hide them."""
    sizes = np.abs(array.astype(np.float64))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if not sizes.size:
        return lambda x: f"{x:.0f}" if np.isfinite(x) else str(x)
    if np.all(sizes == np.trunc(sizes)) and sizes.max() < 1e5:
        return lambda x: f"{x:.0f}" if np.isfinite(x) else str(x)
    if 1e-3 <= sizes.max() < 1e5:
        return lambda x: f"{x:.4f}"
    return lambda x: f"{x:.2e}"


def shape_text(value: Any) -> str:
    """`(2, 3)`, with the type unless it is float32; nothing for a number."""
    if value is None or isinstance(value, (int, float)):
        return ""
    array = as_array(value)
    kind = "" if array.dtype == np.float32 else f"{array.dtype.name} "
    shape = f"({', '.join(map(str, array.shape))})" if array.ndim else ""
    return f"{kind}{shape}".strip()


# ----- the operation ----------------------------------------------------------------------------

UNSAID = ("shape", "key")  # a result's shape is shown anyway; a random key says nothing


def note_of(vertex: Vertex) -> str:
    """What else the operation was given, where it is not the usual: `axis=1, exponent=2`."""
    if vertex.kind == "freed":
        return "freed by backward()"
    said = [
        f"{name}={value_text(value)}"
        for name, value in vertex.options.items()
        if name not in UNSAID and value is not None and value is not False and value != 0.0
    ]
    return shortened(", ".join(said))


def value_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([] if value.step is None else [value.step])
        return ":".join("" if part is None else str(part) for part in parts)
    if isinstance(value, tuple):
        return f"({', '.join(map(value_text, value))}{',' if len(value) == 1 else ''})"
    return "…" if value is Ellipsis else str(value)


def hint(vertex: Vertex) -> str:
    """All that is known of the vertex, a line each."""
    lines = [vertex.title]
    for value in vertex.results:
        if value is not None and not isinstance(value, (int, float)):
            array = as_array(value)
            lines.append(f"{array.dtype.name} {array.shape}, {array.size:,} entries")
    lines += [f"{name} = {value_text(value)}"[:200] for name, value in vertex.options.items()]
    return "\n".join(lines)


def shortened(text: str) -> str:
    """At most LONGEST characters: a long name keeps its end, which tells layers apart."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= LONGEST else "…" + text[-LONGEST + 1 :]
