"""`weft gradcheck FILE.py:NAME`: are the gradients of a layer of the user's own right?

The one verb that runs the user's Python, which is what it is for; user_code.py does that and says
where an error in it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from weft.cli import output
from weft.cli.options import Json, positional
from weft.errors import ConfigError

if TYPE_CHECKING:
    from weft.autograd import Tensor
    from weft.autograd.gradcheck import Comparison
    from weft.cli.user_code import UserCode

MOST_ENTRIES = 1 << 20  # of one input


@dataclass(frozen=True)
class Gradcheck:
    """Compare a layer's gradients with (f(x+eps) − f(x−eps)) / 2 eps, in float64.

    FILE.py is run, as `python FILE.py` would run it; NAME is an nn.Module in it, a class or an
    object, or a function of tensors. Every input and every parameter is compared. Exit code 1 if
    an entry differs by more than atol + rtol · |numerical|.

    Example: weft gradcheck my_layer.py:MyLayer --shape 2,3,4 --arg 4 --arg bias=False
    """

    target: Annotated[str, *positional("FILE.py:NAME")]
    """The user's own file, and what to check in it."""
    shape: list[str]
    """Shape of an input: 2,3,4 is drawn from a normal distribution; 2,3:65 are integers below 65.
    Once for each input."""
    arg: list[str]
    """Argument of the class: a Python literal, or name=literal. Any number of times."""
    seed: int = 0
    """Of the weights, the inputs and whatever the layer draws, the same each time it runs."""
    eps: float = 1e-6
    """How far an entry is moved."""
    atol: float = 1e-5
    """Difference that is always allowed."""
    rtol: float = 1e-3
    """Difference that is allowed, as a part of the numerical gradient."""
    entries: int = 500
    """Entries that are compared in each tensor, chosen at random where it has more."""
    json: Json = False


@dataclass(frozen=True)
class Row:
    """What was found for one tensor."""

    name: str
    shape: tuple[int, ...]
    comparison: Comparison

    def values(self) -> dict[str, Any]:
        import numpy as np

        c = self.comparison
        differences = np.abs(c.analytical - c.numerical)
        worst = int(np.nan_to_num(differences, nan=np.inf).argmax())
        size = np.maximum(np.abs(c.analytical), np.abs(c.numerical))
        relative = differences / np.where(size == 0, 1, size)
        return {
            "name": self.name,
            "shape": list(self.shape),
            "compared": len(c.places),
            "wrong": int(c.wrong.sum()),
            "max_absolute_error": float(differences[worst]),
            "max_relative_error": float(np.nan_to_num(relative, nan=np.inf).max()),
            "worst": list(c.places[worst]),
            "analytical": float(c.analytical[worst]),
            "numerical": float(c.numerical[worst]),
        }


def run(options: Gradcheck) -> int:
    from weft.cli.user_code import UserCode

    check_options(options)
    code = UserCode(options.target)
    rows = [
        Row(name, tensor.shape, comparison)
        for (name, tensor), comparison in compared(options, code)
    ]
    wrong = next((row for row in rows if row.comparison.wrong.any()), None)
    values = [row.values() for row in rows]
    if options.json:
        output.result_json({"passed": wrong is None, "tensors": values})
    else:
        print_table(values)
    if wrong is None:
        return 0
    output.note(f"weft: wrong gradient: {wrong.name} at {wrong.comparison.first_wrong()}")
    return 1


def check_options(options: Gradcheck) -> None:
    if not options.shape:
        raise ConfigError("no input; weft gradcheck; give its shape, as --shape 2,3,4")
    for name in ("eps", "atol", "rtol"):
        value = getattr(options, name)
        if not 0 <= value < 1 or (name == "eps" and value == 0):
            raise ConfigError(f"--{name} {value}; weft gradcheck; give a number from 0 to 1")
    if options.entries < 1:
        raise ConfigError(f"--entries {options.entries}; weft gradcheck; give at least 1")


def compared(options: Gradcheck, code: UserCode) -> list[tuple[tuple[str, Tensor], Comparison]]:
    """Every tensor that wants a gradient, with its name, and its comparison."""
    from weft import autograd, nn, random
    from weft.autograd.gradcheck import compare, weighed_sum

    random.manual_seed(options.seed)
    layer = code.build([literal(text) for text in options.arg])
    generator = random.Generator(options.seed)
    inputs = [drawn(text, generator) for text in options.shape]
    named = [(f"input {i}", t) for i, t in enumerate(inputs) if t.requires_grad]
    if isinstance(layer, nn.Module):
        layer.double()
        named += [(name, p) for name, p in layer.named_parameters() if p.requires_grad]

    def value() -> autograd.Tensor:
        random.manual_seed(options.seed)  # what it draws, dropout say, is the same every time
        return weighed_sum(code.call(layer, inputs))

    check_value(code, value)
    with code.blamed("run"):
        found = compare(
            value,
            [t for _, t in named],
            options.eps,
            options.atol,
            options.rtol,
            lambda t: some_places(t, options.entries, options.seed),
        )
        return list(zip(named, found, strict=True))


def check_value(code: UserCode, value: Callable[[], Tensor]) -> None:
    """That there is something to compare: a finite result that is the same when asked twice."""
    import numpy as np

    first = value()
    if not first.requires_grad:
        raise ConfigError(
            f"no result in float64 depends on an input or a parameter; {code.where}; return "
            "tensors, and neither detach them nor convert them to float32"
        )
    if not np.isfinite(first.array).all():
        raise ConfigError(f"a result is not finite; {code.where}; choose other inputs or --seed")
    if value().item() != first.item():
        raise ConfigError(
            f"two runs give different results; {code.where}; draw random numbers through "
            "weft.random, so that --seed repeats them"
        )


# ----- inputs -----------------------------------------------------------------------------------


def drawn(text: str, generator: Any) -> Tensor:
    """`2,3,4` from a normal distribution, in float64; `2,3:65` integers below 65."""
    import numpy as np

    from weft.autograd import Tensor

    sizes, _, below = text.partition(":")
    try:
        shape = tuple(int(n) for n in sizes.split(",")) if sizes else ()
        high = int(below) if below else None
    except ValueError:
        shape, high = (-1,), None
    count = 1
    for n in shape:
        count *= n
    if any(n < 1 for n in shape) or count > MOST_ENTRIES or (high is not None and high < 1):
        raise ConfigError(
            f"--shape {text!r}; weft gradcheck; give sizes from 1, as 2,3,4, of at most "
            f"{MOST_ENTRIES:,} entries; for integers below 65, as 2,3:65"
        )
    if high is not None:
        return Tensor(generator.integers(0, high, shape).astype(np.int64))
    return Tensor(generator.normal(shape).astype(np.float64), requires_grad=True)


def literal(text: str) -> tuple[str | None, Any]:
    """`4` -> (None, 4), `bias=False` -> ("bias", False)."""
    import ast

    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        name, value = "", text
    try:
        return name or None, ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ConfigError(
            f"--arg {output.one_line(text)[:80]!r}; weft gradcheck; give a Python literal, with "
            "quotes around a text, or name=literal"
        ) from None


def some_places(tensor: Tensor, most: int, seed: int) -> Sequence[tuple[int, ...]]:
    """All entries, or `most` of them at random; in order."""
    import numpy as np

    size = tensor.numel()
    chosen = np.arange(size)
    if size > most:
        chosen = np.sort(np.random.default_rng(seed).choice(size, most, replace=False))
    return [tuple(map(int, np.unravel_index(i, tensor.shape))) for i in chosen]


def print_table(values: list[dict[str, Any]]) -> None:
    rows = [("", "shape", "compared", "wrong", "absolute", "relative", "worst at")]
    for v in values:
        size = 1
        for n in v["shape"]:
            size *= n
        share = f"{v['compared']:,}" + (f" of {size:,}" if v["compared"] < size else "")
        rows.append(
            (
                v["name"],
                str(tuple(v["shape"])),
                share,
                str(v["wrong"]) if v["wrong"] else "",
                f"{v['max_absolute_error']:.1e}",
                f"{v['max_relative_error']:.1e}",
                str(tuple(v["worst"])),
            )
        )
    output.result(output.table(rows, "llrrrrl"))


COMMANDS = {"": (Gradcheck, run)}
