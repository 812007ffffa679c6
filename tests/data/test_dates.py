"""The `dates` corpus: every day once, spelled so that the spelling gives the day back."""

from __future__ import annotations

import hashlib
import random
import re
from datetime import date, timedelta
from itertools import islice

import pytest

from weft.data import dates, open_corpus
from weft.data.dates import MONTHS, ORDINALS, SHORT_YEARS, WEEKDAYS


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return list(dates.pairs())


def read(spelling: str) -> date:
    """The day that a spelling means, by the rules of the module's docstring; written anew here."""
    text = spelling.lower()
    figures = [int(n) for n in re.findall(r"\d+", text)]
    month = next((i for i, m in enumerate(MONTHS, 1) if m[:3].lower() in without_weekday(text)), 0)
    word = next((i for i, o in reversed([*enumerate(ORDINALS, 1)]) if f"the {o} " in f"{text} "
                 or f"the {o}," in text), 0)  # fmt: skip
    if re.fullmatch(r"\d{8}", text):
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    year_first = figures[0] > 31
    if word:
        day, year = word, figures[0]
    elif month:
        day, year = (figures[1], figures[0]) if year_first else figures
    elif year_first:
        year, month, day = figures
    elif "/" in text:
        month, day, year = figures
    else:
        day, month, year = figures
    return date(year if year > 99 else 1900 + year if year >= 69 else 2000 + year, month, day)


def without_weekday(text: str) -> str:
    first = re.match(r"[a-z]+", text)
    named = first and any(day.lower().startswith(first.group()) for day in WEEKDAYS)
    return text[first.end() :] if first and named else text


def test_every_day_of_two_centuries_once(pairs) -> None:
    days = {date.fromisoformat(iso) for _, iso in pairs}
    assert len(pairs) == len(days) == 73_049
    assert min(days) == date(1900, 1, 1) and max(days) - min(days) == timedelta(73_048)


def test_a_spelling_means_its_day(pairs) -> None:
    wrong = [(s, iso) for s, iso in pairs[::7] if read(s).isoformat() != iso]
    assert not wrong, wrong[:5]


def test_a_weekday_is_the_right_one(pairs) -> None:
    named = 0
    for spelling, iso in pairs[::7]:
        for number, weekday in enumerate(WEEKDAYS):
            if re.match(rf"({weekday},|{weekday[:3]}) ", spelling, re.I):
                assert date.fromisoformat(iso).weekday() == number
                named += 1
    assert named > 1000


def test_all_spellings_and_cases_come(pairs) -> None:
    texts = [spelling for spelling, _ in pairs]
    assert 1 / 8 < sum(s.islower() for s in texts) / len(texts) < 1 / 4
    assert 1 / 8 < sum(s.isupper() for s in texts) / len(texts) < 1 / 4
    forms = {re.sub(r"\d", "9", re.sub(r"[A-Za-z]+", "a", spelling)) for spelling in texts}
    assert {"9999/99/99", "a, a a-a a a 9999", "99a99", "a 9a '99", "a. 9a,9999"} <= forms
    assert all(s.isascii() and len(s) <= 46 and s == s.strip() for s in texts)


def test_two_figures_name_only_the_years_they_can(pairs) -> None:
    short = [iso for s, iso in pairs if re.search(r"(?<!\d)\d\d$", s) and not re.match(r"\d{4}", s)]
    assert len(short) > 1000
    assert all(int(iso[:4]) in SHORT_YEARS for iso in short)


def test_a_part_that_is_held_out_is_new(pairs) -> None:
    train, held_out = pairs[:-500], pairs[-500:]
    assert not {iso for _, iso in train} & {iso for _, iso in held_out}
    assert len({iso[:4] for _, iso in held_out}) > 100  # from all years


def test_the_pairs_are_fixed_for_ever(pairs) -> None:
    text = "".join(f"{s}\t{iso}\n" for s, iso in pairs)
    assert hashlib.sha256(text.encode()).hexdigest() == GOLDEN
    assert [*islice(dates.pairs(2), 3)] != pairs[:3]


GOLDEN = "5421eedd506bdb74bc2793e4eab3a63eccdeffb75793eaf8ad1d17d2aac5e7d7"


@pytest.mark.parametrize(
    ("day", "written"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
     (21, "21st"), (22, "22nd"), (23, "23rd"), (30, "30th"), (31, "31st")],
)  # fmt: skip
def test_ordinals(day: int, written: str) -> None:
    assert f"{day}{dates.suffix(day)}" == written


def test_spell_draws_from_what_it_is_given() -> None:
    first = dates.spell(date(2021, 3, 3), random.Random(5).random)
    assert first == dates.spell(date(2021, 3, 3), random.Random(5).random)
    assert dates.spell(date(2021, 3, 3), lambda: 0.0) == "3 March 2021"


def test_a_built_in_corpus(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WEFT_HOME", str(tmp_path))
    text = "".join(open_corpus("dates").chunks())
    assert text.count("\n") == text.count("\t") == 73_049
    assert text == "".join(dates.corpus())
