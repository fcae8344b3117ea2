"""The words of findings and verdicts: one sentence each, with its numbers, fit to be read aloud."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

REASON_LENGTH = 62
MINUS = "\u2212"


def day_text(day: date | np.datetime64) -> str:
    """Return a day as people write it: 8 Nov.

    >>> day_text(date(2026, 11, 8))
    '8 Nov'
    """
    value = day if isinstance(day, date) else day.astype("datetime64[D]").astype(date)
    return f"{value.day} {value:%b}"


def day_span(first: date | np.datetime64, last: date | np.datetime64) -> str:
    """Return two days, both included, as people write them: 2 to 8 Nov.

    >>> day_span(date(2026, 11, 2), date(2026, 11, 8))
    '2 to 8 Nov'
    """
    start, end = day_text(first), day_text(last)
    if start == end:
        return end
    return f"{start.split()[0] if start.split()[1] == end.split()[1] else start} to {end}"


def percent(share: float) -> str:
    """Return a share in whole percent (0.31: 31 %), with a real minus sign; shares below 1 % keep a digit."""
    value = 100 * share
    text = f"{abs(value):.1f}" if 0 < abs(value) < 1 else f"{abs(value):,.0f}"
    return f"{MINUS if value < 0 and text.strip('0.') else ''}{text} %"


def interval(value: float, low: float, high: float) -> str:
    """Return a share with its interval: 31 % [22, 40]."""
    ends = ", ".join(percent(end).removesuffix(" %") for end in (low, high))
    return f"{percent(value)} [{ends}]"


def number(value: float) -> str:
    """Return a count with comma groups, or a number with three significant figures."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1):
        return f"{value:,.0f}".replace("-", MINUS)
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace("-", MINUS)


def joined(names: Sequence[str], *, most: int = 3) -> str:
    """Return names as a list in words, the rest counted: a, b and 2 more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: 1 day, 4 days.

    >>> plural(1, "day"), plural(1200, "row")
    ('1 day', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def capital(text: str) -> str:
    """Return a text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def reason(text: str) -> str:
    """Return a text cut to the length of the table's column, at a word."""
    if len(text) <= REASON_LENGTH:
        return text
    return text[: REASON_LENGTH - 1].rsplit(" ", 1)[0].rstrip(",;:(") + "\u2026"


def with_note(text: str, note: str) -> str:
    """Return a short reason with a note behind it, if the note is there and both fit the column.

    >>> with_note("Lost 31 % [22, 40] of its advantage since 25 Oct", "data clean")
    'Lost 31 % [22, 40] of its advantage since 25 Oct; data clean.'
    """
    both = f"{text}; {note}."
    return both if note and len(both) <= REASON_LENGTH else reason(f"{text}.")
