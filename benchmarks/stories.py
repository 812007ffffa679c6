"""How many of the stories that a model tells obey the grammar and the facts of their generator.

    python benchmarks/stories.py runs/demo                     # 200 stories, seeds 0 to 199
    python benchmarks/stories.py runs/demo --temperature 0.8 --json
    python benchmarks/stories.py runs/demo --show 3            # and three that do not, with reasons

Each begins with the prompt and ends at an empty line, as `weft generate MODEL "Once upon a time"
--stop` tells it. A story counts only if `weft.data.stories.checker` finds nothing wrong with it:
every sentence a sentence of some frame, in an order that a plot has, people, pronouns and things
that stay who and what they are, a beginning and an end.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

import weft
from weft.data.stories.checker.page import read_page
from weft.data.stories.checker.reasons import check, likely

LONGEST = 300  # tokens of a story; the longest of the corpus have about 220


def tell(model: str, count: int, prompt: str, seed: int, **sampling: float) -> list[str]:
    """`count` stories with the seeds `seed`, `seed` + 1 and so on."""
    texts = weft.load(model).generate_batch(
        [prompt] * count, max_tokens=LONGEST, stop=["\n\n"], seed=seed, **sampling
    )
    return [prompt + text for text in texts]


def judge(stories: list[str]) -> dict[str, Any]:
    """Shares of all stories, and what is wrong first with those that are wrong."""
    wrong = [(text, found) for text in stories if (found := check(text))]
    good = set(stories) - {text for text, _ in wrong}
    return {
        "stories": len(stories),
        "obey": len(stories) - len(wrong),
        "share": (len(stories) - len(wrong)) / len(stories),
        "different": len(set(stories)),
        "plots": len({likely(read_page(text))[0] for text in good}),
        "sentences": sum(len(read_page(text).sentences()) for text in stories) / len(stories),
        "right_sentences": sum(map(before, wrong)) / max(len(wrong), 1),
        "first_violation": dict(Counter(found[0].kind for _, found in wrong).most_common()),
        "wrong": [{"text": text, "violations": [str(v) for v in found]} for text, found in wrong],
    }


def before(wrong: tuple[str, list[Any]]) -> int:
    """The sentences before the first violation."""
    return max(wrong[1][0].sentence - 1, 0)


def table(values: dict[str, Any], show: int) -> str:
    lines = [
        f"{values['obey']} of {values['stories']} stories obey grammar and facts "
        f"({values['share']:.1%}), {values['different']} different, {values['plots']} plots",
        f"{values['sentences']:.1f} sentences a story; "
        f"{values['right_sentences']:.1f} before the first that is wrong",
    ]
    lines += [f"{count:5} {kind}" for kind, count in values["first_violation"].items()]
    for one in values["wrong"][:show]:
        lines += ["", one["text"], *one["violations"]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--prompt", default="Once upon a time")
    parser.add_argument("--temperature", type=float, default=0.3)
    parser.add_argument("--min-p", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    sampling = {"temperature": given.temperature, "min_p": given.min_p}
    stories = tell(given.model, given.count, given.prompt, given.seed, **sampling)
    values = judge(stories)
    print(json.dumps(values) if given.json else table(values, given.show))


if __name__ == "__main__":
    main()
