"""`LoadedModel`: a model and its tokenizer together, which continue a text.

The prompt is text, never control tokens: what spells a special token is encoded as ordinary text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from numpy.typing import NDArray

from weft.config import EncoderDecoderConfig, ModelConfig
from weft.errors import ConfigError
from weft.inference.batch import Batch
from weft.inference.decoder import Decoder
from weft.inference.options import TextOptions, check_samples, read_options
from weft.inference.packed_decoder import PackedDecoder
from weft.inference.packing import InferencePrecision
from weft.inference.padding import Unpadded
from weft.inference.stopping import StopFilter
from weft.inference.text import Generation
from weft.inference.tokens import Constraint, Continuation, Tokens
from weft.models import CachePrecision, KeyValueCache
from weft.random import Generator
from weft.sampling import Sampling

if TYPE_CHECKING:  # ways of choosing are imported when they are asked for
    from weft.config import AnyModelConfig
    from weft.inference.constraint import Language, Vocabulary
    from weft.inference.speculative import Guesser

BATCH_SIZE = 16


class LoadedModel:
    """What `weft.load` returns: weights and tokenizer, and the model, built when first asked for.

    `dtype` is the compute precision, None for the weights' own; `cache` that of keys and values,
    None for the compute precision; `step` and `state` are those of the checkpoint (0 and empty for
    a model of another program); `notes` what the user must know; `chat_template` the model's own,
    which is not run (templates.py).
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        config: AnyModelConfig,
        path: Path,
        step: int = 0,
        dtype: Any = None,
        state: dict[str, Any] | None = None,
        *,
        weights: Mapping[str, NDArray[Any]] | None = None,
        build: Callable[[], Any] | None = None,
        notes: Sequence[str] = (),
        cache: CachePrecision | None = None,
        precision: InferencePrecision | None = None,
        chat_template: str | None = None,
    ) -> None:
        """`model` may be None where `weights` are given, and `build` that makes it of them."""
        self._model, self._tokenizer, self._weights, self._build = model, tokenizer, weights, build
        self.config, self.path, self.step, self.dtype = config, path, step, dtype
        self.state, self.notes, self.cache = state or {}, tuple(notes), cache
        self._precision, self.chat_template = precision, chat_template
        self._decoder: Decoder | None = None
        self._fingerprint: str | None = None
        self._vocabulary: Vocabulary | None = None

    @property
    def model(self) -> Any:
        """The model in evaluation mode, with weights of its own."""
        if self._model is None and self._build is not None:
            self._model = self._build()
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model, self._weights, self._decoder, self._fingerprint = model, None, None, None

    @property
    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Name (of `model.state_dict()`) -> array, as stored: computed on access and not kept.

        Read-only views of the mapped file where that is possible; perhaps not contiguous.
        """
        if self._weights is not None:
            return self._weights
        return {name: tensor.array for name, tensor in self._model.state_dict().items()}

    @property
    def precision(self) -> InferencePrecision:
        """Of the weights that the decoder multiplies by."""
        return self._precision or ("bfloat16" if self.dtype == "bfloat16" else "float32")

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
        self._tokenizer, self._vocabulary = tokenizer, None

    @property
    def decoder(self) -> Decoder:
        """What reads tokens with this model; made once."""
        if self._decoder is None:
            self._decoder = self._make_decoder()
        return self._decoder

    @decoder.setter
    def decoder(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def constrain(self, **kind: Any) -> Language:
        """What `stream` takes as `constraint`: texts of one of `regex`, `choices`, `schema`.

        `regex` is a regular expression for the whole text, `choices` a list of texts, `schema` a
        parsed JSON schema. Make it once for many texts: it remembers what it worked out. Raises
        `ConfigError` for what is not supported or too large, or cannot be written in the tokens.
        """
        from weft.inference.constraint import Vocabulary, constrain

        if self._vocabulary is None:
            self._vocabulary = Vocabulary(self.tokenizer, self.config.vocab_size)
        return constrain(self._vocabulary, **kind)

    def _make_decoder(self) -> Decoder:
        if not (isinstance(self.config, ModelConfig) and PackedDecoder.runs(self.config)):
            return Decoder(self.model, self.dtype, self.cache)
        weights = self.weights
        return PackedDecoder(
            self.config, weights, self.precision, lambda: self.model, cache=self.cache
        )

    @overload
    def generate(
        self, prompt: str = "", *, samples: None = None, best_of: int = 1, **options: Any
    ) -> str: ...

    @overload
    def generate(
        self, prompt: str = "", *, samples: int, best_of: int = 1, **options: Any
    ) -> list[str]: ...

    def generate(
        self, prompt: str = "", *, samples: int | None = None, best_of: int = 1, **options: Any
    ) -> str | list[str]:
        """The text that follows `prompt`; with `samples`, a list of that many texts.

        The options are those of `stream`. Sample i is what `seed + i` gives by itself. With
        `best_of` so many texts are computed, and those given, best first, that the model finds
        likeliest: by the mean log-probability of their tokens.
        """
        count = 1 if samples is None else samples
        check_samples(options, count, best_of)
        if best_of > 1:
            texts = self._ranked(prompt, best_of, options)[:count]
        else:
            texts = self.generate_batch([prompt] * count, **options)
        return texts[0] if samples is None else texts

    def _ranked(self, prompt: str, best_of: int, options: Mapping[str, Any]) -> list[str]:
        batch = self.stream_batch([prompt] * best_of, **{"logprobs": 0, **options})
        texts = [""] * best_of
        for i, piece in batch:
            texts[i] += piece
        order = sorted(range(best_of), key=lambda i: -batch.texts[i].mean_logprob)
        return [texts[i] for i in order]

    def generate_batch(
        self, prompts: Sequence[str], *, batch_size: int = BATCH_SIZE, **options: Any
    ) -> list[str]:
        """The texts that follow the prompts, computed `batch_size` at a time.

        Text i is what `generate(prompts[i], seed=seed + i)` gives, whatever the others are.
        """
        texts: list[list[str]] = [[] for _ in prompts]
        for i, piece in self.stream_batch(prompts, batch_size=batch_size, **options):
            texts[i].append(piece)
        return ["".join(pieces) for pieces in texts]

    def stream_batch(
        self, prompts: Sequence[str], *, batch_size: int = BATCH_SIZE, **options: Any
    ) -> Batch:
        """As `generate_batch`: iterate over (i, piece) as they come; `texts` are the streams."""
        if batch_size < 1:
            raise ConfigError(f"batch_size = {batch_size}; generate; give 1 or more")
        seed = options.pop("seed", 0)
        texts = [self.stream(p, seed=seed + i, **options) for i, p in enumerate(prompts)]
        return Batch(self.decoder, texts, batch_size)

    def stream(self, prompt: str = "", **options: Any) -> Generation:
        """Iterate over the pieces of the text that follows `prompt` as they come.

        The options are the fields of `TextOptions` and of `weft.sampling.Sampling`. A piece is
        whole characters, and never part of a `stop` text. A prompt longer than the context is a
        `ConfigError`, unless `truncate="left"` drops its start. An empty prompt starts from the
        end-of-text token, a new line, or the first token.
        """
        text, sampling = read_options(options, self.tokenizer)
        stops = StopFilter(text.stop)
        ids = self.encode_prompt(prompt)
        kept = self._fit(ids, text.max_tokens, text.truncate)
        source = self._source(kept, text, sampling)
        if text.prompt_cache is not None and isinstance(source, Continuation):
            source.adopt(self._read_but_the_last(kept, text))
        return Generation(source, self.tokenizer, stops, len(kept), len(ids) - len(kept), text.seed)

    def _constraint(self, text: TextOptions) -> Constraint | None:
        """What was asked for; else that no id comes which the tokenizer does not have."""
        if text.constraint is not None:
            started: Constraint = text.constraint.start()
            return started
        size, V = self.tokenizer.vocab_size, self.config.vocab_size
        return Unpadded(size, V) if size < V else None

    def _source(self, prompt: list[int], text: TextOptions, sampling: Sampling) -> Tokens:
        """Where the ids come from, in the way that the options ask for."""
        common: dict[str, Any] = {
            "block_size": self.config.context,
            "max_tokens": text.max_tokens,
            "sampling": sampling,
            "end": self.tokenizer.end_of_text,
            "constraint": self._constraint(text),
        }
        if isinstance(self.config, EncoderDecoderConfig):
            return self._target(prompt, text, common)
        if text.search not in (None, "beams") and self.config.context > self.config.block_size:
            raise ConfigError(
                f"a model {self.config.model} cannot take tokens back, as "
                f"{text.search.replace('_', '-')} has to; generate; leave it out"
            )
        if text.search == "beams":
            return self._beams(self.decoder, prompt, text, common)
        if text.search == "contrastive_alpha":
            from weft.inference.contrastive import ContrastiveSearch

            alpha = text.contrastive_alpha
            return ContrastiveSearch(self.model, prompt, alpha=alpha, dtype=self.dtype, **common)
        common |= {
            "generator": Generator(text.seed),
            "overflow": text.overflow,
            "logprobs": text.logprobs,
            "trace": text.trace,
        }
        if text.search is None:
            return Continuation(self.decoder, prompt, **common)
        from weft.inference.speculative import GUESSES, Speculation

        guesser = self._guesser(text, sampling, common["generator"], len(prompt))
        guesses = text.guesses or GUESSES
        return Speculation(self.decoder, prompt, guesser=guesser, guesses=guesses, **common)

    def _beams(
        self, decoder: Decoder, prompt: list[int], text: TextOptions, common: Mapping[str, Any]
    ) -> Tokens:
        from weft.inference.beam import BeamSearch

        return BeamSearch(
            decoder,
            prompt,
            beams=text.beams,
            length_penalty=1.0 if text.length_penalty is None else text.length_penalty,
            early_stopping=text.early_stopping or "no",
            **common,
        )

    def _target(self, prompt: list[int], text: TextOptions, common: Mapping[str, Any]) -> Tokens:
        """Of an encoder-decoder: what it writes for the prompt, up to the end of the line."""
        from weft.data import marks_of
        from weft.inference.pairs import SourceDecoder, Target, source_of

        if text.search not in (None, "beams") or text.prompt_cache is not None:
            option = (text.search or "prompt_cache").replace("_", "-")
            raise ConfigError(
                f"a model {self.config.model} draws or searches with beams, and has no {option}; "
                "generate; leave it out"
            )
        marks = marks_of(self.tokenizer)
        source = source_of(prompt, marks)
        decoder = SourceDecoder(self.model, source, self.dtype, self.cache)
        common = {**common, "end": marks.end}
        if text.search == "beams":
            return self._beams(decoder, [marks.begin], text, common)
        return Target(
            decoder,
            [marks.begin],
            generator=Generator(text.seed),
            overflow="stop",
            logprobs=text.logprobs,
            trace=text.trace,
            **common,
        )

    def _guesser(
        self, text: TextOptions, sampling: Sampling, generator: Generator, prompt_length: int
    ) -> Guesser:
        from weft.inference.speculative import Draft, PromptLookup, check_vocabularies

        if text.draft is None:
            return PromptLookup(text.prompt_lookup)
        check_vocabularies(text.draft, self)
        return Draft(
            text.draft.decoder,
            block_size=text.draft.config.context,
            sampling=sampling,
            generator=generator,
            prompt_length=prompt_length,
        )

    def _read_but_the_last(self, prompt: list[int], text: TextOptions) -> KeyValueCache:
        """A sequence that has read all of the prompt but its last token, by way of the file."""
        from weft.inference.prefix import Maker, fingerprint, start_after

        assert text.prompt_cache is not None
        if not isinstance(self.config, ModelConfig):
            raise ConfigError(
                f"a model {self.config.model} keeps no keys and values; generate; "
                "leave --prompt-cache out"
            )
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self.config, self.weights)
        maker = Maker(self._fingerprint, self.precision)
        length = min(self.config.context, len(prompt) + text.max_tokens - 1)
        sequence = self.decoder.start(length)
        start_after(text.prompt_cache, prompt, self.decoder, sequence, maker, self.config)
        return sequence

    def encode_prompt(self, prompt: str) -> list[int]:
        """The prompt's ids; for an empty one, the token that a text starts with."""
        if any("\ud800" <= c <= "\udfff" for c in prompt):
            raise ConfigError("not valid Unicode (a lone surrogate); prompt; pass it as UTF-8 text")
        ids = [int(i) for i in self.tokenizer.encode(prompt)]
        return ids or [start_token(self.tokenizer)]

    def _fit(self, ids: list[int], max_tokens: int, truncate: str | None) -> list[int]:
        T = self.config.context
        if len(ids) <= T:
            return ids
        if truncate != "left":
            raise ConfigError(
                f"the prompt has {len(ids)} tokens, and the model's context is {T}; generate; "
                "shorten it, or drop its start with --truncate left"
            )
        return ids[-(T - min(max_tokens, T // 2)) :]  # room for the new tokens: up to half of it


def start_token(tokenizer: Any) -> int:
    """The id before the first one: end of text, else a new line, else the first id."""
    if tokenizer.end_of_text is not None:
        return int(tokenizer.end_of_text)
    try:
        newline = tokenizer.encode("\n")
    except Exception:  # a character tokenizer that has never seen a new line
        newline = []
    return int(newline[0]) if newline else 0
