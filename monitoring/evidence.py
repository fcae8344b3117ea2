"""What a decision rests on: the assessment as it was known when somebody proposed or approved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from monitoring.audit import canonical_json
from monitoring.retirement import plan_changes

if TYPE_CHECKING:
    from monitoring.assessment import Assessment
    from monitoring.retirement import RetirementPlan

NEVER_ASSESSED: dict[str, Any] = {
    "verdict": "unknown",
    "basis": None,
    "sentence": "Never assessed.",
    "reason": "never assessed",
    "measures": {},
    "findings": [],
    "against": [],
    "policy_version": None,
    "method_version": None,
    "version": None,
    "day": None,
    "known_on": None,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A snapshot of an assessment as plain JSON; ``assessment_id`` is missing for a model never assessed."""

    snapshot: dict[str, Any]
    assessment_id: int | None = None

    @property
    def hash(self) -> str:
        """The fingerprint an approver confirms to have seen."""
        return sha256(canonical_json(self.snapshot).encode()).hexdigest()

    def with_plan(self, plan: RetirementPlan | None) -> Evidence:
        """Return the evidence with the plan of a retirement, so that whoever approves confirms to have seen both."""
        return self if plan is None else Evidence(self.snapshot | {"plan": plan.plain()}, self.assessment_id)


def snapshot(assessment: Assessment) -> dict[str, Any]:
    """Return what the assessment says as plain JSON: it can be shown unchanged years later."""
    measures = asdict(assessment.measures)
    newest = assessment.measures.newest_labelled_day
    return {
        "verdict": assessment.verdict.value,
        "basis": assessment.basis.value,
        "sentence": assessment.sentence,
        "reason": assessment.reason,
        "measures": measures | {"newest_labelled_day": newest.isoformat() if newest else None},
        "findings": [
            {
                "kind": finding.kind.value,
                "argues_for": finding.argues_for.value,
                "subject": finding.subject,
                "since": finding.since.isoformat(),
                "sentence": finding.sentence,
                "source": finding.source,
                "evidence": finding.evidence,
            }
            for finding in assessment.findings
        ],
        "against": list(assessment.against),
        "policy_version": assessment.policy_version,
        "method_version": assessment.method_version,
        "version": assessment.version,
        "day": assessment.day.isoformat(),
        "known_on": assessment.known_on.isoformat(),
    }


def evidence_changes(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    """Return in words what is different in ``new``; empty when nothing is."""
    if old == new:
        return ()
    changes = [
        f"{words} was {_shown(old.get(name))}, is now {_shown(new.get(name))}."
        for name, words in {
            "verdict": "The verdict",
            "version": "The model version",
            "policy_version": "The policy version",
            "method_version": "The method version",
            "basis": "The basis",
            "day": "The day assessed",
            "known_on": "The day up to which data had arrived",
        }.items()
        if old.get(name) != new.get(name)
    ]
    changes += [
        f"{name.replace('_', ' ').capitalize()} was {_shown(before)}, is now {_shown(after)}."
        for name, before, after in _differences(old.get("measures") or {}, new.get("measures") or {})
    ]
    before, after = _findings(old), _findings(new)
    changes += [f"New finding: {after[key]['sentence']}" for key in after if key not in before]
    changes += [f"No longer found: {before[key]['sentence']}" for key in before if key not in after]
    changes += [
        f"Finding changed: {after[key]['sentence']}" for key in after if key in before and before[key] != after[key]
    ]
    changes += [
        f"Now speaks against it: {text}" for text in new.get("against") or [] if text not in (old.get("against") or [])
    ]
    changes += [
        f"No longer speaks against it: {text}"
        for text in old.get("against") or []
        if text not in (new.get("against") or [])
    ]
    changes += plan_changes(old.get("plan"), new.get("plan"))
    return tuple(changes) or (f"The sentence is now: {new.get('sentence')}",)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    names = list(dict.fromkeys([*old, *new]))
    return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _findings(evidence: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(finding["kind"], finding["subject"]): finding for finding in evidence.get("findings") or []}


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("_", " ")
