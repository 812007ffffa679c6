"""`weft chat`: a pipe's turns and its JSON, the commands, a terminal's keys, harmless output."""

import contextlib
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from tiny_model import save_run, tiny

import weft as package
from weft.cli.chat import harmless
from weft.cli.chat_lines import Lines
from weft.cli.generate_options import Sampling
from weft.errors import ConfigError


@pytest.fixture
def said(weft, run_folder, monkeypatch):
    """`said("line\\n...", options)`: what `weft chat` makes of a pipe."""

    def run(text, *words, model=run_folder):
        data = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        return weft("chat", model, "--until=length", "--max-tokens=9", *words)

    return run


def turns(ran):
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_each_line_of_a_pipe_is_a_turn(said, run_folder):
    ran = said("once\nupon\n")
    loaded = package.load(run_folder)
    first = loaded.generate("once", seed=0, max_tokens=9)
    second = loaded.generate(f"once{first}\nupon"[-12:], seed=1, max_tokens=9)
    assert ran.code == 0 and first.strip("\n") in ran.out
    texts = [turn["answer"] for turn in turns(said("once\nupon\n", "--json"))]
    assert texts[0] == first and len(texts[1]) == len(second) == 9
    assert ran.out == "".join(text.strip("\n") + "\n" for text in texts)
    assert said("once\nupon\n").out == ran.out and said("once\nupon\n", "--seed=3").out != ran.out


def test_json_tells_what_was_read_and_what_was_dropped(said):
    ran = said("once\n/retry\nupon\n", "--json")
    first, again, second = turns(ran)
    assert (first["turn"], again["turn"], second["turn"]) == (1, 1, 2)
    assert (first["seed"], again["seed"], second["seed"]) == (0, 1, 2)
    assert first["user"] == again["user"] == "once" and first["answer"] != again["answer"]
    assert first["prompt_tokens"] == first["conversation_tokens"] == 4 and again["reused_tokens"]
    # A context of 16 tokens: 4 for the answer; 12 of the text, which has 4 + 9 + 1 + 4.
    assert second["conversation_tokens"] == 18 and second["prompt_tokens"] <= 12
    assert second["dropped_turns"] == 0 and second["finish_reason"] == "length"
    assert "[context full: its start is no longer read; " in ran.err
    ran = said("once\nupon\na\ntime\n", "--json")
    dropped = [turn["dropped_turns"] for turn in turns(ran)]
    assert dropped == sorted(dropped) and dropped[-1] >= 2
    assert f"the first {dropped[-1]} turns are no longer read" in ran.err


def test_commands(said, tmp_path):
    saved = tmp_path / "talk.json"
    ran = said(f"once\n/undo\n/history\n/tokens\nupon\n/save {saved}\n/reset\n/history\n"
               f"/load {saved}\n/history\n/system a cat\n/system\n/temperature 0\n/retry\n"
               "/set top_k 3\n/set\n/help\n/quit\nnever read\n")  # fmt: skip
    assert ran.code == 0 and "never" not in ran.out
    for note in ("[took back 'once' and its answer]", "[nothing was said yet]", "[1 of 16 tokens",
                 f"[saved in {saved}]", "[a new conversation]", "[a conversation of 1 turn; ",
                 "[system: a cat]", "[temperature 0.0]", "[temperature 0: it will be the same",
                 "[top_k 3]", "/retry", "presence_penalty"):  # fmt: skip
        assert note in ran.err, note
    messages = json.loads(saved.read_text())["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant"]
    assert messages[0]["content"] == "upon" and messages[1]["seed"] == 1
    lines = ran.out.splitlines()
    assert lines[-2].startswith("upon") or "upon" in ran.out


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/retyr\n", "unknown command /retyr; chat; did you mean /retry?"),
        ("/undo\n", "nothing was said yet; /undo; say something first"),
        ("/quit now\n", "/quit takes nothing after it; chat; leave 'now' out"),
        ("/temperature hot\n", "temperature 'hot'; chat; give a number"),
        ("/temperature -1\n", "temperature = -1.0; sampling; give from 0 to 100"),
        ("/set to_k 3\n", "unknown setting 'to_k'; /set; did you mean top_k?"),
        ("/save\n", "/save without a file; chat; say /save FILE.json"),
        ("/load nothing.json\n", "no such file; nothing.json; give one that /save wrote"),
        ("ONCE\n", "unknown character"),
        (b"once\n\xff\n", "line 2 is not UTF-8 text; stdin; convert it to UTF-8 first"),
    ],
)
def test_an_error_in_a_pipe_ends_it(said, text, error):
    ran = said(text)
    assert ran.code in (1, 2) and error in ran.err.splitlines()[-1]


def test_sampling_options_are_those_of_generate(said, run_folder):
    assert said("once\n", "--temperature=0").out == said("once\n", "--top-k=1", "--seed=9").out
    ran = said("once\n", "--banned-words=o", "--json", "--frequency-penalty=1")
    text = package.load(run_folder).generate(
        "once", max_tokens=9, banned_words=["o"], frequency_penalty=1.0
    )
    assert turns(ran)[0]["answer"] == text
    assert Sampling().temperature == turns(ran)[0]["temperature"]
    assert said("once\n", "--template=chatml").code == 2


def test_several_lines_are_one_turn_and_a_slash_can_be_said(said):
    ran = said('once\\\nupon\n"""\na\n\n time\n"""\n"""b"""\n', "--json")
    assert [turn["user"] for turn in turns(ran)] == ["once\nupon", "a\n\n time", "b"]
    ran = said('"""\n/quit')
    assert ran.code == 1 and "unknown character '/'" in ran.err
    assert "unknown character '/'" in said("//quit\n").err


def test_lines_are_bounded(monkeypatch):
    monkeypatch.setattr("weft.cli.chat_lines.LONGEST", 8)
    stdin = io.TextIOWrapper(io.BytesIO(b"12345678901\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(ConfigError, match="line 1 has more than 8 bytes; stdin; shorten it"):
        Lines().turn()


def test_no_control_sequence_gets_through():
    assert harmless("\x1b[2Ja\tb\nc\r\x07\x9b\u202e\u2066") == (
        "\\x1b[2Ja\tb\nc\\r\\x07\\x9b\\u202e\\u2066"
    )
    assert harmless("héllo 👩‍👩‍👧 汉字 \u200d é") == "héllo 👩‍👩‍👧 汉字 \u200d é"


def test_a_saved_conversation_goes_on(said, tmp_path):
    saved = tmp_path / "talk.json"
    said(f"once\n/save {saved}\n", "--system=a cat")
    (turn,) = turns(said("upon\n", "--load", saved, "--json"))
    assert turn["turn"] == 2
    saved.write_text("{}")
    ran = said("upon\n", "--load", saved)
    assert ran.code == 3 and "not a saved conversation: its format" in ran.err


class Terminal:
    """`weft chat` as a user has it: keys go in, the screen's bytes come out."""

    def __init__(self, model, *words):
        self.screen = b""
        self.mine, theirs = pty.openpty()
        command = [sys.executable, "-m", "weft", "chat", str(model), *map(str, words)]
        environment = os.environ | {"TERM": "dumb", "WEFT_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.wait_for(">>> ")

    def type(self, text):
        os.write(self.mine, text.encode())

    def wait_for(self, pattern, seconds=60):
        """Read on until the text is there; returns all before it, and forgets it."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern.encode(), self.screen)):
            ready, _, _ = select.select([self.mine], [], [], max(0, end - time.monotonic()))
            assert ready, self.screen
            self.screen += os.read(self.mine, 4096)
        before, self.screen = self.screen[: found.start()], self.screen[found.end() :]
        return before.decode()

    def interrupt(self):
        """CPython's readline misses a signal between showing the prompt and waiting for a key."""
        time.sleep(0.2)
        self.process.send_signal(signal.SIGINT)

    def interrupt_at_prompt(self, pattern):
        """A busy machine needs longer than that: once more, where nothing comes of it."""
        with contextlib.suppress(AssertionError):
            self.interrupt()
            return self.wait_for(pattern, 10)
        self.interrupt()
        return self.wait_for(pattern)

    def leave(self, seconds=60):
        """Ctrl-C at the prompt until the program ends; returns its exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.interrupt()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(2)
        raise AssertionError(self.screen)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.mine)


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def start(model, *words):
        opened.append(Terminal(model, *words))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_a_terminal(terminal, run_folder):
    """One conversation, as starting a process takes longest: stop, keep, go on, leave twice."""
    screen = terminal(run_folder, "--max-tokens=1000000", "--until=length")
    screen.type("ONCE\n")
    assert "unknown character" in screen.wait_for(">>> ")  # and the chat goes on
    screen.type("once\n")
    screen.wait_for("once\r\n")
    screen.wait_for("[a-z]{2}")
    screen.interrupt()
    screen.wait_for(r"\[stopped\]")
    screen.wait_for(">>> ")
    screen.type("/tokens\n")
    screen.wait_for(r"1 turn\]")
    screen.wait_for(">>> ")
    screen.interrupt_at_prompt("leaves]")
    screen.wait_for(">>> ")
    screen.type("/history\n")  # something was said between: it counts anew
    screen.wait_for("\r\n>>> ")
    screen.interrupt_at_prompt("leaves]")
    screen.wait_for(">>> ")
    assert screen.leave() == 130


def test_control_sequences_of_a_model_do_not_reach_the_terminal(terminal, tmp_path):
    from weft.tokenizers import CharacterTokenizer

    loaded = tiny(vocab_size=3)
    loaded.tokenizer = CharacterTokenizer.train("\x1b[a")
    model = save_run(tmp_path / "escapes", loaded).path
    screen = terminal(model, "--max-tokens=40", "--until=length")
    screen.type("a\n")
    screen.wait_for("a\r\n")
    shown = screen.wait_for(">>> ")
    assert "\\x1b" in shown and "\x1b[" not in shown.split("\x1b[?2004h")[0].strip()
    screen.type("\x04")
    assert screen.process.wait(30) == 0  # the end of the input is how one leaves


def test_a_tuned_model_answers_in_its_template(said, tmp_path):
    from weft.tokenizers import BPETokenizer

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    loaded = tiny(vocab_size=262, block_size=64)
    loaded.tokenizer = BPETokenizer.train(["hello"], 262, special)
    model = save_run(tmp_path / "tuned", loaded).path
    one, two = turns(said("hello\n\nyou\n", "--system=be", "--json", model=model))
    whole = "<|im_start|>system\nbe<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n"
    whole = [*loaded.tokenizer.encode(f"{whole}<|im_start|>assistant\n", allowed_special="all")]
    assert one["prompt_tokens"] == len(whole) and one["turn"] == 1 and two["turn"] == 2
    assert two["dropped_turns"] == 1  # half of 64 tokens less 9 are for an answer
    plain = turns(said("hello\n", "--template=none", "--json", model=model))[0]
    assert plain["prompt_tokens"] == len(loaded.tokenizer.encode("hello"))
    screen = said("hello\n" + "x" * 99 + "\n", model=model)
    assert screen.code == 2 and "there is room for" in screen.err


@pytest.mark.parametrize("model", ["ngram", "lstm", "mlp"])
def test_other_families_continue_text_too(said, tmp_path, model):
    text = tmp_path / "text.txt"
    text.write_text("once upon a time there was a cat\n" * 40)
    options = {} if model == "ngram" else {"steps": 2, "n_embd": 8, "block_size": 8}
    options |= {"context_size": 3, "intermediate_size": 8} if model == "mlp" else {}
    options |= {"order": 3} if model == "ngram" else {"sample_tokens": 0}
    run = tmp_path / model
    package.train(text, out=str(run), model=model, progress=package.training.Progress(), **options)
    one, two, again = turns(said("once\nupon\n/retry\n", "--json", model=run))
    loaded = package.load(run)
    assert one["answer"] == loaded.generate("once", seed=0, max_tokens=9)
    text = f"once{one['answer']}"
    text += "upon" if text.endswith("\n") else "\nupon"
    assert two["answer"] == loaded.generate(text, seed=1, max_tokens=9)
    assert again["answer"] == loaded.generate(text, seed=2, max_tokens=9)
    assert two["reused_tokens"] >= 4 and again["reused_tokens"] == two["prompt_tokens"] - 1


def test_an_encoder_decoder_answers_each_line_by_itself(said, tmp_path):
    text = tmp_path / "pairs.txt"
    text.write_text("".join(f"{a}{b}\t{b}{a}\n" for a in "abcdef" for b in "abcdef"))
    run = tmp_path / "pairs"
    package.train(
        text, out=str(run), model="encoder-decoder", steps=2, n_embd=8, n_head=2, n_layer=1,
        block_size=8, sample_tokens=0, progress=package.training.Progress(),
    )  # fmt: skip
    one, two = turns(said("ab\n\ncd\n/tokens\n", "--json", "--temperature=0", model=run))
    loaded = package.load(run)
    assert [one["answer"], two["answer"]] == [
        loaded.generate(source, temperature=0, max_tokens=9) for source in ("ab", "cd")
    ]
    ran = said("ab\n", "--system=x", model=run)
    assert ran.code == 2 and "answers each line by itself" in ran.error
