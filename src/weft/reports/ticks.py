"""Round numbers for axes, and words for numbers: 2.5, 10k, 3e-4, 1:30.

Ticks are 1, 2 or 5 times a power of ten apart, of a time also 15 and 30 seconds or minutes; those
of a logarithmic axis are powers of ten, or 1, 2 and 5 times them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def round_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers within [low, high], about as many as asked for; at most twice as many.

    A range without room between its ends has none or one.
    """
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    exponent = math.floor(math.log10(span / about))
    for base in (1, 2, 5, 10):
        if span / (base * 10.0**exponent) <= 1.3 * about:
            break
    step = base * 10.0**exponent
    if abs(low) / step > 1e12 or abs(high) / step > 1e12:  # no room between neighbouring floats
        return [low]
    first, last = math.ceil(low / step), math.floor(high / step)
    ticks = [float(f"{number * base}e{exponent}") for number in range(first, last + 1)]
    return [tick for tick in ticks if low <= tick <= high]


def time_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round times in seconds within [low, high]; below two seconds as `round_ticks`."""
    span = high - low
    if span < 2 or not math.isfinite(span):
        return round_ticks(low, high, about)
    step = next((s for s in TIME_STEPS if span / s <= about), None)
    if step is None:
        days = round_ticks(low / 86400, high / 86400, about)
        return [day * 86400 for day in days if low <= day * 86400 <= high]
    return [float(n * step) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within [low, high], low > 0; up to three decades also 2 and 5 times them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1)
    bases = (1, 2, 5) if math.log10(high / low) <= 3 else (1,)
    step = max(1, math.ceil(len(decades) / 8))
    ticks = [float(f"{base}e{decade}") for decade in decades[::step] for base in bases]
    return [tick for tick in ticks if low <= tick <= high]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """One form for all: the same number of digits, from 10,000 on units, below 0.01 powers."""
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if 0 < largest < 1e-2:
        return [_power(tick) for tick in ticks]
    if largest >= 10_000:
        return [_with_unit(tick) for tick in ticks]
    digits = next((d for d in range(7) if all(_round_at(value, d) for value in ticks)), 6)
    return [f"{value:,.{digits}f}" for value in ticks]


def _with_unit(value: float) -> str:
    """950k, 1.5M, 0."""
    unit, sign = next(((u, s) for u, s in UNITS if abs(value) >= u), (1, ""))
    return f"{value / unit:.6g}{sign}"


def _round_at(value: float, digits: int) -> bool:
    return math.isclose(round(value, digits), value, rel_tol=1e-9, abs_tol=1e-12)


def _power(value: float) -> str:
    if not value:
        return "0"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def short(value: float, digits: int = 3) -> str:
    """A number of any size for a reader: 1.97, 12,300, 1.2M, 3e-4."""
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-3:
        return _power(value)
    for unit, sign in UNITS:
        if size >= unit * (100 if unit == 1000 else 1):
            return f"{value / unit:,.{1 if size < 100 * unit else 0}f}{sign}"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}f}"


def clock(seconds: float) -> str:
    """0.4 s, 12 s, 1:05 or 2:03:04."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours and not minutes:
        return f"{rest} s"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Bytes: 512 B, 1.5 MB, 2.1 GB (powers of 1,000)."""
    for unit, sign in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return (
                f"{count / unit:.1f} {sign}" if count < 100 * unit else f"{count / unit:.0f} {sign}"
            )
    return f"{count:.0f} B"
