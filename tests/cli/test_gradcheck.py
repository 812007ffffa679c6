"""`weft gradcheck`: right layers pass, wrong ones are named, mistakes are one line each."""

import re
import sys

import pytest

LAYERS = """\
import weft
from weft import nn


def squares(x):
    return x * x, lambda dy: 2 * x * dy


def cubes_wrong_in_one_place(x):
    def backward(dy):
        dx = 3 * x * x * dy
        dx[1, 2] += 0.5
        return dx
    return x * x * x, backward


class Right(nn.Module):
    def __init__(self, width, bias=True):
        super().__init__()
        self.linear = nn.Linear(3, width, bias=bias)

    def forward(self, x):
        return self.linear(x).tanh(), weft.apply(squares, x)


class Wrong(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(weft.ones(3))

    def forward(self, x):
        return weft.apply(cubes_wrong_in_one_place, x) * self.scale


class WrongWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(weft.ones(3))

    def forward(self, x):
        return x * weft.apply(lambda s: (s * 1.0, lambda dy: dy * 1.5), self.scale)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, ids, x):
        return self.dropout(self.table(ids)) + x


class Breaks(nn.Module):
    def forward(self, x):
        return x.reshape(
            5, 5)


class Changes:
    count = 0

    def __call__(self, x):
        self.count += 1
        return x * self.count


changes = Changes()
right = Right(2)
number = 3


def tanh(x):
    return x.tanh()


def detached(x):
    return x.detach()


def text(x):
    return "y"


def infinite(x):
    return x / 0.0
"""


@pytest.fixture
def layers(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "numpy.py").write_text("raise SystemExit")  # beside a file nothing may break
    path = tmp_path / "mine.py"
    path.write_text(LAYERS)
    yield path
    sys.modules.pop("user_mine", None)


def test_a_right_layer_passes(weft, layers):
    words = ["gradcheck", f"{layers}:Right", "--shape", "2,3", "--arg", 4, "--arg", "bias=False"]
    ran = weft(*words)
    assert ran.code == 0, ran.err
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == ["input", "linear.weight"]
    values = weft(*words, "--json").json
    assert values["passed"]
    assert [(t["name"], t["shape"], t["compared"]) for t in values["tensors"]] == [
        ("input 0", [2, 3], 6), ("linear.weight", [4, 3], 12),
    ]  # fmt: skip
    # Central differences of a function of size 1 are exact to about eps² + 1e-16 / eps = 1e-10.
    assert all(t["max_absolute_error"] < 1e-7 for t in values["tensors"])


@pytest.mark.parametrize("name", ["right", "tanh"])
def test_an_object_and_a_function(weft, layers, name):
    assert weft("gradcheck", f"{layers}:{name}", "--shape", "2,3").code == 0


def test_the_first_wrong_entry_is_named(weft, layers):
    ran = weft("gradcheck", f"{layers}:Wrong", "--shape", "2,3")
    assert ran.code == 1
    assert "wrong gradient: input 0 at (1, 2): analytical" in ran.err and "1 of 6" in ran.err
    values = weft("gradcheck", f"{layers}:Wrong", "--shape", "2,3", "--json").json
    assert not values["passed"]
    first, scale = values["tensors"]
    assert (first["wrong"], first["worst"], scale["wrong"]) == (1, [1, 2], 0)
    assert first["max_absolute_error"] == pytest.approx(0.5, abs=1e-6)
    assert first["analytical"] - first["numerical"] == pytest.approx(0.5, abs=1e-6)


def test_a_wrong_parameter_is_named(weft, layers):
    ran = weft("gradcheck", f"{layers}:WrongWeight", "--shape", "2,3")
    assert ran.code == 1 and "wrong gradient: scale at (0,)" in ran.err


def test_integers_dropout_and_a_part_of_the_entries(weft, layers):
    words = ["gradcheck", f"{layers}:Words", "--shape", "2,3:7", "--shape", "2,3,4"]
    ran = weft(*words, "--entries", 5, "--json")
    assert ran.code == 0
    assert [(t["name"], t["compared"]) for t in ran.json["tensors"]] == [
        ("input 1", 5), ("table.weight", 5),
    ]  # fmt: skip
    assert "5 of 24" in weft(*words, "--entries", 5).out
    assert weft(*words, "--entries", 5).out == weft(*words, "--entries", 5).out
    assert weft(*words, "--entries", 5).out != weft(*words, "--entries", 5, "--seed", 1).out


@pytest.mark.parametrize(
    ("target", "options", "code", "message"),
    [
        ("{}", ["--shape", "2"], 2, "give FILE.py:NAME"),
        ("{}x.py:A", ["--shape", "2"], 2, "no such file"),
        ("{}:Wrnog", ["--shape", "2"], 2, "did you mean Wrong"),
        ("{}:number", ["--shape", "2"], 2, "a int, not a layer"),
        ("{}:Right", [], 2, "give its shape"),
        ("{}:tanh", ["--shape", "2,x"], 2, "give sizes from 1"),
        ("{}:tanh", ["--shape", "2,0"], 2, "give sizes from 1"),
        ("{}:tanh", ["--shape", "2:0"], 2, "give sizes from 1"),
        ("{}:tanh", ["--shape", "9999,9999"], 2, "at most 1,048,576"),
        ("{}:tanh", ["--shape", "2", "--arg", "3"], 2, "--arg is for a class"),
        ("{}:tanh", ["--shape", "2", "--eps", "0"], 2, "--eps 0"),
        ("{}:tanh", ["--shape", "2", "--entries", "0"], 2, "--entries 0"),
        ("{}:Right", ["--shape", "2", "--arg", "open('x')"], 2, "give a Python literal"),
        ("{}:Right", ["--shape", "2,3"], 1, "TypeError: .*width.*mine.py:Right; could not build"),
        ("{}:Right", ["--shape", "2,9", "--arg", "4"], 1, "mine.py:23 in forward; could not run"),
        ("{}:Breaks", ["--shape", "2,3"], 1, "ValueError: .*mine.py:56 in forward"),
        ("{}:detached", ["--shape", "2"], 2, "neither detach them"),
        ("{}:text", ["--shape", "2"], 1, "a result is str, not a tensor"),
        ("{}:changes", ["--shape", "2"], 2, "two runs give different results"),
    ],
)
def test_mistakes_are_one_line(weft, layers, target, options, code, message):
    ran = weft("gradcheck", target.format(layers), *options)
    assert ran.code == code and not ran.out
    assert re.search(message, ran.error), ran.error


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_result_that_is_not_finite(weft, layers):
    assert "not finite" in weft("gradcheck", f"{layers}:infinite", "--shape", "2").error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x = 1\ny = 1 / 0\n",
            "ZeroDivisionError: division by zero; broken.py:2; could not import",
        ),
        ("def f(:\n", "SyntaxError: .*; broken.py:1; could not import"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3; broken.py:2; could not import"),
        ("import nowhere_at_all\n", "ModuleNotFoundError: .*broken.py:1; could not import"),
    ],
)
def test_a_file_that_fails_is_one_line(weft, tmp_path, monkeypatch, text, message):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "broken.py").write_text(text)
    ran = weft("gradcheck", f"{tmp_path / 'broken.py'}:f", "--shape", "2")
    assert ran.code == 1 and re.search(message, ran.error), ran.error
