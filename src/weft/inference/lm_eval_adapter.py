"""A Weft model as a model of lm_eval (EleutherAI's evaluation harness), for its tasks and figures.

lm_eval is a package of its own (`pip install "weft[eval]"`), imported only in here. In Python:

    import lm_eval
    from weft.inference.lm_eval_adapter import language_model

    results = lm_eval.simple_evaluate(model=language_model("runs/book-1"), tasks=["lambada_openai"])

Log-likelihoods are those of `likelihood.py`: a context that is too long loses its start, as lm_eval
has it; texts are generated greedily unless a task asks otherwise. Not here: chat templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from weft.errors import ConfigError
from weft.inference.generation import LoadedModel, start_token
from weft.inference.likelihood import encode_pair, likelihoods, rolling_windows
from weft.inference.loading import load

MAX_TOKENS = 256  # of a generated text, where a task does not say
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


def language_model(model: str | PathLike[str] | LoadedModel, **options: Any) -> Any:
    """An `lm_eval.api.model.LM` for a loaded model, or for what `load` opens with these options.

    Raises `ConfigError` if lm_eval is not installed.
    """
    try:
        from lm_eval.api.model import LM
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'{error.name} is not installed; lm_eval adapter; pip install "weft[eval]"'
        ) from error
    loaded = model if isinstance(model, LoadedModel) else load(str(model), **options)
    kind = type("WeftModel", (_Requests, LM), {"__doc__": "A Weft model, as lm_eval asks it."})
    adapter = kind()
    adapter.loaded = loaded
    return adapter


class _Requests:
    """The three questions of lm_eval. A request's `args` are its texts and options."""

    loaded: LoadedModel
    cache_hook: Any

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Of each (context, continuation): its log-probability, and whether it is greedy."""
        tokenizer = self.loaded.tokenizer
        pairs = [encode_pair(tokenizer, *request.args) for request in requests]
        answers = [(x.logprob, x.greedy) for x in likelihoods(self.loaded, pairs)]
        for request, answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial("loglikelihood", request.args, answer)
        return answers

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Of each (text,): its log-probability, all of it."""
        tokenizer, length = self.loaded.tokenizer, self.loaded.config.block_size
        answers = []
        for request in requests:
            ids = tokenizer.encode(request.args[0])
            windows = rolling_windows(ids, start_token(tokenizer), length)
            answers.append(sum(x.logprob for x in likelihoods(self.loaded, windows)))
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, answers[-1])
        return answers

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Of each (context, options): what follows, up to one of the texts in `until`."""
        answers: dict[int, str] = {}
        for options, group in _alike(requests):
            prompts = [self._fitting(requests[i].args[0], options["max_tokens"]) for i in group]
            texts = self.loaded.generate_batch(prompts, **options)
            answers |= zip(group, texts, strict=True)
        for i, request in enumerate(requests):
            self.cache_hook.add_partial("generate_until", request.args, answers[i])
        return [answers[i] for i in range(len(requests))]

    def _fitting(self, context: str, max_tokens: int) -> str:
        """The end of a context that leaves room for the answer, as lm_eval cuts it."""
        tokenizer, length = self.loaded.tokenizer, self.loaded.config.block_size
        ids = tokenizer.encode(context)
        room = max(1, length - max_tokens)
        return context if len(ids) <= room else str(tokenizer.decode(ids[-room:]))


def _alike(requests: Sequence[Any]) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Generation options, and the requests that have them."""
    groups: dict[str, tuple[dict[str, Any], list[int]]] = {}
    for i, request in enumerate(requests):
        options = _options(request.args[1])
        groups.setdefault(repr(sorted(options.items())), (options, []))[1].append(i)
    yield from groups.values()


def _options(asked: Mapping[str, Any]) -> dict[str, Any]:
    """lm_eval's options, which are those of transformers, as ours. Unknown: `ConfigError`."""
    left = dict(asked)
    until = left.pop("until", None) or []
    options: dict[str, Any] = {
        "stop": tuple([until] if isinstance(until, str) else until),
        "max_tokens": int(left.pop("max_gen_toks", left.pop("max_new_tokens", MAX_TOKENS))),
        "overflow": "stop",
    }
    drawn = left.pop("do_sample", False)
    options |= {name: left.pop(name) for name in _SAMPLING if left.get(name) is not None}
    if not drawn:
        options = {name: options[name] for name in ("stop", "max_tokens", "overflow")}
        options["temperature"] = 0
    unknown = [name for name, value in left.items() if value is not None]
    if unknown:
        raise ConfigError(
            f"{unknown[0]} = {left[unknown[0]]!r}; generation_kwargs of an lm_eval task; leave it "
            "out: Weft does not know it"
        )
    return options
