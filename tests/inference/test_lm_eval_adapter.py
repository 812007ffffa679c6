"""The adapter answers lm_eval's questions: by our own definition, and asked by lm_eval itself.

The answers are tested with a stand-in of `lm_eval.api.model.LM` too, as lm_eval is an extra.
"""

import dataclasses
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_model import tiny

from weft.autograd import no_grad
from weft.errors import ConfigError
from weft.formats.hugging_face_write import write_hugging_face
from weft.inference import LoadedModel
from weft.inference.lm_eval_adapter import language_model
from weft.models import GPT
from weft.random import Generator
from weft.sampling import log_probabilities
from weft.tokenizers import BPETokenizer

T = 16
MISSING = "lm_eval (weft[eval]) is not installed"
FULL = "lm_eval without the packages of its data sets (700 MB)"


class StandIn:
    """What the adapter needs of `lm_eval.api.model.LM`."""

    def __init__(self):
        self.kept = []
        self.cache_hook = SimpleNamespace(add_partial=lambda *kept: self.kept.append(kept))


@pytest.fixture(params=["stand-in", "lm_eval"])
def model(request, monkeypatch):
    if request.param == "stand-in":
        for name in ("lm_eval", "lm_eval.api", "lm_eval.api.model"):
            monkeypatch.setitem(sys.modules, name, SimpleNamespace(LM=StandIn))
    else:
        pytest.importorskip("lm_eval.api.model", reason=MISSING)
    return language_model(tiny("gpt2", T))


def test_what_is_answered_is_kept_for_lm_eval_s_cache(monkeypatch):
    for name in ("lm_eval", "lm_eval.api", "lm_eval.api.model"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(LM=StandIn))
    model = language_model(tiny("gpt2", T))
    questions = [("a", " b"), ("abc",), ("a", {"max_gen_toks": 2})]
    kinds = ["loglikelihood", "loglikelihood_rolling", "generate_until"]
    answers = [getattr(model, kind)(asked(q)) for kind, q in zip(kinds, questions, strict=True)]
    expected = zip(kinds, questions, (a[0] for a in answers), strict=True)
    assert model.kept == list(expected)


def asked(*arguments):
    return [SimpleNamespace(args=a) for a in arguments]


def logprob(loaded, context, ids):
    whole = [*context, *ids][-(T + 1) :]
    with no_grad():
        logits = loaded.model(np.array([whole[:-1]])).array[0][-len(ids) :]
    return log_probabilities(logits)[np.arange(len(ids)), ids].sum()


def test_likelihoods_of_continuations(model):
    loaded = model.loaded
    encode = loaded.tokenizer.encode
    greedy = loaded.generate("once", temperature=0, max_tokens=3)
    pairs = [("a cat", " sat"), ("", "dog"), ("once", greedy), ("a cat ", "sat"), ("x" * 30, " y")]
    answers = model.loglikelihood(asked(*pairs))
    contexts = [encode(c.rstrip()) if c else encode("\n") for c, _ in pairs]
    texts = [" sat", "dog", greedy, " sat", " y"]
    for context, text, (value, _) in zip(contexts, texts, answers, strict=True):
        assert value == pytest.approx(logprob(loaded, context, encode(text)), abs=1e-3)
    assert answers[2][1] is True and answers[0] == answers[3]


def test_a_long_text_rolls_through_windows_of_the_context(model):
    loaded = model.loaded
    text = "the cat sat on the mat and the dog ran"
    ids, start = loaded.tokenizer.encode(text), loaded.tokenizer.encode("\n")
    assert len(ids) == 38
    expected = (
        logprob(loaded, start, ids[:16])
        + logprob(loaded, ids[15:16], ids[16:32])
        + logprob(loaded, ids[21:32], ids[32:])
    )
    answers = model.loglikelihood_rolling(asked((text,), ("",)))
    assert answers == [pytest.approx(expected, abs=1e-3), 0]


def test_texts_are_generated_up_to_a_stop(model):
    loaded = model.loaded
    whole = loaded.generate("abc", temperature=0, max_tokens=9)
    until = whole[4:6]
    texts = model.generate_until(
        asked(
            ("abc", {"until": [until], "max_gen_toks": 9, "do_sample": False, "temperature": 0.0}),
            ("abc", {"until": [], "max_gen_toks": 9}),
            ("x" * 40 + "abc", {"max_gen_toks": 13, "until": "\n"}),
            ("abc", {"max_gen_toks": 5, "do_sample": True, "temperature": 0.7}),
        )
    )
    assert texts[:2] == [whole[: whole.index(until)], whole]
    assert texts[2] == loaded.generate("abc", temperature=0, max_tokens=13, stop="\n")
    assert texts[3] == loaded.generate("abc", temperature=0.7, max_tokens=5)


def test_options_that_are_not_known_are_refused(model):
    with pytest.raises(ConfigError, match="num_beams = 4; generation_kwargs of an lm_eval task"):
        model.generate_until(asked(("abc", {"num_beams": 4})))


def test_a_run_folder_is_loaded(run_folder):
    pytest.importorskip("lm_eval.api.model", reason=MISSING)
    assert language_model(run_folder, checkpoint="latest").loaded.step == 300


def test_without_lm_eval_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval.api.model", None)
    monkeypatch.setitem(sys.modules, "lm_eval.api", None)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(
        ConfigError, match=r'not installed; lm_eval adapter; pip install "weft\[eval\]"'
    ):
        language_model(tiny())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_answers_are_those_of_lm_eval_s_own_transformers_model(tmp_path):
    """The same model, exported, asked by lm_eval's adapter of transformers."""
    pytest.importorskip("lm_eval.evaluator", reason=FULL, exc_type=ImportError)
    huggingface = pytest.importorskip(
        "lm_eval.models.huggingface", reason="accelerate is not installed", exc_type=ImportError
    )
    tokenizer = BPETokenizer.train(["the cat sat on the mat and the dog ran. " * 5], 290)
    loaded = tiny("gpt2", T)
    config = dataclasses.replace(loaded.config, vocab_size=tokenizer.vocab_size)
    loaded = LoadedModel(GPT(config, Generator(3)).eval(), tokenizer, config, path=None)
    for parameter in loaded.model.parameters():
        parameter.array *= 10 if parameter.ndim == 2 else 1
    write_hugging_face(tmp_path / "model", config, loaded.weights, tokenizer)
    theirs = huggingface.HFLM(
        pretrained=str(tmp_path / "model"), device="cpu", batch_size=1, dtype="float32"
    )
    ours = language_model(loaded)
    pairs = [
        ("the cat", " sat"),
        ("", "dog"),
        ("the cat ", "ran."),
        ("the mat and " * 9, "the dog"),
    ]
    pairs += [("on the", loaded.generate("on the", temperature=0, max_tokens=3))]
    for mine, other in zip(
        ours.loglikelihood(asked(*pairs)), theirs.loglikelihood(asked(*pairs)), strict=True
    ):
        assert mine == (pytest.approx(other[0], abs=1e-3), other[1])
    texts = asked(("the cat sat on the mat and then the dog ran far away from it",), ("a",))
    assert ours.loglikelihood_rolling(texts) == pytest.approx(
        theirs.loglikelihood_rolling(texts), abs=2e-3
    )
    contexts = asked(
        *((p, {"until": [" on"], "max_gen_toks": 6}) for p in ("the cat", "a dog ran"))
    )
    assert ours.generate_until(contexts) == theirs.generate_until(contexts)


TASK = """\
task: weft_choices
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list: [{{metric: acc}}]
"""


@pytest.mark.filterwarnings("ignore")
def test_lm_eval_counts_what_we_count(tmp_path, monkeypatch):
    """A local task, through lm_eval's own evaluator, against `tasks.py`."""
    evaluator = pytest.importorskip("lm_eval.evaluator", reason=FULL, exc_type=ImportError)
    from lm_eval.tasks import TaskManager

    from weft.inference.tasks import answer_all, read_task, share

    model = language_model(tiny("gpt2", T))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    questions = [
        {"prompt": p, "choices": ["sat", "ran far", "is"], "answer": i % 3}
        for i, p in enumerate(["the cat", "a dog", "she", "all of it", "why", "one two"])
    ]
    data = tmp_path / "task.jsonl"
    data.write_text("\n".join(map(json.dumps, questions)))
    (tmp_path / "weft_choices.yaml").write_text(TASK.format(data=data))
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    found = evaluator.simple_evaluate(
        model, tasks=["weft_choices"], task_manager=manager, bootstrap_iters=0, cache_requests=False
    )
    ours = read_task(data)
    expected = share([a.right for a in answer_all(model.loaded, ours, [q.prompt for q in ours])])
    assert found["results"]["weft_choices"]["acc,none"] == pytest.approx(expected.value)
