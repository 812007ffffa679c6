"""Which files of a folder are left out: as git says, on made-up trees; and hostile rule files."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from weft.data import open_corpus
from weft.data.folder import text_files
from weft.errors import MalformedFileError

TREE = [
    "a.txt", "a.log", "keep.log", "build/x.txt", "src/build/y.txt", "src/a.log", "src/keep.log",
    "src/deep/z.tmp", "src/deep/important.tmp", "docs/p.txt", "docs/q.pyc", "docs/[x].txt",
    "out/deep/n.txt", "out/keep.txt", "name with space", "#hash", "!bang", "e/f/g/h.txt",
]  # fmt: skip
RULES = {
    ".gitignore": "# a comment\n*.log\n!keep.log\nbuild/\n/docs/*.py[cod]\n\\#hash\n\\!bang\n"
    "out/*\n!out/keep.txt\nname with space\n**/g/\n",
    "src/.gitignore": "*.tmp\n!important.tmp\nkeep.log\n",
    "docs/.gitignore": "\\[x].txt\r\n",
}


def tree(folder: Path) -> Path:
    for name in TREE:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("some text")
    for name, rules in RULES.items():
        (folder / name).write_bytes(rules.encode())
    return folder


def taken(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in text_files(folder)[0]}


def test_files_are_left_out_as_git_leaves_them_out(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tree(tmp_path)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    command = ["git", "-C", str(folder), "ls-files", "-z", "-o", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert taken(folder) == {name for name in listed.split("\0") if name} - set(RULES)


def test_what_is_taken_and_counted(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    assert taken(folder) == {
        "a.txt", "keep.log", "src/deep/important.tmp", "docs/p.txt", "out/keep.txt",
    }  # fmt: skip
    assert open_corpus(folder).skipped == {"hidden": 3, "ignored": 13}


def test_rules_above_the_folder_count_in_a_repository(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    assert "keep.log" not in taken(folder / "src") and "a.log" in taken(folder / "src")
    (folder / ".git").mkdir()
    assert taken(folder / "src") == {"deep/important.tmp"}
    assert taken(folder / "build") == {"x.txt"}  # it is named, so it is wanted


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"a" * 600, "line 1"),
        (b"fine\n*a*a*a*a*b\n", "line 2"),
        (b"**/**/**/**/x", "line 1"),
        (b"x\n" * 200_000, "bytes"),
    ],
)
def test_hostile_rules_are_refused(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / ".gitignore").write_bytes(content)
    (tmp_path / "a.txt").write_text("some text")
    with pytest.raises(MalformedFileError, match=word) as caught:
        open_corpus(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_worst_pattern_that_is_read_ends(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("**/*a*a*b/**/*a*a*b/**/x\n" * 20)
    (tmp_path / ("a" * 250)).write_text("some text")
    begun = time.monotonic()
    assert len(text_files(tmp_path)[0]) == 1
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"[\n[a\n\\\n!\n/\n//\n***\n", b"\n\n  \n"])
def test_odd_rules_are_no_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".gitignore").write_bytes(content)
    (tmp_path / "text").write_text("some text")
    try:
        assert len(text_files(tmp_path)[0]) in (0, 1)
    except MalformedFileError as error:
        assert "\n" not in str(error)
