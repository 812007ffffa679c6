"""`weft eval` on a task: counts, shares and their errors; what belongs to texts is refused."""

import json

import pytest

CHOICES = [
    {"prompt": "a cat", "choices": ["sat", "xyz", "q"], "answer": 0},
    {"prompt": "the dog", "choices": ["ran", "zzz"], "answer": 1},
    {"prompt": "she", "choices": ["is", "was"], "answer": 1},
]


@pytest.fixture
def task(tmp_path):
    def write(questions, name="task.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, questions)))
        return path

    return write


def test_choices_are_counted_in_both_ways(weft, run_folder, task):
    ran = weft("eval", run_folder, task(CHOICES), "--json")
    values = ran.json
    assert ran.code == 0 and (values["questions"], values["shots"], values["seed"]) == (3, 0, 0)
    for name, key in (("accuracy", "right"), ("accuracy_per_byte", "right_per_byte")):
        assert values[name] == pytest.approx(sum(item[key] for item in values["items"]) / 3)
        assert values[f"{name}_stderr"] is not None
    assert [item["line"] for item in values["items"]] == [1, 2, 3]
    assert [len(item["logprobs"]) for item in values["items"]] == [3, 2, 2]
    for item in values["items"]:
        assert item["chosen"] == item["logprobs"].index(max(item["logprobs"]))
    shown = weft("eval", run_folder, task(CHOICES)).out
    assert f"{values['accuracy']:.4f} ± {values['accuracy_stderr']:.4f}" in shown
    assert "accuracy per byte" in shown and "0 examples before each" in shown


def test_written_answers_are_compared(weft, run_folder, task):
    text = weft("generate", run_folder, "ab", "--no-echo", "--temperature", 0, "--max-tokens", 3,
                "--stop", "\n").out  # fmt: skip
    questions = [{"prompt": "ab", "answer": text.strip() or "x"}, {"prompt": "cd", "answer": "no"}]
    values = weft("eval", run_folder, task(questions), "--max-tokens", 3, "--json").json
    assert values["items"][0]["written"] == text.strip()
    assert values["items"][0]["right"] is bool(text.strip())
    assert "accuracy_per_byte" not in values and "logprobs" not in values["items"][0]


def test_shots_come_from_a_file_or_from_the_other_lines(weft, run_folder, task):
    short = [{"prompt": p, "choices": ["a", "b"], "answer": 0} for p in "xyz"]
    others = task(short, "others.jsonl")
    alone = weft("eval", run_folder, task(short), "--json").json
    one = weft("eval", run_folder, task(short), "--shots", 1, "--json").json
    drawn = weft("eval", run_folder, task(short), "--shots", 1, "--seed", 3, "--json").json
    given = weft("eval", run_folder, task(short), "--shots", 1, "--examples", others, "--json").json
    assert (one["shots"], drawn["seed"]) == (1, 3)
    logs = [[i["logprobs"] for i in run["items"]] for run in (alone, one, drawn, given)]
    assert len({json.dumps(x) for x in logs}) == 4
    assert "1 example before each" in weft("eval", run_folder, task(short), "--shots", 1).out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--stride", 2], "--stride is for a text; "),
        (["--shots", 3], "shots = 3; eval; give 0 to 2"),
        (["--shots", -1], "shots = -1; eval; give 0 to 2"),
        (["--shots", 2], "line 1 with its examples has "),
    ],
)
def test_options_that_do_not_fit(weft, run_folder, task, options, error):
    ran = weft("eval", run_folder, task(CHOICES), *options)
    assert ran.code == 2 and ran.error.startswith(error)


def test_a_text_takes_no_options_of_a_task(weft, run_folder, tmp_path):
    (tmp_path / "a.txt").write_text("some text")
    for option in ("--shots", "--seed", "--max-tokens"):
        ran = weft("eval", run_folder, tmp_path / "a.txt", option, 1)
        assert ran.code == 2 and ran.error.startswith(f"{option} is for a task, a file whose name")


def test_a_malformed_task_is_exit_code_3(weft, run_folder, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "answer": "b"}\n{"prompt": 1}\n')
    ran = weft("eval", run_folder, tmp_path / "a.jsonl")
    assert ran.code == 3 and "a.jsonl, line 2; " in ran.error
    ran = weft("eval", run_folder, tmp_path / "none.jsonl")
    assert ran.code == 1 and ran.error.startswith("No such file or directory; ")
