"""Writes the pages that are not written by hand: the lessons with their outputs, and the API.

They go to docs/generated/, which is not under version control. No Sphinx is needed here.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# What a user imports, in the order in which it is read; `weft` is the tensors and functions.
MODULES = [
    "weft", "weft.nn", "weft.nn.functional", "weft.nn.init", "weft.optim",
    "weft.optim.lr_scheduler", "weft.config", "weft.models", "weft.tokenizers", "weft.data",
    "weft.training", "weft.inference", "weft.sampling", "weft.checkpoint", "weft.formats",
    "weft.random", "weft.schedule", "weft.errors",
]  # fmt: skip

DATA = Path(__file__).parents[2] / "shared" / "data"  # tiny Shakespeare, where the tests look too


def write_all(folder: Path, run_lessons: bool) -> None:
    """Every page below `folder`; the lessons without outputs, unless they are to be run."""
    lessons, api = folder / "lessons", folder / "api"
    for path in (lessons, api):
        path.mkdir(parents=True, exist_ok=True)
    write_lessons(lessons, run_lessons)
    write_changed(api / "index.md", api_index())
    for module in MODULES:
        write_changed(api / f"{module}.md", api_page(module))


def write_changed(path: Path, text: str) -> None:
    """Write a page, unless it is there as it is: Sphinx reads again what has a new time."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


# ----- lessons ----------------------------------------------------------------------------------


def write_lessons(folder: Path, run: bool) -> None:
    from weft.lessons.script import all_lessons

    lessons = all_lessons()
    for lesson in lessons:
        page = folder / f"{lesson.path.stem}.md"
        write_changed(page, lesson_page(notebook_of(lesson, folder, run), page.with_suffix("")))
    wanted = {lesson.path.stem for lesson in lessons} | {"index"}
    for page in folder.glob("*.md"):
        if page.stem not in wanted:
            page.unlink()
    write_changed(folder / "index.md", lessons_index(lessons))


def fingerprint(path: Path) -> str:
    """Of the lesson and of what lessons import beside it: with another one it runs again."""
    beside = sorted(p for p in path.parent.glob("*.py") if not re.match(r"l\d\d_", p.name))
    found = hashlib.sha256()
    for file in (path, *beside):
        found.update(file.read_bytes())
    return found.hexdigest()


def notebook_of(lesson: Any, folder: Path, run: bool) -> dict[str, Any]:
    """The lesson as a notebook; with its outputs if it was run before, as it is now, or is to be.

    It runs in a process of its own, as for a user; the file `<lesson>.ran` keeps what came out.
    """
    kept, mark = folder / f"{lesson.path.stem}.ran", fingerprint(lesson.path)
    if kept.exists():
        ran: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if ran["fingerprint"] == mark:
            return ran["notebook"]  # type: ignore[no-any-return]
    if not run:
        from weft.lessons.notebook import notebook

        return notebook(lesson)
    print(f"lesson {lesson.number}: {lesson.title}", file=sys.stderr, flush=True)
    ran = {"fingerprint": mark, "notebook": run_lesson(lesson.number)}
    kept.write_text(json.dumps(ran), encoding="utf-8")
    return ran["notebook"]  # type: ignore[no-any-return]


def run_lesson(number: int) -> dict[str, Any]:
    """The notebook of a lesson, with its outputs. Raises RuntimeError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lesson.ipynb"
        words = ["lessons", str(number), str(path), "--notebook", "--outputs"]
        done = subprocess.run(
            [sys.executable, "-m", "weft", *words],
            capture_output=True,
            text=True,
            cwd=folder,
            env={"WEFT_DATA": str(DATA), **os.environ} if DATA.is_dir() else None,
        )
        if done.returncode:
            raise RuntimeError(f"lesson {number} failed:\n{done.stderr}")
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return notebook


def lesson_page(notebook: dict[str, Any], pictures: Path) -> str:
    """Markdown of a notebook; its pictures become files in the folder `pictures`."""
    blocks, count = [], 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            blocks.append(source)
            continue
        blocks.append(fenced("python", source))
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                blocks.append(fenced("{code-block} text\n:class: output", "".join(output["text"])))
            elif png := output["data"].get("image/png"):
                count += 1
                pictures.mkdir(exist_ok=True)
                (pictures / f"{count}.png").write_bytes(base64.b64decode(png))
                width = output["metadata"]["image/png"]["width"]
                image = f"{pictures.name}/{count}.png"
                blocks.append(f"```{{image}} {image}\n:class: picture\n:width: {width}px\n```")
            elif svg := output["data"].get("image/svg+xml"):
                count += 1
                pictures.mkdir(exist_ok=True)
                (pictures / f"{count}.svg").write_text("".join(svg), encoding="utf-8")
                blocks.append(f"```{{image}} {pictures.name}/{count}.svg\n:class: picture\n```")
    return "\n\n".join(blocks) + "\n"


def fenced(kind: str, text: str) -> str:
    """A block of code whose fence is longer than any in it."""
    longest = max([2, *(len(m) for m in re.findall(r"^`{3,}", text, re.M))])
    fence = "`" * (longest + 1)
    options = "\n" if "\n" in kind else ""
    return f"{fence}{kind}\n{options}{text.rstrip()}\n{fence}"


def lessons_index(lessons: Iterable[Any]) -> str:
    rows = [
        f"| {x.number} | [{x.title}]({x.path.stem}.md) | {x.minutes} | {x.seconds} |"
        for x in lessons
    ]
    entries = "\n".join(x.path.stem for x in lessons)
    return f"""\
# Lessons

From counting words to a GPT, each lesson on one idea. They come with Weft: `weft lessons` lists
them, `weft lessons 4` runs one in the terminal, `weft lessons 4 --notebook` writes it for Jupyter.
Each ends with an exercise whose answer is folded until you open it. What the pages show is what the
lessons printed when this site was built.

| | lesson | minutes to read | seconds to run |
| --: | :-- | --: | --: |
{chr(10).join(rows)}

```{{toctree}}
:hidden:
{entries}
```
"""


# ----- the API ----------------------------------------------------------------------------------


def api_index() -> str:
    rows = []
    for name in MODULES:
        first = (importlib.import_module(name).__doc__ or "").strip().splitlines()[0]
        rows.append(f"| [{name}]({name}.md) | {first.rstrip('.').replace('|', chr(92) + '|')} |")
    entries = "\n".join(MODULES)
    return f"""\
# API

`import weft` gives the tensors and what PyTorch has at its top level. Shapes are written in
[one alphabet](../../shapes.md).

| module | |
|---|---|
{chr(10).join(rows)}

```{{toctree}}
:hidden:
{entries}
```
"""


def api_page(module_name: str) -> str:
    """What a module has to offer, each through autodoc."""
    module = importlib.import_module(module_name)
    blocks = ["\n".join(restructured((module.__doc__ or "").splitlines()))]
    for name, value in public(module_name):
        kind = "autofunction"
        if inspect.isclass(value):
            error = issubclass(value, BaseException)
            kind = "autoexception" if error else "autoclass"
        block = f".. {kind}:: {module_name}.{name}"
        if kind == "autoclass":
            block += "\n   :members:"
        blocks.append(block)
    body = "\n\n".join(blocks)
    return f"# {module_name}\n\n```{{eval-rst}}\n{body}\n```\n"


def public(module_name: str) -> list[tuple[str, Any]]:
    """The names of a module with their classes and functions, classes first, in their order.

    What has a page of its own (`weft.nn` shows `weft.nn.functional`) and constants are left out.
    """
    module = importlib.import_module(module_name)
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module_name
        ]
    values = [(name, getattr(module, name)) for name in names]
    found = [(n, v) for n, v in values if inspect.isclass(v) or inspect.isfunction(v)]
    if (
        module_name == "weft"
    ):  # random numbers, loading and training are shown where they are at home
        found = [(n, v) for n, v in found if v.__module__.startswith("weft.autograd")]
    return sorted(found, key=lambda pair: not inspect.isclass(pair[1]))


# ----- docstrings -------------------------------------------------------------------------------


def restructured(lines: Iterable[str]) -> list[str]:
    """A docstring of ours, which is plain text with `code` in it, as reStructuredText.

    Text that is further in is a literal block; a list begins with "- "; nothing else is markup.
    """
    result: list[str] = []
    block: str | None = ""  # what the last lines are: "" text, "-" a list, None a literal block
    for line in inspect.cleandoc("\n".join(lines)).splitlines():
        text = line.strip()
        if not text:
            result.append("")
            continue
        indented, fresh = line[0] == " ", not result or not result[-1]
        if text.startswith("- ") and (block is not None or not indented):
            separate = block != "-" and not fresh
            block = "-"
            result += [""] * separate + [escaped(text)]
        elif indented and block == "-":
            result.append("  " + escaped(text))
        elif indented:
            if block is not None:
                result += [""] * (not fresh) + ["::", ""]
            block = None
            result.append("    " + line)
        else:
            result += [""] * (block != "" and not fresh)
            block = ""
            result.append(escaped(text))
    return [*result, ""]


ARRAY = re.compile(
    r"(?:~?numpy\.)?ndarray\[tuple\[(?:~?typing\.)?Any, \.\.\.\], "
    r"(?:~?(?:numpy|np)\.)?dtype\[(?:~?[a-z_]+\.)*(\w+)\]\]"
)


def shortened(signature: str | None) -> str | None:
    """Without what every array's type says: `ndarray[tuple[Any, ...], dtype[Any]]`."""
    if signature is None:
        return None
    signature = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", signature)
    return ARRAY.sub(lambda m: "ndarray" if m[1] == "Any" else f"ndarray[{m[1]}]", signature)


def escaped(text: str) -> str:
    """`code` as ``code``; outside of it, what would be markup as the characters it is."""
    bullet, text = (text[:2], text[2:]) if text.startswith("- ") else ("", text)
    parts = re.split(r"(``[^`]+``|`[^`]+`)", text)
    for i, part in enumerate(parts):
        if i % 2:
            parts[i] = "``" + part.strip("`").strip() + "``"
        else:
            part = re.sub(r"([\\*|`])", r"\\\1", part)
            parts[i] = re.sub(r"_(?!\w)", r"\\_", part)
    for i in range(1, len(parts), 2):  # a literal ends where a word ends, for RST
        if parts[i + 1][:1].isalnum() or parts[i + 1][:1] in ("\\",):
            parts[i + 1] = "\\ " + parts[i + 1]
        if parts[i - 1] and (parts[i - 1][-1].isalnum()):
            parts[i - 1] += "\\ "
    return bullet + "".join(parts)
