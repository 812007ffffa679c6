"""The `dates` corpus: each day of two centuries once, as people write it and as ISO 8601 has it.

A line is a pair, `spelling<TAB>YYYY-MM-DD`; `pairs.py` reads such lines. No day comes twice and
their order is random, so whatever part of the lines is held out, its days are new to a model that
was trained on the rest.

What could be read in two ways has one meaning here: slashes put the month first (03/04/2021 is the
fourth of March) unless the year leads, dots and hyphens the day (03.04.2021 is the third of April);
a year of two digits lies between 1969 and 2068, as POSIX has it.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

SEED = 1
FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
SHORT_YEARS = range(1969, 2069)  # those that two digits can name
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNITS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
ORDINALS = (*UNITS, *(f"twenty-{unit}" for unit in UNITS[:9]), "thirtieth", "thirty-first")

# {c} is a comma and a space, or one of them alone; {weekday} may be empty.
SPELLINGS = (
    "{weekday}{d} {month} {y}",
    "{weekday}{d}{th} {month} {y}",
    "{weekday}{d}{th} of {month}{c}{y}",
    "{weekday}the {d}{th} of {month}{c}{y}",
    "{weekday}the {ordinal} of {month}{c}{y}",
    "{weekday}{month} {d}{c}{y}",
    "{weekday}{month} {d}{th}{c}{y}",
    "{weekday}{month} the {ordinal}{c}{y}",
    "{weekday}{short} {d}{c}{y}",
    "{weekday}{short}. {d}{th}{c}{y}",
    "{weekday}{d} {short} {y}",
    "{dd}-{short}-{y}",
    "{y} {month} {d}",
    "{y}-{short}-{dd}",
    "{mm}/{dd}/{y}",
    "{m}/{d}/{y}",
    "{y}/{mm}/{dd}",
    "{dd}.{mm}.{y}",
    "{d}.{m}.{y}",
    "{dd}-{mm}-{y}",
    "{y}{mm}{dd}",
)
SHORT_SPELLINGS = (
    "{weekday}{d} {short} '{yy}",
    "{weekday}{month} {d}{th} '{yy}",
    "{dd}{short}{yy}",
    "{dd}-{short}-{yy}",
    "{mm}/{dd}/{yy}",
    "{d}.{m}.{yy}",
)


def pairs(seed: int = SEED) -> Iterator[tuple[str, str]]:
    """(spelling, ISO date) of every day from 1900 to 2099: 73,049 pairs, the same for ever.

    The spellings of another seed are others, in another order.
    """
    number = random.Random(seed).random
    days = [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]
    days.sort(key=lambda _: number())
    for day in days:
        yield spell(day, number), day.isoformat()


def spell(day: date, number: Callable[[], float]) -> str:
    """One of the ways to write `day`; `number` draws from [0, 1)."""
    known = SPELLINGS + SHORT_SPELLINGS if day.year in SHORT_YEARS else SPELLINGS
    text = known[int(number() * len(known))].format(**_fields(day, number))
    case = int(number() * 4)  # as it is in every second line
    return text.lower() if case == 1 else text.upper() if case == 2 else text


def _fields(day: date, number: Callable[[], float]) -> dict[str, object]:
    month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    return {
        "weekday": ("", "", f"{weekday}, ", f"{weekday[:3]} ")[int(number() * 4)],
        "c": (", ", " ", ",")[int(number() * 3)],
        "d": day.day,
        "dd": f"{day.day:02}",
        "th": suffix(day.day),
        "ordinal": ORDINALS[day.day - 1],
        "m": day.month,
        "mm": f"{day.month:02}",
        "month": month,
        "short": "Sept" if month == "September" and number() < 0.5 else month[:3],
        "y": day.year,
        "yy": f"{day.year % 100:02}",
    }


def suffix(day: int) -> str:
    """What follows a day of the month in figures: the st of 1st, 21st and 31st, ..."""
    if day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def corpus(seed: int = SEED) -> Iterator[str]:
    """The lines of all pairs."""
    return (f"{spelling}\t{iso}\n" for spelling, iso in pairs(seed))


def fingerprint() -> str:
    """What the text depends on: the seed and this file."""
    return hashlib.sha256(b"%d" % SEED + Path(__file__).read_bytes()).hexdigest()[:12]
