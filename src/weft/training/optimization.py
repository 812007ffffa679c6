"""Which optimiser takes which parameter, at which learning rate.

Weight decay pulls on matrices only: norms and biases have nothing to shrink. `muon` takes the
matrices of the blocks (Jordan et al. 2024), and AdamW the embeddings, norms, biases and head.
Queries, keys and values, which one product makes, are three matrices to Muon.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weft.checkpoint.optimizer_state import flatten, unflatten
from weft.checkpoint.tensors import Array
from weft.config import AnyModelConfig, NGramConfig, TrainConfig
from weft.errors import CheckpointError
from weft.optim import AdamW, Muon
from weft.schedule import Pace, learning_rate, progress

Named = list[tuple[str, Any]]
ITERATIONS = 4  # of Newton–Schulz: as good as Muon's 5, in four fifths of its time (docs/log.md)
HIDDEN = ("blocks.", "encoder.", "decoder.")  # where the matrices between the ends of a model are


def width(config: AnyModelConfig) -> int | None:
    """The width that the default learning rate goes by; None where nothing is learnt by steps."""
    return None if isinstance(config, NGramConfig) else config.n_embd


def default_learning_rate(n_embd: int) -> float:
    """Peak learning rate of AdamW for a width, where none is given.

    3e-3 at width 128, less for wider models as 1/sqrt(C), and never above 3e-3.
    """
    return 3e-3 * min(1.0, math.sqrt(128 / n_embd))


class Optimization:
    """The optimisers of one run, stepped together along one schedule."""

    def __init__(self, model: Any, config: TrainConfig) -> None:
        self.config = config
        self.paces: list[Pace] = []
        named = list(model.named_parameters())
        self.parameters = [parameter for _, parameter in named]  # finding them is 1 % of a step
        hidden, rest = split(named, config.optimizer)
        betas = (config.beta1, config.beta2)
        groups = [group for group in decay_groups(rest, config.weight_decay) if group["params"]]
        self.optimizers: dict[str, Any] = {}
        if groups:  # an n-gram model has none
            self.optimizers["adamw"] = AdamW(groups, lr=config.learning_rate, betas=betas)
        if hidden:
            self.optimizers["muon"] = Muon(
                row_groups(hidden, rows_apart(model)),
                lr=config.muon_learning_rate,
                weight_decay=config.weight_decay,
                momentum=config.muon_momentum,
                ns_steps=ITERATIONS,
            )
        self._peaks = {"adamw": config.learning_rate, "muon": config.muon_learning_rate}

    def step(self, step: int, gradient_scale: float = 1.0) -> float:
        """Update all parameters; returns AdamW's learning rate of `step` (from 0).

        `gradient_scale` is that of `clip`.
        """
        rate = self.learning_rate(step)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * (self._peaks[name] / self.config.learning_rate)
            optimizer.step(gradient_scale=gradient_scale)
        return rate

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()

    def learning_rate(self, step: int) -> float:
        """AdamW's learning rate of `step`, from 0 on; Muon's is in proportion."""
        config = self.config
        assert config.steps is not None
        return learning_rate(
            step,
            steps=config.steps,
            peak=config.learning_rate,
            floor=config.min_learning_rate,
            warmup_steps=config.warmup_steps or 0,
            shape=config.schedule,
            decay_fraction=config.decay_fraction,
            paces=self.paces,
        )

    def progress(self, step: int) -> float:
        """Share of the schedule that is over before `step`, in [0, 1]."""
        config = self.config
        assert config.steps is not None
        return progress(step, config.steps, config.warmup_steps or 0, self.paces)

    def state(self) -> dict[str, Array]:
        """All state as `<optimizer>/<parameter>.<quantity>` arrays."""
        return {
            f"{kind}/{key}": array
            for kind, optimizer in self.optimizers.items()
            for key, array in flatten(optimizer.state_dict(), _names(optimizer)).items()
        }

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Go on from `state()`. Raises `CheckpointError` when another optimiser wrote it."""
        kinds = {key.partition("/")[0] for key in arrays}
        if kinds and kinds != set(self.optimizers):
            raise CheckpointError(
                f"the checkpoint was trained with {' + '.join(sorted(kinds))}, not "
                f"{' + '.join(sorted(self.optimizers))}; optimizer.safetensors; "
                "resume with the optimizer of the run"
            )
        for kind, optimizer in self.optimizers.items():
            mine = {k.partition("/")[2]: a for k, a in arrays.items() if k.startswith(f"{kind}/")}
            groups = optimizer.state_dict()["param_groups"]
            try:
                optimizer.load_state_dict(unflatten(mine, _names(optimizer), groups))
            except ValueError as error:
                raise CheckpointError(
                    f"the optimizer's state does not fit: {str(error).splitlines()[0]}; "
                    "optimizer.safetensors; use another checkpoint"
                ) from error


def split(parameters: Named, optimizer: str) -> tuple[Named, Named]:
    """Parameters for Muon, and the rest."""
    hidden = [
        (name, parameter)
        for name, parameter in parameters
        if optimizer == "muon" and name.startswith(HIDDEN) and parameter.ndim == 2
    ]
    names = {name for name, _ in hidden}
    return hidden, [(name, parameter) for name, parameter in parameters if name not in names]


def rows_apart(model: Any) -> dict[str, tuple[int, ...]]:
    """Rows of the queries', keys' and values' weights in each parameter that holds all three."""
    return {
        f"{name}.qkv.weight": tuple(count * module.head_dim for count in module.heads)
        for name, module in model.named_modules()
        if hasattr(module, "qkv")
    }


def row_groups(parameters: Named, rows: Mapping[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    """A parameter group for all that have the same `rows`, or none."""
    groups: dict[tuple[int, ...] | None, Named] = {}
    for name, parameter in parameters:
        groups.setdefault(rows.get(name), []).append((name, parameter))
    return [{"params": params, "rows": of} for of, params in groups.items()]


def decay_groups(parameters: Named, weight_decay: float) -> list[dict[str, Any]]:
    """Two parameter groups: two or more dimensions with decay, the others without."""
    return [
        {"params": [(n, p) for n, p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [(n, p) for n, p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def _names(optimizer: Any) -> list[str]:
    return [name for group in optimizer.param_groups for name in group["param_names"]]
