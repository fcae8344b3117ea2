"""Values to words: verdicts, numbers, dates and durations as people read them, and text made safe for where it is shown."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from monitoring.assessment import Basis, Verdict
from monitoring.lifecycle import Capacity
from monitoring.portfolio import ServiceState
from monitoring.portfolio_shift import ShiftKind
from monitoring.retirement import plan_changes
from monitoring.shift_findings import shift_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from monitoring.portfolio_shift import Shift

EN_SPACE = "\u2002"
MINUS = "\u2212"
LONGEST_SHOWN_TEXT = 300
MARKDOWN_CHARACTERS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&@/])")
LINK_STARTS = re.compile(r"@|://|www(?=\.)", re.IGNORECASE)
"""Where markdown would make a link of bare text, escaped or not; an invisible character there stops it."""
RULED_OUT = "Ruled out: "
"""How the sentences begin that say what the verdict is not."""
CONTROLS = [*range(9), *range(14, 28), *range(0x7F, 0xA0), 0xFFFE, 0xFFFF]
"""Characters that show nothing, and that no XML file may hold."""
LEFT_OUT = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), *CONTROLS])
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Label:
    """How a verdict is shown: always word, mark and colour together; ``colour`` is markdown's name, empty for plain text."""

    word: str
    mark: str
    symbol: str
    colour: str

    @property
    def text(self) -> str:
        """Mark and word, for a table cell."""
        return f"{self.mark}{EN_SPACE}{self.word}"

    @property
    def markdown(self) -> str:
        """Mark and word in the verdict's colour."""
        return f":{self.colour}[{self.text}]" if self.colour else self.text


VERDICT_LABELS: dict[Verdict, Label] = {
    Verdict.RETRAIN: Label("Retrain", "▲", "triangle-up", "red"),
    Verdict.FIX_DATA: Label("Fix data", "✚", "cross", "violet"),
    Verdict.RETIRE: Label("Retire", "■", "square", ""),
    Verdict.WATCH: Label("Watch", "◆", "diamond", "orange"),
    Verdict.UNKNOWN: Label("Not judged", "○", "circle-open", "gray"),
    Verdict.KEEP: Label("Performing well", "●", "circle", "green"),
}
BASIS_WORDS = {
    Basis.REALISED: "realised performance",
    Basis.ESTIMATED: "estimated performance",
    Basis.INPUTS: "inputs only",
    Basis.REGISTRY: "the registry's facts",
}
SERVICE_WORDS = {
    ServiceState.IN_SERVICE: "In service",
    ServiceState.SUSPENDED: "Suspended",
    ServiceState.RETIRED: "Retired",
}
ACTION_WORDS = {
    "retrain": "Retrain",
    "retire": "Retire",
    "suspend": "Suspend",
    "fix_data": "Fix data",
    "accept": "Accept as it is",
    "reinstate": "Reinstate",
}
ACTION_NOUNS = {
    "retrain": "retraining",
    "retire": "retirement",
    "suspend": "suspension",
    "fix_data": "fixing the data",
    "accept": "accepting it as it is",
    "reinstate": "reinstatement",
}
ACTION_VERDICTS = {
    "retrain": Verdict.RETRAIN,
    "retire": Verdict.RETIRE,
    "suspend": Verdict.RETIRE,
    "fix_data": Verdict.FIX_DATA,
    "accept": Verdict.WATCH,
    "reinstate": Verdict.KEEP,
}


def is_missing(value: object) -> bool:
    """Whether there is no number or text to show: ``None``, NaN or NaT."""
    return value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def words(name: str) -> str:
    """Return a name of the code as a person writes it: ``reported_fixed`` becomes "Reported fixed"."""
    return name.replace("_", " ").capitalize()


def capital(text: str) -> str:
    """Return a text with its first letter large; the others stay as they are."""
    return text[:1].upper() + text[1:]


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Return the count with its noun: "1 model", "1,032 models"."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def number(value: float | None, *, digits: int = 0, missing: str = "") -> str:
    """Return a number with comma groups and a real minus sign."""
    if value is None or is_missing(value):
        return missing
    return f"{value:,.{digits}f}".replace("-", MINUS)


def metric_number(value: float | None) -> str:
    """Return a metric as precisely as it is read: "0.893", "20.4"."""
    return number(value, digits=3 if value is None or abs(value) < 10 else 1)  # noqa: PLR2004 - three digits that count


def signed(value: int) -> str:
    """Return a change with its sign, nothing for no change: "+12", "−3"."""
    return f"+{value:,}" if value > 0 else f"{MINUS}{-value:,}" if value < 0 else ""


def percent(share: float | None, *, missing: str = "") -> str:
    """Return a share as a percentage: 0.31 is "31 %"."""
    return missing if share is None or is_missing(share) else f"{number(share * 100)} %"


def importance(share: float | None) -> str:
    """Return an importance: below one per cent it keeps a digit, so that little does not read as nothing."""
    if share is None or is_missing(share) or share == 0 or share >= 0.01:  # noqa: PLR2004 - one per cent
        return percent(share)
    return "<0.1 %" if share < 0.0005 else f"{number(share * 100, digits=1)} %"  # noqa: PLR2004 - would round to zero


def percent_interval(value: float, low: float, high: float) -> str:
    """Return a share with its interval: "31 % [22, 40]"."""
    return f"{percent(value)} [{number(low * 100)}, {number(high * 100)}]"


def lost(share: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a share of the advantage that is lost, with its interval if known; from 100 % on it is all of it."""
    if share is None or is_missing(share):
        return ""
    if share >= 1:
        return "all"
    return percent(share) if low is None or high is None else percent_interval(share, low, high)


def short_date(day: date | None, *, missing: str = "") -> str:
    """Return a date without its year: "8 Nov"."""
    return missing if day is None else f"{day.day} {day:%b}"


def long_date(day: date) -> str:
    """Return a date in full, once a page: "Sun 22 Nov 2026"."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def instant(at: datetime | None, *, missing: str = "") -> str:
    """Return a time in UTC: "22 Nov 2026 04:10 UTC"."""
    return missing if at is None else f"{at.day} {at:%b %Y %H:%M} UTC"


def duration(length: timedelta) -> str:
    """Return how long something took in its largest unit, two for hours: "14 s", "3 min", "2 h 5 min", "4 d"."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} s"
    if seconds < 3600:  # noqa: PLR2004 - an hour
        return f"{seconds // 60} min"
    if seconds < 86_400:  # noqa: PLR2004 - a day
        minutes = seconds % 3600 // 60
        return f"{seconds // 3600} h" + (f" {minutes} min" if minutes else "")
    return f"{seconds // 86_400} d"


def due(day: date | None, *, today: date) -> str:
    """Return when something is due, seen from ``today``: "overdue 2 d", "due today", "due 24 Nov"."""
    if day is None:
        return ""
    if day < today:
        return f"overdue {(today - day).days} d"
    return "due today" if day == today else f"due {short_date(day)}"


def person_words(email: str, names: Mapping[str, str]) -> str:
    """Return a person's name; the address of somebody who has none, and a policy's name, stay as they are.

    In the name of a standing approval, "standing approval 3 by ada@example.org", those who approved it are named.
    """
    if email.startswith(Capacity.STANDING_APPROVAL.value):
        return " ".join(names.get(word, word) for word in email.split(" "))
    return names.get(email) or email


def joined(parts: list[str], *, last: str = "and") -> str:
    """Return a list as a person says it: "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""


def one_line(text: object, *, longest: int = LONGEST_SHOWN_TEXT) -> str:
    """Return text from a database on one line, cut at ``longest`` characters, for places that show text as it is.

    Characters that turn the direction of what follows are left out: with them a name could read as another one. So are control
    characters, which show nothing.
    """
    plain = " ".join(str(text).translate(LEFT_OUT).split())
    return plain if len(plain) <= longest else plain[: longest - 1].rstrip() + "…"


def escape_markdown(text: object, *, longest: int = LONGEST_SHOWN_TEXT) -> str:
    r"""Return text from a database as literal text for markdown and widget labels, on one line, cut at ``longest`` characters.

    Without it ``![](https://...)`` in a model's name would make every reader's browser call an outside host.

    >>> escape_markdown(":red[x] $y$")
    '\\:red\\[x\\] \\$y\\$'
    """
    return MARKDOWN_CHARACTERS.sub(r"\\\1", LINK_STARTS.sub("\\g<0>\u2060", one_line(text, longest=longest)))


def evidence_comparison(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return as markdown what is different in the newer of two evidence snapshots: "Advantage lost: 27 % → **31 %**"."""
    before, after = old.get("measures") or {}, new.get("measures") or {}
    metric = after.get("metric") or before.get("metric") or "Metric"
    rows = [
        ("Verdict", _verdict_word(old), _verdict_word(new)),
        ("Basis", words(old.get("basis") or "none"), words(new.get("basis") or "none")),
        ("Model version", old.get("version") or "none", new.get("version") or "none"),
        ("Policy", old.get("policy_version") or "none", new.get("policy_version") or "none"),
        ("Method", old.get("method_version") or "none", new.get("method_version") or "none"),
        ("Advantage lost", lost(before.get("effect")) or "none", lost(after.get("effect")) or "none"),
        (
            "Advantage lost, estimated",
            lost(before.get("estimated_effect")) or "none",
            lost(after.get("estimated_effect")) or "none",
        ),
        (
            str(metric),
            metric_number(before.get("metric_value")) or "none",
            metric_number(after.get("metric_value")) or "none",
        ),
        ("Labels in 28 days", _figure(before, "labels_28", 0), _figure(after, "labels_28", 0)),
        ("Largest drift / threshold", _figure(before, "drift_ratio", 2), _figure(after, "drift_ratio", 2)),
    ]
    changed = [
        f"{escape_markdown(name)}: {escape_markdown(then)} → **{escape_markdown(now)}**"
        for name, then, now in rows
        if then != now
    ]
    known = {(finding["kind"], finding["subject"]) for finding in old.get("findings") or []}
    present = {(finding["kind"], finding["subject"]) for finding in new.get("findings") or []}
    changed += [
        f"New: {escape_markdown(finding['sentence'])}"
        for finding in new.get("findings") or []
        if (finding["kind"], finding["subject"]) not in known
    ]
    changed += [
        f"No longer: {escape_markdown(finding['sentence'])}"
        for finding in old.get("findings") or []
        if (finding["kind"], finding["subject"]) not in present
    ]
    if old.get("day") != new.get("day") and old.get("day") and new.get("day"):
        then, now = (short_date(date.fromisoformat(str(snapshot["day"]))) for snapshot in (old, new))
        changed.append(f"Assessed: {then} → **{now}**")
    return [escape_markdown(said) for said in plan_changes(old.get("plan"), new.get("plan"))] + changed


def _verdict_word(snapshot: dict[str, Any]) -> str:
    return VERDICT_LABELS[Verdict(snapshot["verdict"])].word


def _figure(measures: dict[str, Any], name: str, digits: int) -> str:
    return number(measures.get(name), digits=digits, missing="none")


def csv_safe(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: such a text gets a leading apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_STARTS) else value


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return the frame as CSV in UTF-8 whose texts cannot be formulas."""
    safe = frame.copy()
    for name in safe.select_dtypes(include=["object", "string"]).columns:
        safe[name] = safe[name].map(csv_safe)
    safe.columns = pd.Index([str(csv_safe(name)) for name in safe.columns])
    return safe.to_csv(index=False).encode()


def shift_parts(shift: Shift) -> tuple[str, str, str]:
    """Return a portfolio shift in three sentences: what kind it is, what moved, and what follows."""
    if shift.kind is ShiftKind.FEED:
        kind, follows = "A feed is broken.", "Fix the data before any retraining."
    else:
        kind, follows = "The world changed.", "No fault was found in the feed; label these models first."
        if not shift.confirmed:
            kind, follows = "The world may have changed.", "No fault was found in the feed; one day may be a holiday."
    return kind, shift_words(shift), follows


def shift_sentence(shift: Shift) -> str:
    """Return a portfolio shift as markdown."""
    kind, moved, follows = shift_parts(shift)
    return f"**{kind}** {escape_markdown(moved, longest=400)} {follows}"
