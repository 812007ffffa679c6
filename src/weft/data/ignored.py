"""Which files of a folder its `.gitignore` files leave out, by the rules of git (`gitignore(5)`).

The deepest file that says something about a path decides, and in it the last line. Of a folder
inside a repository the files above it count too, unless they leave out that folder itself: who
names it wants it. Global and `.git/info/exclude` files are not read.

The files may come with a download and are bounded: `LARGEST` bytes, and `STARS` in one name of a
pattern, for they become regular expressions that search for each star.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from weft.data.documents import printable
from weft.errors import MalformedFileError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NAME = ".gitignore"
LARGEST = 1 << 18  # bytes
STARS = 3
LONGEST = 500  # characters of a line


class Ignored:
    """Call it with a path below `folder`: whether it is left out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.rules: dict[Path, GitIgnoreSpec | None] = {}
        self.top = self.folder
        top = next((p for p in (self.folder, *self.folder.parents) if (p / ".git").exists()), None)
        if top is not None and top != self.folder:
            self.top = top
            if self(self.folder, True):
                self.top = self.folder

    def __call__(self, path: Path, is_folder: bool) -> bool:
        path = path.absolute()
        for folder in path.parents:
            rules = self._of(folder)
            if rules is not None:
                name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
                said = rules.check_file(name).include
                if said is not None:
                    return said
            if folder == self.top:
                break
        return False

    def _of(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self.rules:
            self.rules[folder] = _read(folder / NAME)
        return self.rules[folder]


def _read(path: Path) -> GitIgnoreSpec | None:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError:  # there is none, or it is a folder
        return None
    from pathspec import GitIgnoreSpec

    if len(content) > LARGEST:
        raise _malformed(f"more than {LARGEST:,} bytes", path)
    lines = content.decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        names = line.split("/")
        if len(line) > LONGEST or any(len(re.findall(r"\*+", name)) > STARS for name in names):
            raise _malformed(f"line {number} is longer than {LONGEST} or has {STARS + 1} *", path)
        if names.count("**") > STARS:
            raise _malformed(f"line {number} has more than {STARS} **", path)
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise _malformed((str(error).splitlines() or ["?"])[0][:100], path) from None


def _malformed(what: str, path: Path) -> MalformedFileError:
    return MalformedFileError(
        f"a .gitignore that is not read: {what}; {printable(path)}; correct or remove that file"
    )
