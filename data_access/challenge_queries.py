"""Challenges of findings and questions about proposals as pages, exports and the meeting show them; nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from data_access.challenge_tables import ChallengeRow
from data_access.decision_records import RegistryDecisions
from data_access.tables import AssessmentRow, FindingRow
from monitoring.authority import known_actor
from monitoring.challenge import ChallengeState, Turn, finding_code
from monitoring.lifecycle import State

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from monitoring.challenge import Challenge

OPEN_COLUMNS = (
    "challenge_id",
    "about",
    "model_id",
    "model",
    "team",
    "owner",
    "tier",
    "finding",
    "sentence",
    "day",
    "decision_id",
    "action",
    "state",
    "asked_by",
    "asked_on",
    "text",
    "answered_by",
    "answered_on",
    "answer",
    "entries",
    "waits_for",
    "is_mine",
)
LISTED_COLUMNS = tuple(name for name in OPEN_COLUMNS if name != "is_mine")


def open_challenges(registry: Database, *, on: date, person: str | None = None) -> pd.DataFrame:
    """One row per challenge or question that is not closed on ``on``: tier 1 first, then the longest open.

    ``challenge_id`` (int), ``about`` (str: "finding" or "decision"), ``model_id``, ``model``, ``team``, ``owner`` (str), ``tier`` (int, an
    unset one is 1), of a challenge ``finding`` (str: kind and subject, the same every day), ``sentence`` (str: what the finding said) and
    ``day`` (date: of the assessment), of a question ``decision_id`` (int) and ``action`` (str), else missing; ``state`` (str: "open" waits
    for an answer, "answered" for whoever asked), ``asked_by`` (str: e-mail address), ``asked_on`` (date), ``text`` (str: what was asked
    last), ``answered_by`` (str), ``answered_on`` (date), ``answer`` (str: the newest one), the three missing without any; ``entries``
    (int: how many things were said), ``waits_for`` (str: one sentence), ``is_mine`` (bool: ``person`` can say what it waits for). A
    question about a proposal that is decided meanwhile is left out.
    """
    with registry.read() as session:
        records = RegistryDecisions(session)
        actor = known_actor(records, person)
        rows = []
        for each in _known(records, on=on):
            if each.is_open and _still_asked(records, each):
                awaited = Turn.ANSWER if each.state is ChallengeState.OPEN else Turn.SETTLE
                rows.append(_row(each) | {"is_mine": actor is not None and each.may(awaited, actor)})
    rows.sort(key=lambda row: (row["tier"], row["asked_on"], row["challenge_id"]))
    return pd.DataFrame(rows, columns=list(OPEN_COLUMNS))


def all_challenges(registry: Database, *, on: date, model_id: str | None = None) -> pd.DataFrame:
    """One row per challenge or question of a model, or of all, as it stood on ``on``, the newest first.

    The columns of ``open_challenges`` but the last.
    """
    chosen = [] if model_id is None else [ChallengeRow.model_id == model_id]
    with registry.read() as session:
        rows = [_row(each) for each in _known(RegistryDecisions(session), *chosen, on=on)]
    return pd.DataFrame(rows, columns=list(LISTED_COLUMNS))


def of_model(registry: Database, model_id: str, *, on: date) -> tuple[Challenge, ...]:
    """Return the model's challenges and questions with everything said by the end of ``on``, the newest first."""
    with registry.read() as session:
        return RegistryDecisions(session).challenges_of(model_id, on=on)


def beside_verdicts(registry: Database, *, on: date) -> dict[str, tuple[Challenge, ...]]:
    """Return by model the challenges that stand beside its newest verdict as known on ``on``; models without any are left out."""
    found: dict[str, list[Challenge]] = {}
    with registry.read() as session:
        records = RegistryDecisions(session)
        for each in _known(records, ChallengeRow.code.is_not(None), on=on):
            found.setdefault(each.subject.model_id, []).append(each)
        beside = {}
        for model_id, challenges in found.items():
            newest = records.evidence(model_id, on=on).snapshot
            codes = {finding_code(finding["kind"], finding["subject"]) for finding in newest["findings"]}
            if standing := tuple(each for each in challenges if each.stands_beside(on, codes)):
                beside[model_id] = standing
    return beside


class ChallengesBeside:
    """Finds the challenges that stand beside verdicts, as known now; findings are read of challenged models only."""

    def __init__(self, session: Session) -> None:
        self.challenges: dict[str, list[Challenge]] = {}
        for each in reversed(RegistryDecisions(session).challenges(ChallengeRow.code.is_not(None))):
            self.challenges.setdefault(each.subject.model_id, []).append(each)
        self.codes: dict[int, set[str]] = {}
        challenged = (
            sa.select(FindingRow.assessment_id, FindingRow.kind, FindingRow.subject)
            .join(AssessmentRow, AssessmentRow.id == FindingRow.assessment_id)
            .where(AssessmentRow.model_id.in_(self.challenges))
        )
        for row in session.execute(challenged) if self.challenges else ():
            self.codes.setdefault(row.assessment_id, set()).add(finding_code(row.kind, row.subject))

    def verdict(self, model_id: str, day: date, *, assessment_id: int) -> list[Challenge]:
        """Return the challenges beside the verdict of one assessment, the oldest first."""
        codes = self.codes.get(assessment_id, set())
        return [each for each in self.challenges.get(model_id, ()) if each.stands_beside(day, codes)]


def _known(records: RegistryDecisions, *conditions: sa.ColumnElement[bool], on: date) -> list[Challenge]:
    return [known for each in records.challenges(*conditions) if (known := each.as_known_on(on)) is not None]


def _still_asked(records: RegistryDecisions, challenge: Challenge) -> bool:
    return challenge.decision is None or records.decision(challenge.decision.id).state is State.PROPOSED


def _row(challenge: Challenge) -> dict[str, object]:
    finding, decision, answer = challenge.finding, challenge.decision, challenge.answer
    asked = next(
        entry for entry in reversed(challenge.entries) if entry.turn in {Turn.CHALLENGE, Turn.ASK, Turn.ASK_AGAIN}
    )
    return {
        "challenge_id": challenge.id,
        "about": "finding" if finding else "decision",
        "model_id": challenge.subject.model_id,
        "model": challenge.subject.name,
        "team": challenge.subject.team,
        "owner": challenge.subject.owner,
        "tier": challenge.subject.effective_tier,
        "finding": finding.code if finding else None,
        "sentence": finding.sentence if finding else None,
        "day": finding.day if finding else None,
        "decision_id": decision.id if decision else None,
        "action": decision.action.value if decision else None,
        "state": challenge.state.value,
        "asked_by": challenge.began.person,
        "asked_on": challenge.began.said_on,
        "text": asked.text,
        "answered_by": answer.person if answer else None,
        "answered_on": answer.said_on if answer else None,
        "answer": answer.text if answer else None,
        "entries": len(challenge.entries),
        "waits_for": challenge.waits_for(),
    }
