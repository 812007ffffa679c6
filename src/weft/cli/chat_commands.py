"""What begins with a slash in a chat: look at the conversation, change it, keep it, leave."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from weft.cli import output
from weft.errors import ConfigError

if TYPE_CHECKING:
    from weft.cli.chat import Dialogue

Run = Callable[["Dialogue", str], object]
SHOWN = 60  # characters of a turn that a note repeats


class Command(NamedTuple):
    """A word after the slash: what may follow it, what it does."""

    argument: str
    summary: str
    run: Run


def run_command(dialogue: Dialogue, line: str) -> None:
    """Do what a line that begins with a slash says. Raises `ConfigError` for an unknown one."""
    name, _, argument = line[1:].partition(" ")
    name, argument = ALIASES.get(name, name), argument.strip()
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, [*COMMANDS, *ALIASES], n=1, cutoff=0.5)
        hint = f"did you mean /{near[0]}?" if near else "/help lists them; // says a slash"
        raise ConfigError(f"unknown command /{output.one_line(name)[:40]}; chat; {hint}")
    command = COMMANDS[name]
    if argument and not command.argument:
        raise ConfigError(f"/{name} takes nothing after it; chat; leave {argument[:40]!r} out")
    command.run(dialogue, argument)


def _help(dialogue: Dialogue, argument: str) -> None:
    rows = [(f"/{name} {c.argument}".rstrip(), c.summary) for name, c in COMMANDS.items()]
    dialogue.note(output.table(rows))
    dialogue.note(
        'A line that ends with \\ goes on; """ begins and ends several lines.\n'
        "// says a slash. Ctrl-C stops an answer, Ctrl-D leaves."
    )


def _retry(dialogue: Dialogue, argument: str) -> None:
    if dialogue.talk.sampling.temperature == 0:
        dialogue.note("[temperature 0: it will be the same answer]")
    dialogue.answer(dialogue.talk.again)


def _undo(dialogue: Dialogue, argument: str) -> None:
    undone = dialogue.talk.conversation.exchanges[-1:]
    dialogue.talk.conversation = dialogue.talk.conversation.undone()
    dialogue.note(f"[took back {_short(undone[0].user)!r} and its answer]")


def _reset(dialogue: Dialogue, argument: str) -> None:
    dialogue.talk.conversation = replace(dialogue.talk.conversation, exchanges=())
    dialogue.note("[a new conversation]")


def _save(dialogue: Dialogue, argument: str) -> None:
    from weft.inference.transcript import save_conversation

    if not argument:
        raise ConfigError("/save without a file; chat; say /save FILE.json")
    path = Path(argument).expanduser()
    save_conversation(path, dialogue.talk.conversation, str(dialogue.talk.loaded.path))
    dialogue.note(f"[saved in {output.one_line(str(path))}]")


def _load(dialogue: Dialogue, argument: str) -> None:
    from weft.inference.transcript import load_conversation

    if not argument:
        raise ConfigError("/load without a file; chat; say /load FILE.json")
    dialogue.talk.conversation = load_conversation(Path(argument).expanduser())
    turns = len(dialogue.talk.conversation.exchanges)
    dialogue.note(f"[a conversation of {turns} turn{'s' * (turns != 1)}; /history shows it]")


def _history(dialogue: Dialogue, argument: str) -> None:
    conversation = dialogue.talk.conversation
    if conversation.system:
        dialogue.note(f"[system: {_short(conversation.system)}]")
    if not conversation.exchanges:
        dialogue.note("[nothing was said yet]")
    for exchange in conversation.exchanges:
        dialogue.show_said(exchange)


def _system(dialogue: Dialogue, argument: str) -> None:
    conversation = dialogue.talk.conversation
    if argument:
        if dialogue.talk.by_line:
            raise ConfigError("this model reads one line and nothing else; /system; leave it out")
        conversation = replace(conversation, system="" if argument == "-" else argument)
        dialogue.talk.conversation = conversation
    dialogue.note(f"[system: {_short(conversation.system) or 'none; /system TEXT sets it'}]")


def _temperature(dialogue: Dialogue, argument: str) -> None:
    if argument:
        _set(dialogue, f"temperature {argument}")
    else:
        dialogue.note(f"[temperature {dialogue.talk.sampling.temperature:g}]")


def _set(dialogue: Dialogue, argument: str) -> None:
    talk = dialogue.talk
    if not argument:
        dialogue.note(output.table([(name, str(value)) for name, value in _settings(talk).items()]))
        return
    name, _, value = argument.partition(" ")
    name = name.strip("-").replace("-", "_")
    if name not in _settings(talk):
        near = difflib.get_close_matches(name, _settings(talk), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "/set alone lists them"
        raise ConfigError(f"unknown setting {name[:40]!r}; /set; {hint}")
    talk.change(**{name: _number(name, value.strip())})
    dialogue.note(f"[{name} {_settings(talk)[name]}]")


def _settings(talk: Any) -> dict[str, Any]:
    """The settings that are numbers."""
    drawing = {f.name: getattr(talk.sampling, f.name) for f in fields(talk.sampling)}
    for name in ("banned", "logit_bias"):
        del drawing[name]
    return {**drawing, "max_tokens": talk.text.max_tokens, "seed": talk.text.seed}


def _number(name: str, value: str) -> float | int | None:
    if name == "top_k" and value == "off":
        return None
    try:
        return int(value) if name in ("top_k", "max_tokens", "seed") else float(value)
    except ValueError:
        raise ConfigError(f"{name} {value[:40]!r}; chat; give a number") from None


def _tokens(dialogue: Dialogue, argument: str) -> None:
    talk = dialogue.talk
    if talk.by_line:
        dialogue.note("[each line is read by itself]")
        return
    prompt, turns = talk.prompt(), len(talk.conversation.exchanges)
    T = talk.loaded.config.context
    room = f" of {T:,}" if talk.loaded.config.block_size == T else ""
    dialogue.note(
        f"[{len(prompt.ids):,}{room} tokens are read, of {prompt.whole:,} in the conversation; "
        f"{turns - prompt.dropped} of {turns} turn{'s' * (turns != 1)}]"
    )


def _quit(dialogue: Dialogue, argument: str) -> None:
    dialogue.over = True


def _short(text: str) -> str:
    shown = output.one_line(text[: SHOWN + 1])
    return shown if len(text) <= SHOWN else f"{shown[:SHOWN]}…"


COMMANDS = {
    "retry": Command("", "another answer to what was said last", _retry),
    "undo": Command("", "take the last exchange back", _undo),
    "reset": Command("", "begin a new conversation; the system prompt stays", _reset),
    "system": Command("[TEXT]", "show or set the system prompt; - for none", _system),
    "temperature": Command(
        "[T]", "show or set the randomness; 0 takes the likeliest", _temperature
    ),
    "set": Command("[NAME VALUE]", "show or set another option, such as top_p", _set),
    "history": Command("", "show what was said", _history),
    "tokens": Command("", "how full the context is", _tokens),
    "save": Command("FILE", "write the conversation into a file", _save),
    "load": Command("FILE", "go on with a saved conversation", _load),
    "help": Command("", "this list", _help),
    "quit": Command("", "leave", _quit),
}
ALIASES = {
    "exit": "quit",
    "bye": "quit",
    "q": "quit",
    "clear": "reset",
    "regen": "retry",
    "?": "help",
}
