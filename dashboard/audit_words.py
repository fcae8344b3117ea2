"""An audit event in words: what it changed, field by field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard.presentation import joined, number, short_date, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOTHING = "–"
CODE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
NAMED_BY_THE_CODE = {"action", "state", "role", "outcome"}
"""Fields whose values are names of ours; everything else is somebody's own words and stays as it is."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of an event, before and after, as a person reads it."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What an event changed, and the fields that it left as they were."""

    changed: tuple[FieldChange, ...]
    unchanged: tuple[FieldChange, ...]


def changes(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, *, person: Callable[[str], str] = str
) -> Changes:
    """Return the fields of an event: those that differ or are new, in the order of ``after``, and the others.

    ``person`` gives the name of whoever has an e-mail address, and anything else as it is.

    >>> changes({"state": "proposed", "tier": 2}, {"state": "in_work", "tier": 2}).changed
    (FieldChange(field='State', before='Proposed', after='In work'),)
    """
    then, now = flat(before), flat(after)
    rows = [
        (
            FieldChange(
                field_words(name),
                value_words(name, then.get(name), person=person),
                value_words(name, now.get(name), person=person),
            ),
            name,
        )
        for name in [*now, *(name for name in then if name not in now)]
    ]
    return Changes(
        tuple(row for row, name in rows if then.get(name) != now.get(name)),
        tuple(row for row, name in rows if then.get(name) == now.get(name)),
    )


def flat(values: Mapping[str, Any] | None, *, inside: str = "") -> dict[str, Any]:
    """Return nested values as one level: ``{"a": {"b": 1}}`` is ``{"a.b": 1}``."""
    found: dict[str, Any] = {}
    for name, value in (values or {}).items():
        if isinstance(value, dict) and value:
            found |= flat(value, inside=f"{inside}{name}.")
        else:
            found[f"{inside}{name}"] = value
    return found


def field_words(name: str) -> str:
    """Return a field's name as a person reads it.

    >>> field_words("versions[v2].active_from")
    'Versions › v2 › active from'
    """
    parts = [part for part in re.split(r"[.\[\]]+", name) if part]
    shown = " › ".join(part.replace("_", " ") for part in parts)
    return shown[:1].upper() + shown[1:]


def value_words(name: str, value: Any, *, person: Callable[[str], str] = str) -> str:
    """Return a field's value as a person reads it; a dash for nothing."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, str):
        return _text_words(name, person(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return joined([person(each) for each in value])
    return json.dumps(value, ensure_ascii=False)


def _text_words(name: str, text: str) -> str:
    if name in NAMED_BY_THE_CODE and CODE_NAME.fullmatch(text):
        return words(text)
    if DAY.fullmatch(text):
        day = date.fromisoformat(text)
        return f"{short_date(day)} {day.year}"
    return text
