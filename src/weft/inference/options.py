"""What can be asked of a text besides how its tokens are drawn (`weft.sampling.Sampling`).

`read_options` takes both kinds together, as `LoadedModel.stream` and the command line give them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from weft.config import unknown_key_message
from weft.errors import ConfigError, WeftError
from weft.inference.tokens import Overflow
from weft.sampling import Sampling

LARGEST_SEED = 2**32 - 1  # the generator takes 32 bits; a larger seed would repeat another's text
LARGEST = {"logprobs": 100, "beams": 256, "prompt_lookup": 64, "guesses": 64}

EarlyStopping = Literal["no", "yes", "never"]


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """One text's length, ends and way of searching; checked when built (`ConfigError`)."""

    max_tokens: int = 256
    """New tokens at most; from 1."""
    stop: Sequence[str] | str = ()
    """Stop before this text."""
    seed: int = 0
    """The same seed gives the same text; 0 to 4294967295."""
    truncate: Literal["left"] | None = None
    """"left" drops the start of a prompt that is longer than the context."""
    overflow: Overflow = "slide"
    """At the end of the context: go on with its last half, or stop."""
    banned_words: Sequence[str] = ()
    """Words that never come, in the tokens that spell them, with and without a space before."""
    constraint: Any = None
    """What the text must look like: its `start()` gives a `Constraint` for one text."""
    logprobs: int | None = None
    """Keep each token's log-probability, and those of so many likeliest ones; 0 to 100."""
    trace: bool = False
    """Keep what every filter did for each token."""
    beams: int = 1
    """Beam search with so many beams; 1 is off, to 256."""
    length_penalty: float | None = None
    """Beam search divides log-probabilities by length to this power; 1 unless given."""
    early_stopping: EarlyStopping | None = None
    """When as many beams as asked for have ended: judge by their length so far, stop, or never."""
    contrastive_alpha: float = 0.0
    """Contrastive search: weight of being unlike the text so far, 0 (off) to 1."""
    draft: Any = None
    """A smaller model with the same vocabulary, which guesses tokens that this one checks."""
    prompt_lookup: int = 0
    """Guess what followed the same last tokens before; how many of them at most; 0 is off."""
    guesses: int | None = None
    """Tokens guessed at a time, 1 to 64; 5 unless given."""
    prompt_cache: str | Path | None = None
    """File of what was computed of a prompt: used where prompts begin alike, else written."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens = {self.max_tokens}; generate; give 1 or more")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ConfigError(f"seed = {self.seed}; generate; give 0 to {LARGEST_SEED}")
        for name, least in (("logprobs", 0), ("beams", 1), ("prompt_lookup", 0), ("guesses", 1)):
            value, most = getattr(self, name), LARGEST[name]
            if value is not None and not least <= value <= most:
                raise ConfigError(f"{name} = {value}; generate; give {least} to {most}")
        if not 0 <= self.contrastive_alpha <= 1:
            raise ConfigError(
                f"contrastive_alpha = {self.contrastive_alpha}; generate; give 0 to 1"
            )
        if self.length_penalty is not None and not -10 <= self.length_penalty <= 10:
            raise ConfigError(f"length_penalty = {self.length_penalty}; generate; give -10 to 10")
        self._check_combination()

    @property
    def search(self) -> str | None:
        """The setting that chooses another way than to draw token after token; None for that."""
        on = {
            "beams": self.beams > 1,
            "contrastive_alpha": self.contrastive_alpha > 0,
            "draft": self.draft is not None,
            "prompt_lookup": self.prompt_lookup > 0,
        }
        chosen = [name for name, given in on.items() if given]
        if len(chosen) > 1:
            raise ConfigError(f"{' and '.join(chosen)}; generate; choose one of them")
        return chosen[0] if chosen else None

    def _check_combination(self) -> None:
        search = self.search
        if search != "beams":
            for name in ("length_penalty", "early_stopping"):
                if getattr(self, name) is not None:
                    raise ConfigError(f"{name} without beams; generate; give beams from 2 too")
        if search is not None and self.prompt_cache is not None:
            raise ConfigError(f"prompt_cache with {search}; generate; leave one of them out")
        if self.guesses is not None and search not in ("draft", "prompt_lookup"):
            raise ConfigError("guesses without draft or prompt_lookup; generate; give one of them")
        if search in ("beams", "contrastive_alpha"):
            for name, given in (("trace", self.trace), ("logprobs", self.logprobs is not None)):
                if given:
                    raise ConfigError(f"{name} with {search}; generate; leave one of them out")


def read_options(values: Mapping[str, Any], tokenizer: Any) -> tuple[TextOptions, Sampling]:
    """Both kinds of options from one mapping. Raises `ConfigError`, also for an unknown name."""
    kinds = [{field.name for field in dataclasses.fields(c)} for c in (TextOptions, Sampling)]
    for name in values:
        if name not in kinds[0] | kinds[1]:
            raise ConfigError(unknown_key_message(name, sorted(kinds[0] | kinds[1]), "generate"))
    text = TextOptions(**{name: v for name, v in values.items() if name in kinds[0]})
    drawing = {name: v for name, v in values.items() if name in kinds[1]}
    if text.banned_words:
        drawing["banned"] = [*drawing.get("banned", ()), *spell(text.banned_words, tokenizer)]
    sampling = Sampling(**drawing)
    _check_drawing(text.search, sampling)
    return text, sampling


def _check_drawing(search: str | None, sampling: Sampling) -> None:
    """Beam and contrastive search draw nothing: what only shapes a draw would be ignored."""
    if search not in ("beams", "contrastive_alpha"):
        return
    default = Sampling()
    names = {"top_k", "top_p", "min_p", "typical_p", "temperature"}
    if search == "contrastive_alpha":
        names.remove("top_k")  # the number of candidates
    for name in sorted(names):
        value = getattr(sampling, name)
        if value != getattr(default, name) and not (name == "temperature" and value == 0):
            raise ConfigError(
                f"{name} with {search}, which draws nothing; generate; leave one of them out"
            )


def check_samples(values: Mapping[str, Any], samples: int, best_of: int) -> None:
    """`ConfigError` for numbers of texts that are impossible, or if all would be the same."""
    if samples < 1:
        raise ConfigError(f"samples = {samples}; generate; give 1 or more")
    if best_of != 1 and best_of < samples:
        raise ConfigError(f"best_of = {best_of}; generate; give samples = {samples} or more")
    fixed = {
        "beams": values.get("beams", 1) > 1,
        "contrastive_alpha": values.get("contrastive_alpha", 0) > 0,
        "temperature 0": values.get("temperature") == 0,
    }
    for name in (name for name, given in fixed.items() if given):
        if best_of > 1 or (samples > 1 and name != "temperature 0"):
            what = "best_of" if best_of > 1 else "samples"
            raise ConfigError(f"{what} with {name}, which gives one text; generate; leave one out")


def spell(words: Sequence[str] | str, tokenizer: Any) -> Iterable[list[int]]:
    """The ids of each word, and of each with a space before it.

    A word with a character that the tokenizer does not know can never come, and needs no ban.
    """
    words = [words] if isinstance(words, str) else words
    if not all(isinstance(word, str) and word for word in words):
        raise ConfigError(
            f"banned_words = {list(words)[:3]!r}; generate; give texts, none of them empty"
        )
    spellings = []
    for spelling in (text for word in words for text in (word, f" {word}")):
        try:
            spellings.append([int(i) for i in tokenizer.encode(spelling)])
        except WeftError:
            continue
    return spellings
