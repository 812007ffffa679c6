"""`weft generate`: every way to find a text, its reasons, and the order in which texts appear."""

import json

import pytest
from tiny_model import save_run, tiny

import weft as package


@pytest.fixture(scope="module")
def draft(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("draft") / "draft", tiny(seed=2)).path


def test_samples_appear_in_order_and_are_those_of_their_seeds(weft, run_folder):
    ran = weft("generate", run_folder, "once", "--samples", 3, "--max-tokens", 9, "--seed", 4)
    loaded = package.load(run_folder)
    texts = [loaded.generate("once", max_tokens=9, seed=seed) for seed in (4, 5, 6)]
    assert ran.out == "".join(f"once{text}\n" for text in texts)
    assert ran.err.splitlines() == [f"[sample {i} of 3, seed {3 + i}]" for i in (1, 2, 3)]


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--typical-p=0.6"], {"typical_p": 0.6}),
        (["--frequency-penalty=1", "--presence-penalty=-1"],
         {"frequency_penalty": 1.0, "presence_penalty": -1.0}),
        (["--logit-bias", "5=9.5", "--logit-bias", "6=-100"], {"logit_bias": {5: 9.5, 6: -100}}),
        (["--banned-words", "o", "--banned-words", "th"], {"banned_words": ("o", "th")}),
        (["--beams=3", "--length-penalty=0.5", "--early-stopping=yes"],
         {"beams": 3, "length_penalty": 0.5, "early_stopping": "yes"}),
        (["--contrastive-alpha=0.6", "--top-k=5"], {"contrastive_alpha": 0.6, "top_k": 5}),
        (["--prompt-lookup=2", "--guesses=3"], {"prompt_lookup": 2, "guesses": 3}),
        (["--best-of=4"], {"best_of": 4}),
    ],
)  # fmt: skip
def test_every_option_is_the_one_of_python(weft, run_folder, words, options):
    ran = weft("generate", run_folder, "once", "--no-echo", "--max-tokens", 9, *words)
    plain = weft("generate", run_folder, "once", "--no-echo", "--max-tokens", 9)
    text = package.load(run_folder).generate("once", max_tokens=9, **options)
    assert ran.out == f"{text}\n" and ran.code == 0
    if "prompt_lookup" not in options:
        assert ran.out != plain.out


def test_guesses_that_were_right_are_counted(weft, run_folder, draft):
    words = ["generate", run_folder, "once", "--temperature=0", "--max-tokens=9"]
    ran = weft(*words, "--draft", draft)
    assert ran.out == weft(*words).out
    assert " guesses were right (" in ran.err
    sample = weft(*words, "--draft", draft, "--json").json["samples"][0]
    assert f"{sample['kept_tokens']} of {sample['guessed_tokens']} guesses" in ran.err


def test_the_best_come_first(weft, run_folder):
    words = ["generate", run_folder, "once", "--max-tokens=9", "--best-of=5", "--samples=2"]
    first, second = weft(*words, "--json").json["samples"]
    assert first["mean_logprob"] > second["mean_logprob"] and first["seed"] != second["seed"]
    loaded = package.load(run_folder)
    texts = loaded.generate("once", samples=2, best_of=5, max_tokens=9)
    assert [first["text"], second["text"]] == texts
    assert weft(*words).out == "".join(f"once{text}\n" for text in texts)


def test_log_probabilities_in_the_shape_of_openai(weft, run_folder):
    words = ["generate", run_folder, "once", "--max-tokens=5", "--logprobs=2", "--json"]
    sample = weft(*words).json["samples"][0]
    assert "".join(score["token"] for score in sample["logprobs"]) == sample["text"]
    for score in sample["logprobs"]:
        assert bytes(score["bytes"]).decode() == score["token"] and score["logprob"] < 0
        best, next_best = score["top_logprobs"]
        assert best["logprob"] >= next_best["logprob"]


def test_a_trace_is_a_table_for_each_token_and_changes_no_text(weft, run_folder):
    words = ["generate", run_folder, "once", "--max-tokens=3", "--top-k=2", "--banned-words=o"]
    ran, plain = weft(*words, "--trace"), weft(*words)
    assert ran.out == plain.out and plain.err == ""
    text = plain.out.removeprefix("once").rstrip("\n")
    lines = ran.err.splitlines()
    titles = [line.strip() for line in lines if line.startswith("token ")]
    assert [title.split(" (id")[0] for title in titles] == [
        f"token {n}: {letter!r}" for n, letter in enumerate(text, 1)
    ]
    rows = [line.split() for line in lines]
    assert [row[1:5] for row in rows if row[:1] == ["top_k"]]
    for row in rows:
        if row[:1] == ["banned"]:
            assert row[1:3] == ["1", "'o'"] and row[4] == "27"
        if row[:1] == ["top_k"]:
            assert row[1] == "25" and row[6] == "2"
    assert max(map(len, lines)) <= 80


def test_a_trace_as_json_lines(weft, run_folder):
    words = ["generate", run_folder, "once", "--max-tokens=3", "--top-k=2", "--samples=2"]
    ran = weft(*words, "--trace", "--json")
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert len(lines) == 6
    for i, sample in enumerate(ran.json["samples"]):
        mine = [line for line in lines if line["sample"] == i]
        assert "".join(line["token"] for line in mine) == sample["text"]
        for line in mine:
            assert [s["name"] for s in line["stages"]] == ["model", "temperature", "top_k"]
            assert line["stages"][2]["left"] == 2
            assert line["id"] in [token["id"] for token in line["stages"][2]["left_likeliest"]]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--logprobs", "2"], "logprobs without --json; generate; add --json, or take --trace"),
        (["--logit-bias", "a=3"], "logit_bias = 'a=3'; generate; give a token's id and a number"),
        (["--logit-bias", "3"], "logit_bias = '3'; generate; give a token's id and a number"),
        (["--logit-bias", "3=500"], "logit_bias of id 3 = 500.0; sampling; give from -100 to"),
        (["--logit-bias", "99=5"], "logit_bias has the id 99; sampling; give 0 to 27"),
        (["--beams", "2", "--prompt-lookup", "2"], "beams and prompt_lookup; generate; choose"),
        (["--beams", "2", "--top-k", "2"], "top_k with beams, which draws nothing; generate;"),
        (["--beams", "2", "--samples", "2"], "samples with beams, which gives one text;"),
        (["--best-of", "2", "--temperature", "0"], "best_of with temperature 0, which gives one"),
        (["--best-of", "2", "--samples", "3"], "best_of = 2; generate; give samples = 3 or more"),
        (["--guesses", "2"], "guesses without draft or prompt_lookup; generate; give one of"),
        (["--typical-p", "0"], "typical_p = 0.0; sampling; give above 0, to 1"),
        (["--presence-penaltee", "1"], "unknown option '--presence-penaltee'; weft generate; did"),
        (["--banned-words", ""], "banned_words = ['']; generate; give texts, none of them empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(weft, run_folder, words, error):
    ran = weft("generate", run_folder, "a", "--max-tokens", 3, *words)
    assert ran.code == 2 and ran.out in ("", "a") and ran.err.splitlines()[-1].startswith(
        f"weft: error: {error}"
    )  # fmt: skip


def test_a_draft_with_another_vocabulary(weft, run_folder, tmp_path):
    from weft.tokenizers import CharacterTokenizer

    other = tiny()
    other.tokenizer = CharacterTokenizer.train(["\n ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
    path = save_run(tmp_path / "other", other).path
    ran = weft("generate", run_folder, "a", "--draft", path)
    assert ran.code == 2 and ran.error.startswith("the draft has another vocabulary (28 tokens)")


def test_the_help_has_groups(weft):
    out = weft("generate", "--help").out
    for title in ("sampling options", "searching options", "explaining options"):
        assert f"\n {title}\n" in out
