"""Several tokens for one reading of the model: something cheap guesses, the model checks.

A guess is kept with probability min(1, p/q), p the model's and q the guesser's; the first that is
not kept is replaced by a draw from max(0, p - q), normalised. What comes out has the model's own
distribution, whatever the guesses are (Leviathan et al. 2022, arXiv:2211.17192, theorem 1), and is
the very same text where it is greedy, but for the rounding of logits that are nearly equal.
Guessers: `Draft`, a smaller model, and `PromptLookup`, what followed the same tokens before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError
from weft.inference.tokens import Continuation
from weft.random import Generator
from weft.sampling import Sampling, checked, draw, probabilities

if TYPE_CHECKING:
    from weft.inference.decoder import Decoder
    from weft.models import KeyValueCache

GUESSES = 5
Probabilities = NDArray[np.float64]  # (V,)


class Guesser(Protocol):
    """Something that guesses how a text goes on."""

    def guess(self, ids: Sequence[int], count: int) -> tuple[list[int], list[Probabilities] | None]:
        """At most `count` ids to follow `ids`, and the distribution that each was drawn from.

        None for the distributions: each guess was certain.
        """
        ...


class Speculation(Continuation):
    """A continuation whose tokens come several at a time. `guessed` and `kept` count them."""

    def __init__(self, *args: Any, guesser: Guesser, guesses: int = GUESSES, **options: Any):
        super().__init__(*args, **options)
        self.guessed = self.kept = 0
        self._guesser, self._guesses = guesser, guesses
        self._ready: deque[int] = deque()

    @property
    def acceptance(self) -> float | None:
        """Share of the guesses that were kept; None before the first."""
        return self.kept / self.guessed if self.guessed else None

    def __next__(self) -> int:
        if not self._ready:
            self._read_on()
        if not self._ready:
            raise StopIteration
        return self._ready.popleft()

    def _read_on(self) -> None:
        """One reading of the model: as many tokens as guesses are right, and one more."""
        request = self.request()
        if request is None:
            return
        sequence, new = request
        room = min(self._guesses, self._block_size - self._seen, self._left - 1)
        guesses, drawn_from = self._guesser.guess(self._ids, room) if room else ([], None)
        if len(new) > 1:  # a prompt: the logits inside it would cost as much as its reading
            self.decoder.read([sequence], [new[:-1]])
        logits = self.decoder.read_all([sequence], [[new[-1], *guesses]])[0]
        kept = self._check(guesses, drawn_from, logits)
        sequence.position -= len(guesses) - kept
        self._seen += kept
        self.guessed, self.kept = self.guessed + len(guesses), self.kept + kept

    def _check(
        self,
        guesses: Sequence[int],
        drawn_from: list[Probabilities] | None,
        logits: NDArray[Any],
    ) -> int:
        """Take what is right, and the token after it, from logits (guesses + 1, V)."""
        for n, guess in enumerate(guesses):
            allowed = self._constraint.allowed() if self._constraint else None
            p = distribution(logits[n], self._sampling, self._ids, len(self.prompt), allowed)
            q = one_hot(guess, len(p)) if drawn_from is None else drawn_from[n]
            right = bool(self._uniform() * q[guess] < p[guess])
            token = guess if right else int(draw(residual(p, q)[None], self._generator)[0])
            if not self._put(self._take(token, logits[n], allowed)) or not right:
                return n + right
        self._put(self.choose(logits[len(guesses)]))
        return len(guesses)

    def _put(self, token: int | None) -> bool:
        """Make a token ready; whether another one may follow."""
        if token is None:
            return False
        self._ready.append(token)
        return not (self._constraint and self._constraint.finished)

    def _uniform(self) -> float:
        return float(self._generator.uniform((1,))[0])


def distribution(
    logits: NDArray[Any],
    sampling: Sampling,
    previous: Sequence[int],
    prompt_length: int,
    allowed: NDArray[np.bool_] | None = None,
) -> Probabilities:
    """What the next token is drawn from, (V,) -> (V,); all on one token for temperature 0."""
    row = sampling.filter(checked(logits[None]), previous, prompt_length, allowed)[0]
    if sampling.temperature == 0:
        return one_hot(int(row.argmax()), len(row))
    return probabilities(row)


def one_hot(token: int, V: int) -> Probabilities:
    """All of the probability on one token, (V,)."""
    result = np.zeros(V)
    result[token] = 1
    return result


def residual(p: Probabilities, q: Probabilities) -> Probabilities:
    """Weights of what is drawn instead of a guess from q that was not kept: max(0, p - q), (V,)."""
    rest = np.maximum(p - q, 0)
    return rest if rest.any() else p  # p = q but for rounding


class Draft:
    """Guesses with a smaller model of the same vocabulary."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        block_size: int,
        sampling: Sampling,
        generator: Generator,
        prompt_length: int,
    ) -> None:
        self._decoder, self._block_size = decoder, block_size
        self._sampling, self._generator = sampling, generator
        self._prompt_length = prompt_length
        self._sequence: KeyValueCache | None = None
        self._first = 0  # index in the text of the first id that was read
        self._read: list[int] = []

    def guess(self, ids: Sequence[int], count: int) -> tuple[list[int], list[Probabilities] | None]:
        """Each guess is drawn from the small model's distribution, filtered in the same way."""
        sequence, new = self._catch_up(ids, count)
        guesses: list[int] = []
        drawn_from: list[Probabilities] = []
        while len(guesses) < count and len(self._read) + len(new) <= self._block_size:
            logits = self._decoder.read([sequence], [new])[0]
            self._read += new
            text = [*ids, *guesses]
            q = distribution(logits, self._sampling, text, self._prompt_length)
            guesses.append(int(draw(q[None], self._generator)[0]))
            drawn_from.append(q)
            new = guesses[-1:]
        return guesses, drawn_from

    def _catch_up(self, ids: Sequence[int], count: int) -> tuple[KeyValueCache, list[int]]:
        """The sequence without guesses that were wrong, and the ids that it has not read yet."""
        text = list(ids[self._first :])
        if self._sequence is None or len(text) + count - 1 > self._block_size:
            fits = len(ids) + count - 1 <= self._block_size
            self._first = 0 if fits else max(0, len(ids) - max(1, self._block_size // 2))
            self._sequence, self._read = self._decoder.start(self._block_size), []
            return self._sequence, list(ids[self._first :])
        same = common_start(self._read, text[:-1])
        del self._read[same:]
        self._sequence.position = same
        return self._sequence, text[same:]


def common_start(a: Sequence[int], b: Sequence[int]) -> int:
    """How many ids two sequences begin with together."""
    n = min(len(a), len(b))
    different = np.flatnonzero(np.asarray(a[:n]) != np.asarray(b[:n]))
    return int(different[0]) if len(different) else n


class PromptLookup:
    """Guesses what followed the last time the text's last tokens were there.

    `longest` of them are looked for first, then fewer. Saxena 2023, "Prompt Lookup Decoding".
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def guess(self, ids: Sequence[int], count: int) -> tuple[list[int], list[Probabilities] | None]:
        """What followed, up to `count` ids; nothing if the last token never came before."""
        text = np.asarray(ids)
        for n in range(min(self._longest, len(text) - 1), 0, -1):
            windows = np.lib.stride_tricks.sliding_window_view(text[:-1], n)
            found = np.flatnonzero((windows == text[-n:]).all(-1))
            if len(found):
                after = int(found[-1]) + n
                return [int(i) for i in text[after : after + count]], None
        return [], None


def check_vocabularies(draft: Any, model: Any) -> None:
    """`ConfigError` unless the tokens of two loaded models have the same ids."""
    a, b = draft.tokenizer, model.tokenizer
    sizes = draft.config.vocab_size, model.config.vocab_size
    same = sizes[0] == sizes[1] and a.vocab_size == b.vocab_size
    if not same or any(a.token_bytes(i) != b.token_bytes(i) for i in range(a.vocab_size)):
        raise ConfigError(
            f"the draft has another vocabulary ({sizes[0]} tokens) than the model ({sizes[1]}); "
            f"{draft.path}; give a draft with the model's tokenizer"
        )
