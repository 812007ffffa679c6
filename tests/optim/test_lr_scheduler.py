"""Schedulers beside PyTorch's."""

import pytest
import torch

from weft import optim
from weft.optim import lr_scheduler

RULES = {
    "LambdaLR": lambda library, o: library.LambdaLR(o, lambda epoch: 0.9**epoch),
    "LambdaLR of two": lambda library, o: library.LambdaLR(
        o, [lambda epoch: 1.0 / (1 + epoch), lambda epoch: min(1.0, epoch / 4)]
    ),
    "CosineAnnealingLR": lambda library, o: library.CosineAnnealingLR(o, T_max=10, eta_min=1e-3),
}


def optimizers(pair):
    both = pair()
    both.set_gradients()
    groups = [[{"params": p[:1]}, {"params": p[1:], "lr": 0.01}] for p in (both.ours, both.theirs)]
    return optim.SGD(groups[0], lr=0.1), torch.optim.SGD(groups[1], lr=0.1)


@pytest.mark.parametrize("rule", RULES)
def test_rates(rule, pair):
    mine, other = optimizers(pair)
    ours = RULES[rule](lr_scheduler, mine)
    theirs = RULES[rule](torch.optim.lr_scheduler, other)
    for _ in range(10):
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)
        assert ours.get_last_lr() == [group["lr"] for group in mine.param_groups]
        mine.step()
        other.step()
        ours.step()
        theirs.step()


def test_a_saved_schedule_goes_on(pair):
    mine, _ = optimizers(pair)
    scheduler = RULES["CosineAnnealingLR"](lr_scheduler, mine)
    for _ in range(4):
        scheduler.step()
    again, _ = optimizers(pair)
    again.load_state_dict(mine.state_dict())
    resumed = lr_scheduler.CosineAnnealingLR(again, 10, 1e-3, last_epoch=scheduler.last_epoch - 1)
    assert resumed.last_epoch == 4 and resumed.get_last_lr() == scheduler.get_last_lr()
    fresh = RULES["CosineAnnealingLR"](lr_scheduler, optimizers(pair)[0])
    fresh.load_state_dict(scheduler.state_dict())
    fresh.step()
    scheduler.step()
    assert fresh.get_last_lr() == scheduler.get_last_lr()


def test_bad_arguments(pair):
    with pytest.raises(ValueError, match="Expected 2 lr_lambdas, but got 1"):
        lr_scheduler.LambdaLR(optimizers(pair)[0], [lambda epoch: 1.0])
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.CosineAnnealingLR(optimizers(pair)[0], 10, last_epoch=3)
