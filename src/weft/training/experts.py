"""What a mixture of experts did in training, as numbers for metrics.jsonl and the progress line."""

from __future__ import annotations

from typing import Any

from weft.models.mixture_of_experts import MixtureOfExperts, Routing

DIGITS = 4  # of a share


def expert_figures(model: Any) -> dict[str, Any]:
    """Since the last call, {} without experts.

    `expert_share` has for each layer the parts of all choices that fell on its experts, which add
    up to 1; `dropped_fraction` is the part of the choices that went beyond a capacity. The losses
    of balance and of the router's logits are means over layers and passes, without their weights.
    """
    layers = [module for module in model.modules() if isinstance(module, MixtureOfExperts)]
    taken = [layer.routing for layer in layers]
    for layer in layers:
        layer.routing = Routing(len(layer.experts))
    passes = sum(routing.passes for routing in taken)
    if not passes:
        return {}
    choices = [int(routing.sizes.sum()) for routing in taken]
    return {
        "expert_share": [
            [round(int(n) / max(1, total), DIGITS) for n in routing.sizes]
            for routing, total in zip(taken, choices, strict=True)
        ],
        "balance_loss": sum(routing.balance for routing in taken) / passes,
        "router_z_loss": sum(routing.z for routing in taken) / passes,
        "dropped_fraction": sum(routing.dropped for routing in taken) / max(1, sum(choices)),
    }
