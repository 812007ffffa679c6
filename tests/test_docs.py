"""The site: every page is reached, its generated pages are sound, and Sphinx builds it."""

import base64
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from weft.cli.main import main
from weft.lessons.script import all_lessons

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generated(pages, tmp_path_factory):
    """The pages that are not written by hand, the lessons not run."""
    folder = tmp_path_factory.mktemp("docs") / "generated"
    pages.write_all(folder, run_lessons=False)
    return folder


def toctree(text: str) -> list[str]:
    blocks = re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.M | re.S)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(":")]


def reached(start: Path, root: Path, generated: Path) -> set[Path]:
    """All pages below a page, by its toctree; what is generated lies elsewhere here."""
    found, todo = set(), [start]
    while todo:
        page = todo.pop()
        assert page.is_file(), f"a toctree names {page}"
        if page in found:
            continue
        found.add(page)
        for name in toctree(page.read_text(encoding="utf-8")):
            below = re.sub(r"^generated/", "", name)
            folder = generated if below != name else page.parent
            todo.append(folder / f"{below}.md")
    return found


def test_every_page_is_in_a_toctree(generated):
    found = reached(DOCS / "index.md", DOCS, generated)
    missing = {page.stem for page in set(DOCS.glob("*.md")) - found}
    assert not missing, f"add them to a toctree of docs/index.md: {missing}"
    assert set(generated.rglob("*.md")) <= found


def test_links_between_generated_pages_resolve(generated):
    for page in generated.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            if target == "../../shapes.md":
                assert (DOCS / "shapes.md").is_file()
            elif page.name == "index.md":
                assert (page.parent / target).is_file(), f"{page}: {target}"


def test_links_into_a_page_name_a_heading():
    for page in [*DOCS.glob("*.md"), ROOT / "CONTRIBUTING.md"]:
        for file, heading in re.findall(
            r"\]\(([^):#]*)#([^)]+)\)", page.read_text(encoding="utf-8")
        ):
            text = (page.parent / file if file else page).read_text(encoding="utf-8")
            headings = [
                re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
                for line in text.splitlines()
                if line.startswith("#")
            ]
            assert heading in headings, f"{page}: {file}#{heading}"


def test_every_public_name_is_on_a_page(pages, generated):
    for module in ("weft.nn", "weft.optim", "weft.models", "weft.tokenizers", "weft.sampling"):
        text = (generated / "api" / f"{module}.md").read_text(encoding="utf-8")
        names = importlib.import_module(module).__all__
        values = {name: getattr(importlib.import_module(module), name) for name in names}
        for name, value in values.items():
            if inspect.isclass(value) or inspect.isfunction(value):
                assert f":: {module}.{name}\n" in text, f"{module}.{name}"
    tensors = (generated / "api" / "weft.md").read_text(encoding="utf-8")
    assert ".. autoclass:: weft.Tensor" in tensors and ".. autofunction:: weft.matmul" in tensors


def test_a_lesson_becomes_a_page(pages, tmp_path):
    png = b"a picture"
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {
            "cell_type": "code",
            "source": ["print('```')"],
            "outputs": [
                {"output_type": "stream", "text": ["```\n"]},
                {
                    "output_type": "display_data",
                    "metadata": {"image/png": {"width": 480}},
                    "data": {"image/png": base64.b64encode(png).decode()},
                },
                {"output_type": "display_data", "data": {"image/svg+xml": ["<svg/>"]}},
            ],
        },
    ]
    page = pages.lesson_page({"cells": cells}, tmp_path / "l01")
    assert page == (
        "# Title\ntext\n\n```python\nprint('```')\n```\n\n"
        "````{code-block} text\n:class: output\n\n```\n````\n\n"
        "```{image} l01/1.png\n:class: picture\n:width: 480px\n```\n\n"
        "```{image} l01/2.svg\n:class: picture\n```\n"
    )
    assert (tmp_path / "l01" / "1.png").read_bytes() == png


def test_lessons_are_run_once_and_again_when_they_change(pages, generated, monkeypatch):
    lesson, folder, ran = all_lessons()[0], generated / "lessons", []
    outputs = [{"output_type": "stream", "text": ["one more\n"]}]
    cells = [{"cell_type": "code", "source": ["x"], "outputs": outputs}]
    monkeypatch.setattr(pages, "run_lesson", lambda n: ran.append(n) or {"cells": cells})
    first = pages.notebook_of(lesson, folder, run=True)
    assert pages.notebook_of(lesson, folder, run=True) == first == {"cells": cells}
    assert pages.notebook_of(lesson, folder, run=False) == first
    assert ran == [lesson.number]
    monkeypatch.setattr(pages, "fingerprint", lambda _: "another")
    assert len(pages.notebook_of(lesson, folder, run=False)["cells"]) > 1
    assert ran == [lesson.number]
    pages.notebook_of(lesson, folder, run=True)
    assert ran == [lesson.number] * 2
    pages.write_lessons(folder, run=False)
    names = {p.stem for p in folder.glob("*.md")}
    assert names == {"index", *(lesson.path.stem for lesson in all_lessons())}


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("One `line` of *args and |x| for a_ and a_b.",
         r"One ``line`` of \*args and \|x\| for a\_ and a_b."),
        ("`x`s and ``y``", "``x``\\ s and ``y``"),
        ("Text:\n    a * b\n\nText", "Text:\n\n::\n\n        a * b\n\nText"),
        ("A list:\n- one\n  goes on\n- two\nend", "A list:\n\n- one\n  goes on\n- two\n\nend"),
    ],
)  # fmt: skip
def test_docstrings_become_restructured_text(pages, docstring, expected):
    assert "\n".join(pages.restructured(docstring.splitlines())).strip() == expected


def test_signatures_are_shortened(pages):
    long = "(x: ndarray[tuple[Any, ...], dtype[Any]], y: ndarray[tuple[Any, ...], dtype[float64]])"
    assert pages.shortened(long) == "(x: ndarray, y: ndarray[float64])"
    full = "(x: ~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~typing.Any]] | None)"
    assert pages.shortened(full) == "(x: ndarray | None)"
    assert pages.shortened("(dtype=<class 'numpy.float32'>)") == "(dtype=float32)"
    assert pages.shortened(None) is None


# ----- what engine.md says ----------------------------------------------------------------------


def blocks(language):
    text = (DOCS / "engine.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def test_the_picture_is_what_its_code_draws(capsys):
    names: dict = {}
    exec(blocks("python")[0], names)
    assert names["picture"].svg() == (DOCS / "graph-xor.svg").read_text(encoding="utf-8")
    assert "13 boxes" in capsys.readouterr().out


def test_gradcheck_finds_what_the_page_says(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    code = "import weft\nfrom weft import nn\n\n\n" + blocks("python")[1]
    (tmp_path / "cubes.py").write_text(code)
    words = ["gradcheck", f"{tmp_path / 'cubes.py'}:Cubes", "--shape", "2,3", "--arg", "3"]
    assert main(words) == 1
    ran = capsys.readouterr()
    head, first, scale, wrong = blocks("text")[0].splitlines()
    printed = ran.out.splitlines()
    assert printed[:2] == [head, first] and ran.err.strip() == wrong
    assert printed[2].split()[:3] == scale.split()[:3]  # the errors are the rounding's


# ----- the build --------------------------------------------------------------------------------


@pytest.mark.slow
def test_sphinx_builds_the_site_without_a_warning(tmp_path):
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package, reason="make docs installs Sphinx")
    source = tmp_path / "docs"
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("generated", "__pycache__"))
    shutil.copy(ROOT / "CONTRIBUTING.md", tmp_path)
    (tmp_path / "src").symlink_to(ROOT / "src")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", source, "out"],
        cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"WEFT_DOCS_LESSONS": "skip"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tensors = (tmp_path / "out/generated/api/weft.html").read_text(encoding="utf-8")
    assert "weft.Tensor.backward" in tensors
    layers = (tmp_path / "out/generated/api/weft.nn.html").read_text(encoding="utf-8")
    assert "Linear(in_features: int" in re.sub(r"<[^>]+>", "", layers)
    assert f"lessons/{all_lessons()[0].path.stem}.html" in (tmp_path / "out/index.html").read_text()
