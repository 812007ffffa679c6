"""Task files, examples before questions, and answers that are counted right."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import tiny

from weft.errors import ConfigError, DataError, MalformedFileError
from weft.inference.likelihood import encode_pair, likelihoods
from weft.inference.tasks import Question, answer_all, read_task, share, with_examples


def written(path, *lines):
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_a_file_is_read_line_by_line(tmp_path):
    path = written(
        tmp_path / "task.jsonl",
        {"prompt": "is it", "choices": ["no", "yes"], "answer": 1},
        "",
        {"prompt": "a\n", "choices": ["b", "c", "é"], "answer": 0},
    )
    first, second = read_task(path)
    assert first == Question(1, "is it", "yes", ("no", "yes"), 1) and second.line == 3
    assert first.solved == "is it yes" and second.solved == "a\nb"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{", "not JSON"),
        ("[]", "a JSON list where an object should be"),
        ('{"prompt": "a", "prompt": "b", "answer": "c"}', "the key 'prompt' is there twice"),
        ('{"prompt": "a", "answer": NaN}', "NaN is not JSON"),
        ("[" * 10_000, "nested 10000 deep"),
        ({"prompt": "a", "answer": "b", "anwser": 1}, "unknown key 'anwser'"),
        ({"prompt": 3, "answer": "b"}, "the prompt is 3"),
        ({"prompt": " ", "answer": "b"}, "the prompt is ' '"),
        ({"answer": "b"}, "the prompt is None"),
        ({"prompt": "a\ud800", "answer": "b"}, "the prompt is 'a\\ud800'"),
        ({"prompt": "a"}, "the answer is None, not one line of text"),
        ({"prompt": "a", "answer": " "}, "the answer is ' '"),
        ({"prompt": "a", "answer": "b\nc"}, "the answer is 'b\\nc', not one line"),
        ({"prompt": "a", "answer": 0, "choices": ["b"]}, "choices is not a list of 2 to 256"),
        ({"prompt": "a", "answer": 0, "choices": "bc"}, "choices is not a list"),
        ({"prompt": "a", "answer": 0, "choices": ["b", ""]}, "a choice is ''"),
        ({"prompt": "a", "answer": 2, "choices": ["b", "c"]}, "the answer is 2, not 0 to 1"),
        ({"prompt": "a", "answer": True, "choices": ["b", "c"]}, "the answer is True"),
        ({"prompt": "a", "answer": 0, "choices": ["b", "c"]}, "some lines have choices"),
        ("x" * (1 << 20) + "x", "longer than 1 MiB"),
    ],
)
def test_a_malformed_line_is_named_by_its_number(tmp_path, line, error):
    path = written(tmp_path / "task.jsonl", {"prompt": "a", "answer": "b"}, line)
    with pytest.raises(MalformedFileError) as caught:
        read_task(path)
    message = str(caught.value)
    assert error in message and "task.jsonl, line 2; " in message and "\n" not in message


def test_a_file_without_questions(tmp_path):
    with pytest.raises(MalformedFileError, match=r"no questions; .*task\.jsonl"):
        read_task(written(tmp_path / "task.jsonl", "", ""))


QUESTIONS = [Question(n, f"q{n}", f"a{n}") for n in range(1, 7)]


@given(st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_examples_are_other_questions(shots, seed):
    prompts = with_examples(QUESTIONS, shots, seed)
    for question, prompt in zip(QUESTIONS, prompts, strict=True):
        *examples, last = prompt.split("\n\n")
        assert last == question.prompt and len(set(examples)) == shots
        assert set(examples) <= {q.solved for q in QUESTIONS if q is not question}
    assert prompts == with_examples(QUESTIONS, shots, seed)


def test_examples_come_from_their_file_when_there_is_one():
    others = [Question(1, "q1", "a1"), Question(2, "p2", "b2")]
    drawn = {tuple(with_examples(QUESTIONS[:2], 1, seed, others)) for seed in range(20)}
    assert drawn == {(f"{o.solved}\n\nq1", f"{o.solved}\n\nq2") for o in others}
    assert with_examples(QUESTIONS, 0) == [q.prompt for q in QUESTIONS]
    firsts = {with_examples(QUESTIONS, 1, seed)[0] for seed in range(60)}
    assert len(firsts) == 5  # every other question, sooner or later
    for shots, pool in ((3, others), (6, None), (-1, None)):
        with pytest.raises(
            ConfigError, match=f"shots = {shots}; eval; give 0 to {2 if pool else 5}"
        ):
            with_examples(QUESTIONS, shots, 0, pool)


def test_the_choice_is_the_likeliest_by_sum_and_by_byte():
    loaded = tiny("gpt2", 32)
    choices = ("a", "bcd", "zyxwv")
    questions = [
        Question(n, p, choices[0], choices) for n, p in enumerate(["the", "cat sat", "x\n"])
    ]
    answered = answer_all(loaded, questions, [q.prompt for q in questions])
    for question, answer in zip(questions, answered, strict=True):
        pairs = [
            encode_pair(loaded.tokenizer, question.prompt, question.following(c)) for c in choices
        ]
        logs = np.array([x.logprob for x in likelihoods(loaded, pairs)])
        assert answer.logprobs == pytest.approx(tuple(logs), abs=1e-4)
        assert answer.chosen == logs.argmax() and answer.right == (logs.argmax() == 0)
        assert answer.right_per_byte == ((logs / [1, 3, 5]).argmax() == 0)
    assert answer.written is None


def test_a_written_answer_is_right_if_it_is_the_same_line():
    loaded = tiny("gpt2", 32)
    line = loaded.generate("once", temperature=0, max_tokens=6, stop="\n")
    questions = [Question(1, "once", f" {line.strip()} "), Question(2, "once", line + "x")]
    told = []
    answered = answer_all(loaded, questions, ["once", "once "], max_tokens=6, progress=told.append)
    assert [a.right for a in answered] == [True, False] and told == [2]
    assert {a.written for a in answered} == {line.strip()}


def test_a_prompt_that_does_not_fit_is_named_and_not_cut():
    loaded = tiny("gpt2", 16)
    for choices in ((), ("b", "c")):
        question = Question(4, "a" * 15, "b", choices)
        assert answer_all(loaded, [question], [question.prompt])
        with pytest.raises(ConfigError, match=r"line 4 with its examples has 18 tokens.* is 16"):
            answer_all(loaded, [question], ["a" + question.prompt])
    with pytest.raises(DataError, match="line 4: unknown character 'Z'"):
        answer_all(loaded, [Question(4, "aZ", "b")], ["aZ"])


def test_the_standard_error_is_that_of_a_mean():
    assert share([True]).stderr is None
    right = [True, False, True, True, False]
    assert share(right).value == 0.6
    assert share(right).stderr == pytest.approx(np.std(right, ddof=1) / math.sqrt(5))
