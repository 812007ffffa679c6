"""`LoadedModel`: a model and its tokenizer together, which continue a text.

The prompt is text, never control tokens: what spells a special token is encoded as ordinary text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from numpy.typing import NDArray

from weft.config import ModelConfig
from weft.errors import ConfigError
from weft.inference.stopping import StopFilter
from weft.inference.tokens import Continuation, FinishReason, Overflow
from weft.random import Generator
from weft.sampling import Sampling

LARGEST_SEED = 2**32 - 1  # the generator takes 32 bits; a larger seed would repeat another's text


class LoadedModel:
    """What `weft.load` returns: weights and tokenizer, and the model, built when first asked for.

    `dtype` is the compute precision, None for the weights' own; `step` and `state` are those of
    the checkpoint (0 and empty for a model of another program); `notes` what the user must know.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        config: ModelConfig,
        path: Path,
        step: int = 0,
        dtype: Any = None,
        state: dict[str, Any] | None = None,
        *,
        weights: Mapping[str, NDArray[Any]] | None = None,
        build: Callable[[], Any] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """`model` may be None where `weights` are given, and `build` that makes it of them."""
        self._model, self._tokenizer, self._weights, self._build = model, tokenizer, weights, build
        self.config, self.path, self.step, self.dtype = config, path, step, dtype
        self.state, self.notes = state or {}, tuple(notes)

    @property
    def model(self) -> Any:
        """The `GPT` in evaluation mode, with weights of its own."""
        if self._model is None and self._build is not None:
            self._model = self._build()
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model, self._weights = model, None

    @property
    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Name (of `model.state_dict()`) -> array, as stored: computed on access and not kept.

        Read-only views of the mapped file where that is possible; perhaps not contiguous.
        """
        if self._weights is not None:
            return self._weights
        return {name: parameter.array for name, parameter in self._model.named_parameters()}

    @property
    def has_tokenizer(self) -> bool:
        """Whether text can go in and out; a model of another program may come without."""
        return self._tokenizer is not None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer. Raises `ConfigError` if there is none."""
        if self._tokenizer is None:
            reason = next((note for note in self.notes if "tokenizer" in note), "no tokenizer")
            raise ConfigError(
                f"the model cannot read text: {reason}; {self.path}; give it one with weft convert "
                "SRC DST --tokenizer PATH"
            )
        return self._tokenizer

    @tokenizer.setter
    def tokenizer(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @overload
    def generate(self, prompt: str = "", *, samples: None = None, **options: Any) -> str: ...

    @overload
    def generate(self, prompt: str = "", *, samples: int, **options: Any) -> list[str]: ...

    def generate(
        self, prompt: str = "", *, samples: int | None = None, **options: Any
    ) -> str | list[str]:
        """The text that follows `prompt`; with `samples`, a list of that many texts.

        The options are those of `stream`. Sample i is what `seed + i` gives by itself.
        """
        if samples is None:
            return "".join(self.stream(prompt, **options))
        if samples < 1:
            raise ConfigError(f"samples = {samples}; generate; give 1 or more")
        seed = options.pop("seed", 0)
        return ["".join(self.stream(prompt, seed=seed + i, **options)) for i in range(samples)]

    def stream(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 256,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        stop: Sequence[str] | str = (),
        seed: int = 0,
        truncate: Literal["left"] | None = None,
        overflow: Overflow = "slide",
    ) -> Generation:
        """Iterate over the pieces of the text that follows `prompt` as they come.

        A piece is whole characters, and never part of a `stop` text. A prompt longer than the
        context is a `ConfigError`, unless `truncate="left"` drops its start. `overflow` says what
        happens at the context's end: "slide" goes on with the last half of it, "stop" stops.
        An empty prompt starts from the end-of-text token, a new line, or the first token.
        """
        if max_tokens < 1:
            raise ConfigError(f"max_tokens = {max_tokens}; generate; give 1 or more")
        if not 0 <= seed <= LARGEST_SEED:
            raise ConfigError(f"seed = {seed}; generate; give 0 to {LARGEST_SEED}")
        sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty)
        stops = StopFilter(stop)
        ids = self.encode_prompt(prompt)
        kept = self._fit(ids, max_tokens, truncate)
        tokens = Continuation(
            self.model,
            kept,
            block_size=self.config.block_size,
            max_tokens=max_tokens,
            sampling=sampling,
            generator=Generator(seed),
            overflow=overflow,
            end=self.tokenizer.end_of_text,
            dtype=self.dtype,
        )
        return Generation(tokens, self.tokenizer, stops, len(kept), len(ids) - len(kept))

    def encode_prompt(self, prompt: str) -> list[int]:
        """The prompt's ids; for an empty one, the token that a text starts with."""
        if any("\ud800" <= c <= "\udfff" for c in prompt):
            raise ConfigError("not valid Unicode (a lone surrogate); prompt; pass it as UTF-8 text")
        ids = [int(i) for i in self.tokenizer.encode(prompt)]
        return ids or [start_token(self.tokenizer)]

    def _fit(self, ids: list[int], max_tokens: int, truncate: str | None) -> list[int]:
        T = self.config.block_size
        if len(ids) <= T:
            return ids
        if truncate != "left":
            raise ConfigError(
                f"the prompt has {len(ids)} tokens, and the model's context is {T}; generate; "
                "shorten it, or drop its start with --truncate left"
            )
        return ids[-(T - min(max_tokens, T // 2)) :]  # room for the new tokens: up to half of it


class Generation(Iterator[str]):
    """Pieces of generated text; iterate to compute them.

    `tokens` counts the ids so far, `finish_reason` is None until the end. `truncated` is the number
    of prompt tokens that were dropped.
    """

    def __init__(
        self,
        continuation: Continuation,
        tokenizer: Any,
        stops: StopFilter,
        prompt_tokens: int,
        truncated: int,
    ) -> None:
        self.prompt_tokens, self.truncated, self.tokens = prompt_tokens, truncated, 0
        self.finish_reason: FinishReason | None = None
        self._continuation, self._stops = continuation, stops
        self._decoder = tokenizer.stream_decoder()

    @property
    def slid(self) -> int:
        """How often the window has moved on past the start of the text."""
        return self._continuation.slid

    def __next__(self) -> str:
        while self.finish_reason is None:
            piece = self._next_piece()
            if piece:
                return piece
        raise StopIteration

    def _next_piece(self) -> str:
        token = next(self._continuation, None)
        if token is None:
            self.finish_reason = self._continuation.finish_reason
            piece = self._stops.push(self._decoder.flush())
            held = "" if self._stops.stopped else self._stops.flush()
            return piece + held
        self.tokens += 1
        piece = self._stops.push(self._decoder.push(token))
        if self._stops.stopped:
            self.finish_reason = "stop"
        return piece


def start_token(tokenizer: Any) -> int:
    """The id before the first one: end of text, else a new line, else the first id."""
    if tokenizer.end_of_text is not None:
        return int(tokenizer.end_of_text)
    try:
        newline = tokenizer.encode("\n")
    except Exception:  # a character tokenizer that has never seen a new line
        newline = []
    return int(newline[0]) if newline else 0
