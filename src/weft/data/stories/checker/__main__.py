"""`python -m weft.data.stories.checker FILE`: what is wrong with the stories of a text file.

Stories are divided by empty lines; `-` reads standard input. The exit status is 1 if one is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weft.data.stories.checker.reasons import check


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("--"):
        print("usage: python -m weft.data.stories.checker FILE", file=sys.stderr)
        return 2
    try:
        name = arguments[0]
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"cannot read the stories; {error}; name a text file", file=sys.stderr)
        return 2
    told = [story for story in text.replace("\r\n", "\n").split("\n\n") if story.strip()]
    wrong = 0
    for number, story in enumerate(told, 1):
        violations = check(story)
        wrong += bool(violations)
        for violation in violations:
            print(f"story {number}, {violation}")
    print(f"{len(told) - wrong} of {len(told)} stories obey grammar and facts")
    return int(wrong > 0 or not told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
