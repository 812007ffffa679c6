"""What README and the other documents say is what happens.

Every line `$ command` of a ```console block is run, in order, in one folder per document; training
is cut to a few steps of a narrow model, everything else is as written. Every ```python block is
run, and what it prints must be what its comments say. The tree and the links name things that are
there.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from weft.cli.main import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands(document: str) -> list[str]:
    lines = "\n".join(blocks(document, "console")).splitlines()
    return [line[2:].split("  #")[0].strip() for line in lines if line.startswith("$ ")]


# Commands that measure, and what they measure here; tests/cli/test_verbs.py times all kernels.
BRIEFLY = {
    "weft bench train": "--steps 2",
    "weft bench train --compare": "--precision float32 --n-layer 1 --n-embd 48 --block-size 32",
    "weft bench generate": "--repeats 1",
    "weft bench kernels": "--seconds 1e-6 --only norm",
}


def shortened(command: str) -> list[str]:
    """As this interpreter runs it: training cut to half a second, or four steps of a narrow model.

    Measurements are cut too, and a lesson is a short one: tests/lessons runs them all.
    """
    if command.startswith("weft ladder"):
        ladder = [sys.executable, "-m", "weft", "ladder", "book.txt", "--models", "ngram,mlp"]
        return [*ladder, "--minutes", "0.01"]
    for start, option in BRIEFLY.items():
        command += f" {option}" if command.startswith(start) else ""
    command = re.sub(r"--steps [\d.]+", "--steps 4", command)
    command = re.sub(r"--minutes [\d.]+", "--minutes 0.01", command)
    command = re.sub(r"--turns \d+", "--turns 1", command)
    command = re.sub(r"^weft lessons \d+", "weft lessons 3", command)
    for option, small in (("warmup-steps", 1), ("n-embd", 48), ("block-size", 32)):
        command = re.sub(rf"--{option} \d+", f"--{option} {small}", command)
    words = shlex.split(command)
    if words[0] == "weft":
        words[:1] = [sys.executable, "-m", "weft"]
        if words[3] == "train" and "ngram" not in words:
            words += ["--eval-batches", "2"]
            if "shakespeare" in words:  # whose whole validation split is scored at the end
                words += ["--val-fraction", "0.01"]
    elif words[0] == "python":
        words[0] = sys.executable
        words[1] = str(ROOT / words[1])
    return words


@pytest.fixture
def ran_in(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder: (exit code, all that it said).

    `weft` itself runs in this process, without the second that a new one takes to import what it
    needs; that `python -m weft` is the same is for tests/cli/test_main.py. Commands with an input
    or of a shell are processes.
    """
    corpus = ROOT.parent / "shared" / "data"
    monkeypatch.setenv("WEFT_DATA", os.environ.get("WEFT_DATA", str(corpus)))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.chdir(tmp_path)

    def run(command):
        feed, _, command = command.rpartition(" | ")
        words = shortened(command)
        if words[1:3] == ["-m", "weft"] and not feed:
            code = main(words[3:])
            return code, "\n".join(capsys.readouterr())
        fed = subprocess.run(shlex.split(feed), capture_output=True).stdout if feed else b""
        done = subprocess.run(words, capture_output=True, text=True, input=fed.decode())
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if commands(d)])
def test_commands_run(document, tmp_path, ran_in):
    (tmp_path / "book.txt").write_text("The cat sat on the mat, and the dog sat too.\n" * 400)
    (tmp_path / "tales.jsonl").write_text('{"tale": "The hen saw a fox, and ran."}\n' * 400)
    for command in commands(document):
        words = shlex.split(command)
        if words[0] == "make":
            subprocess.run(["make", "-n", *words[1:]], check=True, cwd=ROOT, capture_output=True)
        elif words[0] in ("git", "cd", "pip", "source"):
            continue  # how one gets here; the packaging test installs
        elif "shakespeare" in command and not Path(os.environ["WEFT_DATA"]).is_dir():
            pytest.skip("tiny Shakespeare is not at hand; set WEFT_DATA to its folder")
        else:
            code, said = ran_in(command)
            assert code == 0, f"{command}\n{said}"


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d, "python")])
def test_python_prints_what_it_says(document):
    names: dict = {}
    for block in blocks(document, "python"):
        said = [m[1].strip() for m in re.finditer(r"^print.*\)\s+# (.*)$", block, re.M)]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, document, "exec"), names)
        assert printed.getvalue().strip() == "\n".join(said)


def test_links_and_the_tree_name_what_is_there():
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            made = target.startswith("generated/")  # by `make docs`
            assert made or ((ROOT / document).parent / target).exists(), f"{document}: {target}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"^([\w./-]+/)  ", readme, re.M):
        assert (ROOT / path).is_dir(), path


def test_no_document_speaks_of_what_is_not_here():
    verbs = set(re.findall(r"\$ weft (\w+)", "\n".join((ROOT / d).read_text() for d in DOCUMENTS)))
    from weft.cli.main import VERBS

    assert verbs <= {*VERBS, "help"}
