"""Chat templates: how the turns of a conversation become the tokens that a tuned model has learnt.

A Hugging Face model carries its template as a Jinja program. Foreign programs are not run here: the
four formats that most models use are written down, and recognised by the marks in the program, or
by the special tokens of the tokenizer. Not here: which turns fit (conversation.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from weft.errors import ConfigError

Role = Literal["system", "user", "assistant"]


class Mark(str):
    """The name of a control token: its id where the tokenizer has it, else its letters.

    Texts are never `Mark`s, so that what a user types cannot end a turn.
    """


@dataclass(frozen=True)
class Template:
    """What stands around the turns; texts and `Mark`s in their order."""

    name: str
    before: Mapping[Role, tuple[str, ...]]
    after: Mapping[Role, tuple[str, ...]]
    cue: tuple[str, ...]
    """What tells the model to answer: `before` of its turn, but for spaces."""
    needs: tuple[str, ...]
    """Special tokens without which there is no such conversation: one of them ends an answer."""
    shows: tuple[tuple[str, ...], ...]
    """A Jinja template is this one if it has all the words of one of these."""
    lacks: tuple[str, ...] = ()
    """And none of these words, which tell a format that only looks like it."""
    begin: tuple[str, ...] = ()
    trims: bool = False
    """White space around a turn's text is left out."""
    system_within: bool = False
    """The system prompt is part of the first turn of the user."""

    def parts(self, system: str, turns: Sequence[tuple[str, str | None]]) -> list[str]:
        """The conversation, ready for `encode_parts`; a turn is (user, answer).

        Where the last answer is None, it is the model's turn.
        """
        first = self._message("system", system) if system else []
        parts = [*self.begin, *([] if self.system_within else first)]
        for i, (user, answer) in enumerate(turns):
            within = first if self.system_within and i == 0 else []
            parts += [*self.before["user"], *within, self._text(user), *self.after["user"]]
            parts += self.cue if answer is None else self._message("assistant", answer)
        return parts

    def _message(self, role: Role, text: str) -> list[str]:
        return [*self.before[role], self._text(text), *self.after[role]]

    def _text(self, text: str) -> str:
        return text.strip() if self.trims else str(text)


_START, _END = Mark("<|im_start|>"), Mark("<|im_end|>")
_HEAD, _NECK, _EOT = Mark("<|start_header_id|>"), Mark("<|end_header_id|>"), Mark("<|eot_id|>")
_BOS, _EOS = Mark("<s>"), Mark("</s>")
_ROLES: tuple[Role, ...] = ("system", "user", "assistant")

TEMPLATES = (
    Template(
        "chatml",
        before={role: (_START, f"{role}\n") for role in _ROLES},
        after=dict.fromkeys(_ROLES, (_END, "\n")),
        cue=(_START, "assistant\n"),
        needs=(_START, _END),
        shows=(("<|im_start|>", "<|im_end|>"),),
    ),
    Template(
        "llama3",
        before={role: (_HEAD, role, _NECK, "\n\n") for role in _ROLES},
        after=dict.fromkeys(_ROLES, (_EOT,)),
        cue=(_HEAD, "assistant", _NECK, "\n\n"),
        needs=(_HEAD, _NECK, _EOT),
        shows=(("<|start_header_id|>", "<|eot_id|>"),),
        begin=(Mark("<|begin_of_text|>"),),
        trims=True,
    ),
    Template(
        "llama2",
        before={"system": ("<<SYS>>\n",), "user": (_BOS, "[INST] "), "assistant": (" ",)},
        after={"system": ("\n<</SYS>>\n\n",), "user": (" [/INST]",), "assistant": (" ", _EOS)},
        cue=(),
        needs=(_EOS,),
        shows=(("[INST]", "<<SYS>>"),),
        trims=True,
        system_within=True,
    ),
    Template(
        "zephyr",
        before={role: (Mark(f"<|{role}|>"), "\n") for role in _ROLES},
        after=dict.fromkeys(_ROLES, (_EOS, "\n")),
        cue=(Mark("<|assistant|>"), "\n"),
        needs=(_EOS,),
        shows=(("<|user|>", "<|assistant|>", "eos_token"), ("<|user|>", "<|assistant|>", "</s>")),
        lacks=("<|end|>", "<|eot_id|>"),
    ),
)
NAMES = tuple(template.name for template in TEMPLATES)
BY_TOKENS = TEMPLATES[:2]  # those whose marks no other tokenizer has
ENDS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "</s>")


def template_named(name: str, tokenizer: Any) -> Template:
    """The template of that name. Raises `ConfigError` where the tokenizer lacks its tokens."""
    found = next((template for template in TEMPLATES if template.name == name), None)
    if found is None:
        raise ConfigError(f"unknown template {name!r:.60}; chat; choose one of {', '.join(NAMES)}")
    missing = _missing(found, tokenizer)
    if missing:
        raise ConfigError(
            f"the tokenizer has no token {missing[0]}, which template {name} needs; chat; choose "
            "another template, or none"
        )
    return found


def recognise(source: str | None, tokenizer: Any) -> tuple[Template | None, str]:
    """The template of a model, or None for a base model; and what the user has to know, or "".

    `source` is the model's own template, as other programs run it; where there is none, the special
    tokens of the tokenizer tell. Nothing of `source` is run.
    """
    if source is None:
        found = [t for t in BY_TOKENS if not _missing(t, tokenizer)]
        return (found[0] if found else None), ""
    for template in TEMPLATES:
        if _shows(template, source):
            missing = _missing(template, tokenizer)
            if not missing:
                return template, ""
            return None, (
                f"its chat template is {template.name}, but its tokenizer has no token {missing[0]}"
            )
    return None, f"its chat template is none of {', '.join(NAMES)}, and templates are not run"


def _shows(template: Template, source: str) -> bool:
    if any(word in source for word in template.lacks):
        return False
    return any(all(word in source for word in words) for words in template.shows)


def _missing(template: Template, tokenizer: Any) -> list[str]:
    return [name for name in template.needs if name not in tokenizer.special_tokens]


def end_tokens(tokenizer: Any) -> frozenset[int]:
    """The ids that end an answer: end of text, and the ends of a turn in any template."""
    special = tokenizer.special_tokens
    return frozenset(special[name] for name in ENDS if name in special)


def encode_parts(parts: Iterable[str], tokenizer: Any) -> list[int]:
    """Texts and `Mark`s -> ids. Texts that meet are encoded as one, as if they had never been two.

    Raises `DataError` for a text that the tokenizer cannot encode.
    """
    special, ids, waiting = tokenizer.special_tokens, [], ""
    for part in parts:
        if isinstance(part, Mark) and part in special:
            ids += [*_encode(waiting, tokenizer), special[part]]
            waiting = ""
        else:
            waiting += part
    return [int(i) for i in (*ids, *_encode(waiting, tokenizer))]


def _encode(text: str, tokenizer: Any) -> list[int]:
    return list(tokenizer.encode(text)) if text else []
