"""The minutes in the order people read them: headings, sentences, lists and tables of plain words, not yet Markdown or HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard.presentation import ACTION_NOUNS, capital, joined, long_date, plural, short_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitoring.meeting import Entry

MOVE_WORDS = {
    "propose": "proposed",
    "approve": "approved",
    "reject": "rejected",
    "withdraw": "withdrew",
    "review_outcome": "judged the outcome of",
    "end_early": "ended",
    "retry": "restarted",
    "give_up": "gave up",
}
DRAFT = "Draft: the chair has not confirmed these minutes."


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``level`` 1 is the title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of the audit trail, to be copied letter by letter."""

    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """Values, each with what it is."""

    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Sentence | Anchor | Named | Rows


def blocks(minutes: dict[str, Any], corrections: Sequence[tuple[Entry, str]] = ()) -> list[Block]:
    """Return the minutes as blocks.

    Args:
        minutes: what ``monitoring.minutes.minutes_document`` gives; without an anchor it is a draft.
        corrections: what was corrected after the confirmation, each with the name of who did.
    """
    found: list[Block] = [Heading(1, minutes["title"])]
    if minutes["anchor"] is None:
        found.append(Sentence(DRAFT))
    found.append(Named(tuple(_about(minutes))))
    if corrections:
        found.append(Heading(2, "Corrections"))
        found.append(
            Rows(
                ("On", "By", "What is right"),
                tuple((short_date(entry.recorded_on), name, entry.text) for entry, name in corrections),
            )
        )
    found += [Heading(2, "Attendance"), Rows(("Name", "Role", "Present"), tuple(_attendance(minutes)))]
    found += [Sentence(minutes["quorum"]), Heading(2, "Decisions")]
    decisions = [(item, each) for item in minutes["items"] for each in item["decisions"]]
    found.append(
        Rows(
            ("Item", "Decision", "Reason or condition"),
            tuple((f"{item['number']}", decision_sentence(each), each["reason"]) for item, each in decisions),
        )
        if decisions
        else Sentence("Nothing was decided.")
    )
    found.append(Heading(2, "Actions"))
    found.append(_actions(minutes["actions"]) if minutes["actions"] else Sentence("No action was given."))
    found.append(Heading(2, "Items"))
    for item in minutes["items"]:
        found += _item(item)
    found.append(Heading(2, "Record"))
    found.append(Named(tuple(_record(minutes))))
    if minutes["anchor"] is not None:
        found.append(Anchor(minutes["anchor"]))
    return found


def decision_sentence(decision: dict[str, Any]) -> str:
    """Return who decided what: "Cleo approved retraining of Late? (1 of 2 approvals, tier 1)"."""
    verb = MOVE_WORDS.get(decision["move"], str(decision["move"]).replace("_", " "))
    if "policy" in decision:
        return f"{decision['by']} {verb} version {decision['policy']} of the policy"
    if "standing" in decision:
        return f"{decision['by']} {verb} standing approval {decision['standing']}"
    until = f" until {long_date(date.fromisoformat(decision['accept_until']))}" if decision["accept_until"] else ""
    given = f", {decision['approvals']} approvals" if decision["move"] == "approve" else ""
    what = f"{ACTION_NOUNS[decision['action']]}{until} of {decision['model']}"
    if decision["action"] in {"accept", "fix_data"}:
        what = f"{ACTION_NOUNS[decision['action']]}{until}: {decision['model']}"
    return f"{decision['by']} {verb} {what} (decision {decision['decision']}, tier {decision['tier']}{given})"


def _about(minutes: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Held on", long_date(date.fromisoformat(minutes["held_on"]))
    if minutes["opened_at"]:
        yield "Opened, ended", f"{minutes['opened_at']}, {minutes['ended_at'] or 'not ended'}"
    yield "About", minutes["scope"]
    yield "Since", long_date(date.fromisoformat(minutes["since"])) if minutes["since"] else "first meeting"
    yield "Chair", minutes["chair"]
    yield "Minutes kept by", minutes["called_by"]
    yield (
        "Data up to",
        long_date(date.fromisoformat(minutes["data_day"])) if minutes["data_day"] else "nothing assessed",
    )
    yield "Policy", minutes["policy"]


def _attendance(minutes: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for each in minutes["attendees"]:
        yield each["name"], each["role"], "yes" if each["present"] else "no"


def _actions(actions: list[dict[str, Any]]) -> Rows:
    rows = tuple(
        (f"{each['action']}", each["what"], each["assignee"], long_date(date.fromisoformat(each["due_on"])))
        for each in actions
    )
    return Rows(("No", "What", "Who", "Due"), rows)


def _item(item: dict[str, Any]) -> Iterator[Block]:
    yield Heading(3, f"{item['number']}. {item['title']}")
    values = [("On the agenda because", item["rule"]), ("Why now", item["why"])]
    values.append(("Quorum", capital(item["quorum"].removeprefix("Quorum: "))))
    values += [("Conflicts", item["aside"]), ("Remark", item["remark"])]
    # Minutes confirmed by an earlier version name no challenges.
    values += [("Not settled", told) for told in item.get("challenges", ())]
    values += [
        ("Decided", decision_sentence(each) + (f": {each['reason']}" if each["reason"] else ""))
        for each in item["decisions"]
    ]
    if item["votes"]:
        values.append(("Votes", votes_sentence(item["votes"])))
        values += [
            ("Dissent", f"{vote['person']}: {vote['reason'] or 'no reason given'}")
            for vote in item["votes"]
            if vote["vote"] == "against"
        ]
    values += [
        ("Action", f"{each['what']} ({each['assignee']}, due {long_date(date.fromisoformat(each['due_on']))})")
        for each in item["actions"]
    ]
    values.append(("Note", item["note"]))
    if not (item["decisions"] or item["votes"] or item["actions"] or item["note"]):
        values.append(("Recorded", "nothing"))
    yield Named(tuple((name, value) for name, value in values if value))


def votes_sentence(votes: list[dict[str, Any]]) -> str:
    """Return the votes as one sentence: "2 for (Ben, Cleo), 1 against (Dana)"; who recorded a vote for somebody else is named."""
    parts = []
    for choice, words in (("for", "for"), ("against", "against"), ("abstain", "abstained")):
        people = [
            each["person"] + ("" if each["recorded_by"] == each["person"] else f", recorded by {each['recorded_by']}")
            for each in votes
            if each["vote"] == choice
        ]
        if people:
            parts.append(f"{len(people)} {words} ({'; '.join(people)})")
    return joined(parts)


def _record(minutes: dict[str, Any]) -> Iterator[tuple[str, str]]:
    evidence = [
        each["evidence_hash"] for item in minutes["items"] for each in item["decisions"] if each.get("evidence_hash")
    ]
    if evidence:
        yield "Evidence frozen with approvals", ", ".join(f"{digest[:16]}…" for digest in dict.fromkeys(evidence))
    if minutes["anchor"] is None:
        yield "State", f"draft, {plural(len(minutes['items']), 'item')}"
        return
    yield "Confirmed by", f"{minutes['confirmed_by']}, {minutes['confirmed_at']}"
