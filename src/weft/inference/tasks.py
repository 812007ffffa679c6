"""Questions with known answers, from a file of JSON lines; how many a model answers right.

Each line is one object, and all lines of a file are of one kind:

    {"prompt": "The capital of France is", "choices": ["Rome", "Paris"], "answer": 1}
    {"prompt": "2 + 3 =", "answer": "5"}

The first kind is right if the model finds the right choice likelier than the others, by the sum of
its tokens' log-probabilities, and, apart, by that sum per byte of the choice. The second is right
if the line that the model writes at temperature 0 is the answer, white space around it aside.
Answers follow prompts after a space, unless there is white space already. With `shots`, that many
solved examples stand before each question, an empty line after each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.errors import ConfigError, DataError, MalformedFileError
from weft.inference.likelihood import encode_pair, likelihoods
from weft.random import Generator
from weft.tokenizers.strict_json import parse_object, printable, shown

MOST_BYTES = 1 << 30
MOST_CHOICES = 256
LARGEST_LINE = 1 << 20
AT_A_TIME = 32  # questions: sets how often progress is told


@dataclass(frozen=True)
class Question:
    """One line of a task. `choices` is empty for an answer that is to be written."""

    line: int
    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    right: int = 0
    """Which of the choices the answer is."""

    @property
    def solved(self) -> str:
        """The question with its answer, as an example."""
        return self.prompt + self.following(self.answer)

    def following(self, answer: str) -> str:
        """An answer as it comes after the prompt."""
        apart = self.prompt[-1:].isspace() or answer[:1].isspace()
        return answer if apart else f" {answer}"


@dataclass(frozen=True)
class Answered:
    """What the model made of a question."""

    line: int
    right: bool
    right_per_byte: bool | None = None
    chosen: int | None = None
    logprobs: tuple[float, ...] = ()
    """Of each choice."""
    written: str | None = None


@dataclass(frozen=True)
class Share:
    """A share of the questions, 0 to 1, and its standard error (None for a single question)."""

    value: float
    stderr: float | None


def share(right: Sequence[bool]) -> Share:
    """The mean, and the deviation of the sample divided by the root of its size."""
    n, p = len(right), sum(right) / len(right)
    return Share(p, math.sqrt(p * (1 - p) / (n - 1)) if n > 1 else None)


# ----- files


def is_task(path: str) -> bool:
    """Whether a file is a task, by its name."""
    return path.endswith(".jsonl")


def read_task(path: str | Path) -> list[Question]:
    """The questions of a file. Raises `MalformedFileError` with the number of a wrong line."""
    path = Path(path)
    questions: list[Question] = []
    if path.stat().st_size > MOST_BYTES:
        raise MalformedFileError(f"larger than 1 GiB; {printable(path)}; split it")
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LARGEST_LINE + 1), b""), 1):
            where = f"{printable(path)}, line {number}"
            if len(line) > LARGEST_LINE:
                raise _wrong("longer than 1 MiB", where)
            if line.strip():
                questions.append(_question(parse_object(line, where), number, where))
                if bool(questions[-1].choices) != bool(questions[0].choices):
                    raise _wrong("some lines have choices and others have none", where)
    if not questions:
        raise MalformedFileError(f"no questions; {printable(path)}; give one JSON object per line")
    return questions


def _wrong(what: str, where: str) -> MalformedFileError:
    return MalformedFileError(
        f'{what}; {where}; write {{"prompt": text, "answer": text}} or '
        '{"prompt": text, "choices": [texts], "answer": number from 0}'
    )


def _question(values: dict[str, Any], number: int, where: str) -> Question:
    unknown = sorted(values.keys() - {"prompt", "answer", "choices"})
    if unknown:
        raise _wrong(f"unknown key {shown(unknown[0])}", where)
    prompt: Any = values.get("prompt")
    answer: Any = values.get("answer")
    choices: Any = values.get("choices")
    if not _is_text(prompt) or not prompt.strip():
        raise _wrong(f"the prompt is {shown(prompt)}", where)
    if choices is None:
        if not _is_text(answer) or not answer.strip() or "\n" in answer.strip():
            raise _wrong(f"the answer is {shown(answer)}, not one line of text", where)
        return Question(number, prompt, answer)
    if not isinstance(choices, list) or not 2 <= len(choices) <= MOST_CHOICES:
        raise _wrong(f"choices is not a list of 2 to {MOST_CHOICES}", where)
    for choice in choices:
        if not _is_text(choice) or not choice:
            raise _wrong(f"a choice is {shown(choice)}", where)
    if type(answer) is not int or not 0 <= answer < len(choices):
        raise _wrong(f"the answer is {shown(answer)}, not 0 to {len(choices) - 1}", where)
    return Question(number, prompt, choices[answer], tuple(choices), answer)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


# ----- asking


def with_examples(
    questions: Sequence[Question],
    shots: int,
    seed: int = 0,
    examples: Sequence[Question] | None = None,
) -> list[str]:
    """Each question's prompt with `shots` solved examples before it.

    They are drawn once with the seed, from `examples` or the questions themselves, so that all
    prompts begin alike; a question is never its own example. Raises `ConfigError` for too few.
    """
    pool = questions if examples is None else examples
    spare = 1 if examples is None else 0
    if not 0 <= shots <= len(pool) - spare:
        raise ConfigError(
            f"shots = {shots}; eval; give 0 to {max(len(pool) - spare, 0)}: there are no more "
            "examples"
        )
    chosen = _draw(pool, min(shots + spare, len(pool)) if shots else 0, Generator(seed))
    prompts = []
    for question in questions:
        others = [example for example in chosen if example is not question][:shots]
        prompts.append("".join(f"{e.solved}\n\n" for e in others) + question.prompt)
    return prompts


def _draw(pool: Sequence[Question], count: int, generator: Generator) -> list[Question]:
    """`count` different ones, in a random order (Fisher and Yates)."""
    order = list(pool)
    for i in range(count):
        j = int(generator.integers(i, len(order), (1,))[0])
        order[i], order[j] = order[j], order[i]
    return order[:count]


def answer_all(
    loaded: Any,
    questions: Sequence[Question],
    prompts: Sequence[str],
    *,
    max_tokens: int = 64,
    progress: Callable[[int], object] | None = None,
) -> list[Answered]:
    """What the model makes of each question, asked with these prompts.

    Raises `ConfigError` for a prompt that does not fit into the model's context: nothing is cut.
    """
    ask = _choose if questions[0].choices else _write
    done: list[Answered] = []
    for at in range(0, len(questions), AT_A_TIME):
        part = slice(at, at + AT_A_TIME)
        done += ask(loaded, questions[part], prompts[part], max_tokens)
        if progress is not None:
            progress(len(done))
    return done


def _encoded(loaded: Any, question: Question, prompt: str, following: str) -> Any:
    """Ids of prompt and continuation, which must fit together."""
    try:
        before, after = encode_pair(loaded.tokenizer, prompt, following)
    except DataError as error:
        raise DataError(f"line {question.line}: {error}") from None
    T = loaded.config.context
    if len(before) + len(after) > T + 1:
        raise ConfigError(
            f"line {question.line} with its examples has {len(before) + len(after)} tokens, and "
            f"the model's context is {T}; eval; give fewer --shots or shorter prompts"
        )
    return before, after


def _choose(
    loaded: Any, questions: Sequence[Question], prompts: Sequence[str], max_tokens: int
) -> list[Answered]:
    pairs = [
        _encoded(loaded, question, prompt, question.following(choice))
        for question, prompt in zip(questions, prompts, strict=True)
        for choice in question.choices
    ]
    found = iter(likelihoods(loaded, pairs))
    answered = []
    for question in questions:
        logs = [next(found).logprob for _ in question.choices]
        per_byte = [x / len(c.encode()) for x, c in zip(logs, question.choices, strict=True)]
        chosen = logs.index(max(logs))
        right_per_byte = per_byte.index(max(per_byte)) == question.right
        answered.append(
            Answered(question.line, chosen == question.right, right_per_byte, chosen, tuple(logs))
        )
    return answered


def _write(
    loaded: Any, questions: Sequence[Question], prompts: Sequence[str], max_tokens: int
) -> list[Answered]:
    for question, prompt in zip(questions, prompts, strict=True):
        _encoded(loaded, question, prompt, question.following(question.answer))
    written = loaded.generate_batch(
        [prompt.rstrip(" ") for prompt in prompts],
        temperature=0,
        max_tokens=max_tokens,
        stop="\n",
        overflow="stop",
    )
    return [
        Answered(q.line, text.strip() == q.answer.strip(), written=text.strip())
        for q, text in zip(questions, written, strict=True)
    ]
