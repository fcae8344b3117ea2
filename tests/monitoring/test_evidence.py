from datetime import date

from monitoring.assessment import Assessment, Basis, Finding, FindingKind, Measures, Verdict
from monitoring.evidence import NEVER_ASSESSED, Evidence, evidence_changes, snapshot

FINDING = Finding(
    kind=FindingKind.NULLS,
    argues_for=Verdict.FIX_DATA,
    subject="dep_delay",
    since=date(2026, 3, 1),
    sentence="dep_delay is missing in 64 % of rows.",
)


def evidence(
    *, verdict: Verdict = Verdict.RETRAIN, effect: float = 0.41, findings: tuple[Finding, ...] = (), version: str = "v1"
) -> dict[str, object]:
    return snapshot(
        Assessment(
            model_id="m",
            version=version,
            day=date(2026, 3, 2),
            known_on=date(2026, 3, 2),
            verdict=verdict,
            basis=Basis.REALISED,
            sentence="It lost 41 % of its skill.",
            reason="lost 41 % of skill",
            in_verdict_since=date(2026, 3, 1),
            findings=findings,
            measures=Measures(effect=effect, newest_labelled_day=date(2026, 3, 1)),
        )
    )


def test_nothing_changed_is_an_empty_list() -> None:
    assert evidence_changes(evidence(), evidence()) == ()


def test_what_changed_is_said_in_words() -> None:
    changes = evidence_changes(
        evidence(), evidence(verdict=Verdict.FIX_DATA, effect=0.5, findings=(FINDING,), version="v2")
    )
    assert changes == (
        "The verdict was retrain, is now fix data.",
        "The model version was v1, is now v2.",
        "Effect was 0.41, is now 0.5.",
        "New finding: dep_delay is missing in 64 % of rows.",
    )


def test_a_finding_that_went_away_is_said() -> None:
    assert evidence_changes(evidence(findings=(FINDING,)), evidence()) == (
        "No longer found: dep_delay is missing in 64 % of rows.",
    )


def test_the_first_assessment_after_the_proposal_is_a_change() -> None:
    assert "The verdict was unknown, is now retrain." in evidence_changes(NEVER_ASSESSED, evidence())


def test_different_evidence_has_a_different_hash() -> None:
    assert Evidence(evidence()).hash == Evidence(evidence()).hash
    assert Evidence(evidence()).hash != Evidence(evidence(effect=0.42)).hash
