"""`Talk`: a model and a conversation; it answers turn by turn, and an answer comes as it is made.

A tuned model answers in its template. A base model continues the running text, to the end of a
paragraph. An encoder-decoder writes one line for one line, and reads nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, Literal

from numpy.typing import NDArray

from weft.config import EncoderDecoderConfig, unknown_key_message
from weft.errors import ConfigError
from weft.inference.conversation import Conversation, Prompt, fit_text, fit_turns
from weft.inference.generation import LoadedModel, start_token
from weft.inference.options import LARGEST_SEED, read_options
from weft.inference.padding import Unpadded
from weft.inference.reading import Reading
from weft.inference.stopping import StopFilter
from weft.inference.templates import Template, end_tokens
from weft.inference.text import Generation
from weft.inference.tokens import Continuation
from weft.random import Generator
from weft.sampling import Sampling

Until = Literal["paragraph", "length"]
Reason = Literal["length", "context", "end", "stop", "paragraph", "interrupted"]
PARAGRAPH = re.compile(r"\S[^\S\n]*\n[^\S\n]*\n")
OPTIONS = {field.name for field in fields(Sampling)} - {"banned"}
OPTIONS |= {"banned_words", "max_tokens", "stop", "seed"}
TEXT_ROOM, TURN_ROOM = 4, 2  # an answer may need up to this part of the context


class Reply(Continuation):
    """A continuation that any of several tokens ends; a full window keeps its first ids too."""

    def __init__(self, *args: Any, ends: frozenset[int], kept: int, **options: Any) -> None:
        super().__init__(*args, end=None, **options)
        self._ends, self._kept = ends, kept

    def choose(self, logits: NDArray[Any]) -> int | None:
        token = super().choose(logits)
        if token in self._ends:
            self.finish_reason = "end"
            return None
        return token

    def _window(self) -> list[int]:
        if not self.slid:
            return self._ids
        new = max(1, self._block_size // 2 - self._kept)
        return [*self._ids[: self._kept], *self._ids[-new:]]


class Answer(Iterator[str]):
    """Pieces of an answer as they come; `text` is all of them so far.

    `finish_reason` is None until the end. `reused` tokens of the `prompt` did not have to be read.
    """

    def __init__(self, prompt: Prompt, seed: int) -> None:
        self.prompt, self.seed, self.reused, self.text = prompt, seed, 0, ""
        self.finish_reason: Reason | None = None
        self.generation: Generation | None = None
        self._end: re.Pattern[str] | None = None

    def begin(
        self, generation: Generation, reused: int = 0, end: re.Pattern[str] | None = None
    ) -> None:
        """Its tokens come from here; the answer is over where `end` matches in it."""
        self.generation, self.reused, self._end = generation, reused, end

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return self.generation.tokens if self.generation else 0

    @property
    def slid(self) -> int:
        """How often the context was full in the middle of it, and lost its older half."""
        return self.generation.slid if self.generation else 0

    def stop(self) -> None:
        """It ends here; what was said stays."""
        self.finish_reason = self.finish_reason or "interrupted"

    def __next__(self) -> str:
        if self.finish_reason is not None or self.generation is None:
            raise StopIteration
        piece = next(self.generation, None)
        if piece is None:
            self.finish_reason = self.generation.finish_reason
            raise StopIteration
        before = len(self.text)
        self.text += piece
        found = self._end.search(self.text, max(0, before - 64)) if self._end else None
        if found:
            self.text, self.finish_reason = self.text[: found.end()], "paragraph"
        return self.text[before:]


class Talk:
    """A conversation with a model; `conversation` may be replaced by any other.

    `options` are those of `LoadedModel.stream` that say how tokens are drawn, and `max_tokens`,
    `stop` and `seed`, that of the first answer; each further answer has the next one.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        template: Template | None,
        conversation: Conversation | None = None,
        until: Until = "paragraph",
        **options: Any,
    ) -> None:
        """`template` None: a base model. Raises `ConfigError` for options that cannot be."""
        self.loaded, self.template, self.until = loaded, template, until
        self.conversation = conversation or Conversation()
        self.answers = 0
        self._options: dict[str, Any] = {}
        self.change(**options)
        self._reading = Reading(loaded.decoder) if not self.by_line else None

    @property
    def by_line(self) -> bool:
        """Whether every line is answered by itself."""
        return isinstance(self.loaded.config, EncoderDecoderConfig)

    def change(self, **options: Any) -> None:
        """Other options from now on, those named. Raises `ConfigError`, and nothing is changed."""
        for name in options:
            if name not in OPTIONS:
                raise ConfigError(unknown_key_message(name, sorted(OPTIONS), "chat"))
        options = {**self._options, **options}
        self.text, self.sampling = read_options(options, self.loaded.tokenizer)
        if options.get("seed") != self._options.get("seed"):
            self.answers = 0
        self._options = options

    def prompt(self, conversation: Conversation | None = None) -> Prompt:
        """What the model reads of a conversation, this one unless it is given, to go on with it.

        Raises `ConfigError` when the last turn is too long, `DataError` for unknown characters.
        """
        conversation = conversation or self.conversation
        T, tokenizer = self.loaded.config.context, self.loaded.tokenizer
        part = TEXT_ROOM if self.template is None else TURN_ROOM
        budget = max(1, T - min(self.text.max_tokens, T // part))
        if self.template is not None:
            return fit_turns(conversation, self.template, tokenizer, budget)
        prompt = fit_text(conversation, tokenizer, budget)
        return prompt if prompt.ids else replace(prompt, ids=(start_token(tokenizer),))

    def say(self, text: str, stopped: Callable[[], bool] = lambda: False) -> Answer:
        """What the model answers to `text`; once the answer is over, or to be, call `keep`.

        `stopped` is asked now and then while the prompt is read. Errors: as `prompt`; the
        conversation is unchanged then.
        """
        return self._answer(self.conversation.said(text), stopped)

    def again(self, stopped: Callable[[], bool] = lambda: False) -> Answer:
        """Another answer to what was said last. Errors: as `say`, and if nothing was said."""
        return self._answer(self.conversation.unanswered(), stopped)

    def keep(self, answer: Answer) -> None:
        """Make an answer, whole or stopped, part of the conversation."""
        answer.stop()
        ended = answer.finish_reason == "end"
        self.conversation = self.conversation.answered(answer.text, ended, answer.seed)
        if self._reading is not None and answer.generation is not None:
            self._reading.extended(answer.generation.ids)

    def _answer(self, conversation: Conversation, stopped: Callable[[], bool]) -> Answer:
        seed = (self.text.seed + self.answers) % (LARGEST_SEED + 1)
        if self._reading is None:
            answer = self._line(conversation, seed)
        else:
            answer = self._turn(conversation, seed, stopped, self._reading)
        self.conversation = conversation
        self.answers += 1
        return answer

    def _line(self, conversation: Conversation, seed: int) -> Answer:
        """Of an encoder-decoder."""
        source = conversation.exchanges[-1].user
        generation = self.loaded.stream(source, **{**self._options, "seed": seed})
        answer = Answer(Prompt((), generation.prompt_tokens), seed)
        answer.begin(generation)
        return answer

    def _turn(
        self,
        conversation: Conversation,
        seed: int,
        stopped: Callable[[], bool],
        reading: Reading,
    ) -> Answer:
        prompt, T = self.prompt(conversation), self.loaded.config.context
        stops = StopFilter(self.text.stop)
        answer = Answer(prompt, seed)
        sequence = reading.read(prompt.ids, min(T, len(prompt.ids) + self.text.max_tokens), stopped)
        if sequence is None:
            answer.stop()
            return answer
        reply = self._reply(prompt, seed)
        reply.adopt(sequence)
        tokenizer, read = self.loaded.tokenizer, len(prompt.ids)
        end = PARAGRAPH if self.template is None and self.until == "paragraph" else None
        generation = Generation(reply, tokenizer, stops, read, prompt.whole - read, seed)
        answer.begin(generation, reading.reused, end)
        return answer

    def _reply(self, prompt: Prompt, seed: int) -> Reply:
        loaded, tokenizer = self.loaded, self.loaded.tokenizer
        V = loaded.config.vocab_size
        return Reply(
            loaded.decoder,
            prompt.ids,
            block_size=loaded.config.context,
            max_tokens=self.text.max_tokens,
            sampling=self.sampling,
            generator=Generator(seed),
            overflow="slide" if self.template is None else "stop",
            constraint=Unpadded(tokenizer.vocab_size, V) if tokenizer.vocab_size < V else None,
            ends=end_tokens(tokenizer),
            kept=prompt.kept,
        )
