"""A run's configuration in three parts: what was given, what was chosen and why, what is default.

plan.json says who chose what. Without a plan, options that are not at their defaults were given or
follow from others; config.toml does not tell which.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from weft.config import FAMILIES, TrainConfig
from weft.reports.record import RunRecord


@dataclass(frozen=True)
class Setting:
    """One option; `reason` is why the planner chose it."""

    name: str
    value: Any
    reason: str = ""


@dataclass(frozen=True)
class Settings:
    """Each option of the run in one of the four lists."""

    given: list[Setting]
    """By the user, where there is a plan; else: not at the default."""
    planned: list[Setting]
    derived: list[Setting]
    """Follow from the others: their default is none."""
    default: list[Setting]


def settings(record: RunRecord) -> Settings:
    """Sort the options of config.toml by who chose them."""
    choices = _choices(record)
    parts = Settings([], [], [], [])
    defaults = _defaults(record)
    for name, value in {**record.train, **record.model}.items():
        if name == "out":
            continue  # where the report is
        choice = choices.pop(name, None)
        if choice is not None:
            setting = Setting(name, value, str(choice.get("reason", "")))
            (parts.given if choice.get("given") else parts.planned).append(setting)
        elif name in ("data", "minutes"):
            parts.given.append(Setting(name, value))
        elif name in defaults and defaults[name] in (None, "auto"):
            parts.derived.append(Setting(name, value))
        elif name in defaults and defaults[name] == value:
            parts.default.append(Setting(name, value))
        else:
            (parts.derived if record.plan else parts.given).append(Setting(name, value))
    order = list(_choices(record))
    parts.planned.sort(key=lambda setting: order.index(setting.name))
    for name, choice in choices.items():  # what is planned, but no option
        setting = Setting(name, choice.get("value"), str(choice.get("reason", "")))
        (parts.given if choice.get("given") else parts.planned).append(setting)
    return parts


def _choices(record: RunRecord) -> dict[str, dict[str, Any]]:
    listed = (record.plan or {}).get("choices")
    choices = (
        [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    return {str(choice.get("name", "?"))[:80]: choice for choice in choices[:200]}


def _defaults(record: RunRecord) -> dict[str, Any]:
    classes = [TrainConfig, *([FAMILIES[record.family]] if record.family in FAMILIES else [])]
    return {
        field.name: field.default
        for each in classes
        for field in dataclasses.fields(each)
        if field.default is not dataclasses.MISSING
    }
