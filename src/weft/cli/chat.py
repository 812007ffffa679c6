"""`weft chat MODEL`: a conversation in the terminal, or of a pipe, a line for each turn.

Answers go to stdout as they come, all else to stderr. What a model writes is made harmless on a
terminal: no control sequence of it gets through. Not here: the commands (chat_commands.py), reading
what is typed (chat_lines.py), what the model reads (weft.inference.talk).
"""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from weft.cli import generate_options, output
from weft.cli.generate_options import Sampling
from weft.cli.machine import use_threads
from weft.cli.options import Json, group, off, positional
from weft.errors import ConfigError, WeftError

if TYPE_CHECKING:
    from weft.inference import LoadedModel
    from weft.inference.conversation import Exchange
    from weft.inference.talk import Answer, Talk
    from weft.inference.templates import Template

MAX_TOKENS = {"base": 200, "tuned": 1024, "lines": 256}
# Control characters but tab and line end, and those that turn the direction of text about.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Chat:
    """Talk with a model. Type /help for commands; Ctrl-C stops an answer, Ctrl-D leaves.

    A tuned model answers in its chat template. A base model continues the text that you type,
    line for line; Enter alone lets it go on, and a space at the start of a line goes on in the
    line. From a pipe each line is a turn.

    Example: weft chat runs/book-1 --temperature 0.7
    """

    model: Annotated[str, *positional("MODEL")]
    """Run folder, checkpoint folder, Hugging Face folder, GGUF file, or a pulled model."""
    system: str = ""
    """System prompt; for a base model, a text that stays in its sight."""
    load: Annotated[str | None, off("FILE")] = None
    """Go on with a conversation that /save wrote."""
    template: Literal["auto", "none", "chatml", "llama3", "llama2", "zephyr"] = "auto"
    """Chat template; none continues text, auto is the model's own."""
    max_tokens: Annotated[int | None, off("INT")] = None
    """Tokens of an answer at most; 1024, but 200 of a base model, unless given."""
    until: Literal["paragraph", "length"] = "paragraph"
    """Where a base model stops: after a paragraph, or at --max-tokens only."""
    stop: tuple[str, ...] = ()
    """Stop an answer before this text. May be given several times."""
    seed: int = 0
    """The same seed gives the same conversation; 0 to 4294967295. Answer i has seed + i."""
    checkpoint: Literal["best", "latest"] = "best"
    """Which checkpoint of a run folder: lowest validation loss, or highest step."""
    precision: Literal["auto", "float32", "bfloat16", "int8", "int4"] = "auto"
    """Precision of the matrix products."""
    cache: Annotated[
        Literal["float32", "bfloat16", "int8"] | None, off("{float32,bfloat16,int8}")
    ] = None
    """Precision in which keys and values are kept; that of the products unless given."""
    threads: Annotated[int | None, off("INT")] = None
    """Threads; from 1. By default as many as this process may use."""
    sampling: Annotated[Sampling, *group()] = field(default_factory=Sampling)
    """How a token is chosen: these are applied one after the other, in this order."""
    json: Json = False


def run(options: Chat) -> None:
    from weft.cli.chat_lines import Lines
    from weft.inference import load

    use_threads(options.threads)
    precisions: dict[str, Any] = {"precision": options.precision, "cache": options.cache}
    loaded = load(options.model, checkpoint=options.checkpoint, **precisions)
    talk, notes = _talk(loaded, options)
    lines = Lines()
    dialogue = Dialogue(talk, lines.interactive, options.json)
    for text in notes:
        output.note(f"weft: {text}")
    if lines.interactive:
        dialogue.note(_welcome(talk, output.one_line(options.model)))
    dialogue.run(lines)


def _talk(loaded: LoadedModel, options: Chat) -> tuple[Talk, list[str]]:
    """The conversation that the options ask for, and what the user has to know first."""
    from weft.inference.conversation import Conversation
    from weft.inference.talk import Talk
    from weft.inference.transcript import load_conversation

    template, notes = _template(loaded, options.template)
    conversation = load_conversation(options.load) if options.load else Conversation()
    if options.system:
        conversation = replace(conversation, system=options.system)
    values = generate_options.values(options.sampling)
    values |= {"stop": options.stop, "seed": options.seed}
    talk = Talk(loaded, template, conversation, options.until, **values)
    if talk.by_line and (conversation.system or template):
        raise ConfigError(
            "an encoder-decoder answers each line by itself; chat; leave --system and --template "
            "out"
        )
    kind = "lines" if talk.by_line else "base" if template is None else "tuned"
    talk.change(max_tokens=MAX_TOKENS[kind] if options.max_tokens is None else options.max_tokens)
    return talk, notes


def _template(loaded: LoadedModel, name: str) -> tuple[Template | None, list[str]]:
    from weft.inference.templates import recognise, template_named

    if name == "none":
        return None, []
    if name != "auto":
        return template_named(name, loaded.tokenizer), []
    template, problem = recognise(loaded.chat_template, loaded.tokenizer)
    notes = [note for note in loaded.notes if "chat template" in note]
    if problem:
        notes.append(f"{problem}; it continues text as a base model does; see --template")
    return template, notes


def _welcome(talk: Talk, name: str) -> str:
    if talk.by_line:
        what = f"{name} writes one line for each of yours."
    elif talk.template is not None:
        what = f"{name} answers in the chat template {talk.template.name}."
    else:
        until = "with its paragraph, or " if talk.until == "paragraph" else ""
        what = (
            f"{name} is a base model: it continues your text.\n"
            f"An answer ends {until}after {talk.text.max_tokens:,} tokens; Enter goes on."
        )
    return f"{what}\n/help lists the commands, Ctrl-D leaves."


class Dialogue:
    """Turns in, answers out, until `over`."""

    def __init__(self, talk: Talk, interactive: bool, as_json: bool = False) -> None:
        self.talk, self.over = talk, False
        self._interactive, self._json = interactive, as_json
        self._terminal = sys.stdout is not None and sys.stdout.isatty()
        self._dim = output.has_colour(sys.stderr)
        self._dropped, self._slid = 0, False

    def run(self, lines: Any) -> None:
        """One turn after the other; where nobody sits there, an error ends it."""
        interrupts = 0  # one after the other, with nothing said between them
        while not self.over:
            try:
                turn = lines.turn()
                if turn is None:
                    break
                interrupts = 0
                self._take(*turn)
            except KeyboardInterrupt:
                interrupts += 1
                if not self._interactive or interrupts > 1 or self._answering:
                    raise
                self.note("\n[Ctrl-C again, or Ctrl-D, leaves]")
            except (WeftError, OSError) as error:
                if not self._interactive or isinstance(error, BrokenPipeError):
                    raise
                from weft.cli.failure import describe

                self.note(f"weft: {output.one_line(describe(error))}")
        if self._interactive and not self.over:
            self.note()  # the shell's next line begins at its start

    _answering = False

    def _take(self, text: str, may_be_command: bool) -> None:
        from weft.cli.chat_commands import run_command

        if may_be_command and text.startswith("/") and not text.startswith("//"):
            return run_command(self, text)
        if may_be_command and text.startswith("//"):
            text = text[1:]
        if not text.strip() and (self.talk.template is not None or self.talk.by_line):
            return None  # nothing was said
        return self.answer(lambda stopped: self.talk.say(text, stopped))

    def answer(self, ask: Callable[[Callable[[], bool]], Answer]) -> None:
        """Show the answer that `ask` begins, as it comes, and keep it."""
        with self._stoppable() as stopped:
            begun = time.perf_counter()
            answer = ask(stopped)
            self._note_dropped(answer)
            show = _Shown(self._terminal, not self._json)
            for piece in answer:
                show.add(piece)
                if stopped():
                    answer.stop()
            show.end()
            self.talk.keep(answer)
        if self._json:
            output.result_json(self._describe(answer, time.perf_counter() - begun))
        self._note_end(answer)
        if self._interactive and self._terminal and not self._json:
            output.result()

    @contextmanager
    def _stoppable(self) -> Iterator[Callable[[], bool]]:
        """Inside, the first Ctrl-C is only remembered: the answer so far is kept.

        From a pipe Ctrl-C ends the program, as it does anywhere else.
        """
        asked = threading.Event()

        def remember(number: int, frame: object) -> None:
            if asked.is_set():
                raise KeyboardInterrupt
            asked.set()

        if not self._interactive or threading.current_thread() is not threading.main_thread():
            yield asked.is_set
            return
        before = signal.signal(signal.SIGINT, remember)
        self._answering = True
        try:
            yield asked.is_set
        finally:
            signal.signal(signal.SIGINT, before)
        self._answering = False

    def note(self, text: str = "") -> None:
        """Something that the model did not say."""
        output.note(f"\x1b[2m{text}\x1b[0m" if self._dim and text else text)

    def show_said(self, exchange: Exchange) -> None:
        """What was said before, as it looked."""
        if not self.talk.template and not self.talk.by_line:
            text = exchange.user + (exchange.answer or "")
        else:
            text = f">>> {exchange.user}\n{exchange.answer or ''}"
        shown = _Shown(self._terminal, True)
        shown.add(text)
        shown.end()

    def _note_dropped(self, answer: Answer) -> None:
        dropped, before = answer.prompt.dropped, self._dropped
        unread = answer.prompt.whole - len(answer.prompt.ids)
        if dropped != before or (unread and not before and not dropped):
            turns = f"the first {dropped} turns are" if dropped > 1 else "the first turn is"
            what = f"{turns} no longer read" if dropped else "its start is no longer read"
            if dropped or unread:
                self.note(f"[context full: {what}; {unread:,} of {answer.prompt.whole:,} tokens]")
        self._dropped = dropped

    def _note_end(self, answer: Answer) -> None:
        context = self.talk.loaded.config.context
        if answer.slid and not self._slid:
            self._slid = True  # it will be so each time
            self.note(f"[the context of {context:,} tokens was full: its older half is dropped]")
        said = {
            "interrupted": "stopped",
            "context": f"stopped: the context of {context:,} tokens is full",
            "end": "the text is at its end; what you say next begins another"
            if self.talk.template is None and not self.talk.by_line
            else "",
            "length": f"stopped after {answer.tokens:,} tokens; --max-tokens"
            if self.talk.template is not None
            else "",
        }.get(answer.finish_reason or "", "")
        if said:
            self.note(f"[{said}]")

    def _describe(self, answer: Answer, seconds: float) -> dict[str, Any]:
        """One turn in JSON."""
        exchange = self.talk.conversation.exchanges[-1]
        return {
            "turn": len(self.talk.conversation.exchanges),
            "user": exchange.user,
            "answer": answer.text,
            "seed": answer.seed,
            "temperature": self.talk.sampling.temperature,
            "finish_reason": answer.finish_reason,
            "conversation_tokens": answer.prompt.whole,
            "prompt_tokens": len(answer.prompt.ids),
            "reused_tokens": answer.reused,
            "dropped_turns": answer.prompt.dropped,
            "tokens": answer.tokens,
            "seconds": seconds,
            "tokens_per_second": answer.tokens / seconds if seconds else None,
        }


class _Shown:
    """An answer on stdout: harmless, without the line ends around it."""

    def __init__(self, terminal: bool, on: bool) -> None:
        self._terminal, self._on = terminal, on
        self._begun, self._held = False, ""

    def add(self, piece: str) -> None:
        """Show some more; line ends wait for what follows them."""
        text = self._held + piece
        if not self._begun:
            text = text.lstrip("\n")
        shown = text.rstrip("\n")
        self._held = text[len(shown) :]
        if shown and self._on:
            self._begun = True
            output.result(harmless(shown) if self._terminal else shown, end="")

    def end(self) -> None:
        """The answer is over."""
        if self._on:
            output.result()


def harmless(text: str) -> str:
    """Text that can be shown on a terminal: control characters as their escapes, \\x1b say."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


COMMANDS = {"": (Chat, run)}
