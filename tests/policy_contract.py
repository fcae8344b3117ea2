"""What a registry promises about versions of the policy, on whatever database it is kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from data_access import audit_trail, policy_drafts, policy_queries
from data_access.policy_drafts import SILENT_AFTER, PreviewState
from data_access.policy_records import policy_history
from data_access.registry import Registry
from data_access.tables import AuditEventRow, PolicyAnswerRow, PolicyDraftRow, PolicyRow
from monitoring import decide_policy
from monitoring.errors import (
    AuditChainError,
    InvalidProposalError,
    InvalidThresholdError,
    NotAuthorisedError,
    PreviewRunningError,
    StaleDecisionError,
    UnknownPersonError,
    UnknownPolicyError,
)
from monitoring.lifecycle import Move, State
from monitoring.policy_preview import PolicyPreview
from monitoring.policy_version import FIRST_VERSION
from tests.fresh import fresh_registry
from tests.registry_contract import ADA, BEN, CLEO, DANA, DAY, KEY, NOW, VIC, add_everybody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.policy_version import PolicyVersion, Values

ONE = timedelta(days=1)
REASON = "The committee wants fewer retrainings."
LENIENT: Values = {"1": {"effect_retrain": 0.2}, "2": {}, "3": {}}
OTHER: Values = {"2": {"psi_floor": 0.2}}


def propose(registry: Registry, values: Values = LENIENT, *, based_on: int = 1, by: str = BEN) -> PolicyVersion:
    return decide_policy.propose_policy(
        registry, values=values, based_on=based_on, reason=REASON, wanted_from=None, by=by, on=DAY, now=NOW
    )


def approve(registry: Registry, number: int, *, by: str) -> PolicyVersion:
    return decide_policy.approve_policy(registry, number, comment="Seen.", by=by, on=DAY, now=NOW)


def approved(registry: Registry, values: Values = LENIENT, *, based_on: int = 1) -> PolicyVersion:
    number = propose(registry, values, based_on=based_on).number
    approve(registry, number, by=CLEO)
    return approve(registry, number, by=DANA)


def draft(registry: Registry, values: Values = LENIENT, *, by: str = BEN) -> int:
    return policy_drafts.keep_draft(registry, values, based_on=1, day=DAY, by=by, now=NOW)


def approve_at_once(address: str, by: str, barrier: threading.Barrier) -> str:
    registry = Registry.open(address, audit_key=KEY)
    barrier.wait(timeout=60)
    try:
        if by == DANA:
            approve(registry, 2, by=by)
        else:
            decide_policy.reject_policy(registry, 2, comment="No.", by=by, on=DAY, now=NOW)
    except StaleDecisionError:
        return "too late"
    finally:
        registry.close()
    return "decided"


class PolicyContract:
    """Subclasses give ``address``: an empty database."""

    @pytest.fixture
    def registry(self, address: str) -> Iterator[Registry]:
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        add_everybody(registry)
        yield registry
        registry.close()

    def test_an_approver_who_never_approved_is_found(self, registry: Registry) -> None:
        approved(registry)
        with registry.write() as session:
            session.execute(sa.update(PolicyAnswerRow).where(PolicyAnswerRow.id == 1).values(person=ADA))
        with pytest.raises(AuditChainError, match="The approvals of version 2 of the policy"):
            audit_trail.verify(registry)

    def test_every_registry_begins_with_the_thresholds_of_the_method(self, registry: Registry) -> None:
        assert policy_history(registry).versions == (FIRST_VERSION,)
        assert policy_queries.versions(registry) == (FIRST_VERSION,)

    def test_a_version_is_read_as_it_was_written(self, registry: Registry) -> None:
        version = approved(registry)

        assert policy_queries.version(registry, 2) == version
        assert policy_history(registry).versions == (FIRST_VERSION, version)
        assert (version.state, version.in_force_from) == (State.APPROVED, DAY + ONE)
        assert version.of_tier(1).effect_retrain == 0.2

    def test_each_step_leaves_one_audit_event_and_the_trail_verifies(self, registry: Registry) -> None:
        approved(registry)
        with registry.read() as session:
            events = session.scalars(
                sa.select(AuditEventRow).where(AuditEventRow.subject_kind == "policy").order_by(AuditEventRow.sequence)
            ).all()
            assert [(each.action, each.actor, each.subject_id) for each in events] == [
                ("propose", BEN, "2"),
                ("approve", CLEO, "2"),
                ("approve", DANA, "2"),
            ]
            assert [(each.after or {})["state"] for each in events] == ["proposed", "proposed", "approved"]
        audit_trail.verify(registry)

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"thresholds": {"1": {}, "2": {}, "3": {}}}, "thresholds of version 2"),
            ({"in_force_from": DAY - 30 * ONE}, "Version 2 of the policy is approved from 2026-01-31"),
            ({"state": "rejected"}, "Version 2 of the policy is rejected"),
            ({"number": 9}, "Version 2 of the policy is in the audit trail, and gone"),
        ],
    )
    def test_a_version_changed_behind_the_trail_is_noticed(
        self, registry: Registry, change: dict[str, object], sentence: str
    ) -> None:
        approved(registry)
        with registry.write() as session:
            session.execute(sa.delete(PolicyAnswerRow))  # they refer to the number
            session.execute(sa.update(PolicyRow).values(change))
        with pytest.raises(AuditChainError, match=sentence):
            audit_trail.verify(registry)

    @pytest.mark.parametrize("by", [ADA, VIC, DANA])
    def test_the_use_case_itself_refuses_who_may_not_propose(self, registry: Registry, by: str) -> None:
        with pytest.raises(NotAuthorisedError, match="Only an approver for every team may propose"):
            propose(registry, by=by)
        assert policy_queries.versions(registry) == (FIRST_VERSION,)

    def test_somebody_unknown_may_do_nothing(self, registry: Registry) -> None:
        propose(registry)
        with pytest.raises(UnknownPersonError):
            propose(registry, OTHER, by="eve@elsewhere.org")
        with pytest.raises(UnknownPersonError):
            approve(registry, 2, by="eve@elsewhere.org")

    @pytest.mark.parametrize("by", [BEN, ADA, VIC])
    def test_four_eyes_hold_when_the_use_case_is_called_directly(self, registry: Registry, by: str) -> None:
        propose(registry)
        with pytest.raises(NotAuthorisedError):
            approve(registry, 2, by=by)
        with pytest.raises(NotAuthorisedError):
            decide_policy.reject_policy(registry, 2, comment="No.", by=by, on=DAY, now=NOW)
        version = policy_queries.version(registry, 2)
        assert (version.state, version.approvals) == (State.PROPOSED, ())

    def test_one_approval_is_not_enough(self, registry: Registry) -> None:
        propose(registry)
        assert approve(registry, 2, by=CLEO).state is State.PROPOSED
        with pytest.raises(NotAuthorisedError, match="one person counts once"):
            approve(registry, 2, by=CLEO)
        assert policy_history(registry).newest.number == 1

    def test_a_refused_value_leaves_nothing_behind(self, registry: Registry) -> None:
        before = audit_trail.verify(registry)
        with pytest.raises(InvalidThresholdError):
            propose(registry, {"1": {"effect_retrain": 2.0}})
        assert audit_trail.verify(registry) == before
        assert policy_queries.versions(registry) == (FIRST_VERSION,)

    def test_the_same_proposal_twice_and_an_outdated_one_are_refused(self, registry: Registry) -> None:
        propose(registry)
        with pytest.raises(StaleDecisionError, match="Version 2 proposes the same already"):
            propose(registry, by=CLEO)
        other = propose(registry, OTHER, by=BEN).number
        approve(registry, 2, by=CLEO)
        approve(registry, 2, by=DANA)
        with pytest.raises(StaleDecisionError, match="Version 2 was approved since this was drafted from version 1"):
            approve(registry, other, by=CLEO)
        with pytest.raises(StaleDecisionError, match="draft it again"):
            propose(registry, {"3": {"psi_floor": 0.3}}, based_on=1)
        review = decide_policy.review_policy(registry, other, by=CLEO)
        assert review.may == {Move.REJECT}
        assert review.why_not.startswith("Version 2 was approved since")

    def test_a_review_says_what_somebody_may_do_and_why_not(self, registry: Registry) -> None:
        propose(registry)
        reviews = {by: decide_policy.review_policy(registry, 2, by=by) for by in (BEN, CLEO, DANA, VIC, None)}
        assert {by: review.may for by, review in reviews.items()} == {
            BEN: {Move.WITHDRAW},
            CLEO: {Move.APPROVE, Move.REJECT},
            DANA: {Move.APPROVE},
            VIC: frozenset(),
            None: frozenset(),
        }
        assert reviews[BEN].why_not.startswith("You proposed this")
        assert reviews[VIC].why_not.startswith("Only an approver or an independent reviewer")
        assert reviews[CLEO].why_not == ""
        assert "Dana or Eve as independent reviewer" in reviews[CLEO].waiting_for
        assert policy_queries.waiting_count(registry, person=CLEO, on=DAY) == 1
        assert policy_queries.waiting_count(registry, person=BEN, on=DAY) == 0

    def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(self, address: str, registry: Registry) -> None:
        propose(registry)
        approve(registry, 2, by=CLEO)
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda by: approve_at_once(address, by, barrier), [DANA, "eve@example.org"]))
        assert sorted(answers) == ["decided", "too late"]
        audit_trail.verify(registry)

    def test_a_state_that_moved_on_is_guarded_where_it_is_written(self, registry: Registry) -> None:
        version = propose(registry)
        with registry.deciding_policies() as records:
            moved, event = version.withdraw(actor=records.actor(BEN), comment="", on=DAY, now=NOW)
            records.store(moved, event, before=version)
        with pytest.raises(StaleDecisionError, match="same moment"), registry.deciding_policies() as records:
            records.store(moved, event, before=version)
        audit_trail.verify(registry)

    def test_what_is_withdrawn_or_rejected_is_never_in_force(self, registry: Registry) -> None:
        propose(registry)
        assert decide_policy.withdraw_policy(registry, 2, by=BEN, on=DAY, now=NOW).state is State.WITHDRAWN
        number = propose(registry).number
        rejected = decide_policy.reject_policy(registry, number, comment="No.", by=CLEO, on=DAY, now=NOW)
        assert (number, rejected.state) == (3, State.REJECTED)
        assert policy_history(registry).versions == (FIRST_VERSION,)

    def test_what_was_proposed_later_is_invisible_before(self, registry: Registry) -> None:
        propose(registry)
        assert policy_queries.versions(registry, on=DAY - ONE) == (FIRST_VERSION,)
        assert [version.number for version in policy_queries.waiting(registry, on=DAY)] == [2]

    # Drafts

    def test_a_draft_is_kept_once_and_read_back(self, registry: Registry) -> None:
        number = draft(registry)
        assert draft(registry, by=DANA) == number
        found = policy_drafts.draft(registry, number, now=NOW)
        assert (found.state, found.drafted_by, found.policies[0].effect_retrain) == (PreviewState.NOT_STARTED, BEN, 0.2)
        assert [each.after for each in found.differences(FIRST_VERSION)] == [0.2]

    @pytest.mark.parametrize("by", [ADA, VIC])
    def test_who_may_not_draft_is_refused_where_it_is_kept(self, registry: Registry, by: str) -> None:
        with pytest.raises(NotAuthorisedError, match="may draft a policy"):
            draft(registry, by=by)
        with pytest.raises(NotAuthorisedError):
            policy_drafts.begin_preview(registry, draft(registry), by=by, now=NOW)
        assert "may draft" in (policy_drafts.why_not_draft(registry, by=by) or "")
        assert policy_drafts.why_not_draft(registry, by=BEN) is None

    def test_a_draft_that_changes_nothing_or_is_unknown_is_refused(self, registry: Registry) -> None:
        with pytest.raises(InvalidProposalError, match="nothing to preview"):
            draft(registry, {})
        with pytest.raises(UnknownPolicyError, match="no draft 7"):
            policy_drafts.draft(registry, 7, now=NOW)
        with pytest.raises(UnknownPolicyError, match="no version 7"):
            policy_queries.version(registry, 7)

    def test_a_preview_says_how_far_it_is_and_is_kept(self, registry: Registry) -> None:
        number, empty = draft(registry), PolicyPreview.empty(first=DAY - ONE, last=DAY)
        policy_drafts.begin_preview(registry, number, by=BEN, now=NOW)
        assert policy_drafts.tell_progress(registry, number, done=3, total=9, now=NOW)
        running = policy_drafts.draft(registry, number, now=NOW)
        assert (running.state, running.done, running.total) == (PreviewState.RUNNING, 3, 9)

        assert policy_drafts.finish_preview(registry, number, empty, now=NOW)

        ready = policy_drafts.draft(registry, number, now=NOW)
        assert (ready.state, ready.preview) == (PreviewState.READY, empty)
        assert not policy_drafts.fail_preview(registry, number, "Too late.", now=NOW)

    def test_one_preview_at_a_time_and_a_dead_one_makes_room(self, registry: Registry) -> None:
        first, second = draft(registry), draft(registry, OTHER)
        policy_drafts.begin_preview(registry, first, by=BEN, now=NOW)
        with pytest.raises(PreviewRunningError, match=f"preview of draft {first} is being worked out"):
            policy_drafts.begin_preview(registry, second, by=BEN, now=NOW)

        later = NOW + SILENT_AFTER + timedelta(seconds=1)

        assert policy_drafts.draft(registry, first, now=later).state is PreviewState.INTERRUPTED
        policy_drafts.begin_preview(registry, second, by=BEN, now=later)

    def test_a_cancelled_preview_stops_and_keeps_nothing(self, registry: Registry) -> None:
        number = draft(registry)
        policy_drafts.begin_preview(registry, number, by=BEN, now=NOW)
        assert policy_drafts.cancel_preview(registry, number, by=DANA, now=NOW)
        assert not policy_drafts.tell_progress(registry, number, done=1, total=2, now=NOW)
        empty = PolicyPreview.empty(first=DAY, last=DAY)
        assert not policy_drafts.finish_preview(registry, number, empty, now=NOW)
        assert policy_drafts.draft(registry, number, now=NOW).state is PreviewState.CANCELLED

    def test_a_proposal_finds_the_preview_of_its_thresholds(self, registry: Registry) -> None:
        number = draft(registry)
        draft(registry, OTHER)
        found = policy_drafts.newest_draft_of(registry, propose(registry), now=NOW)
        assert found is not None
        assert found.id == number

    def test_drafts_leave_no_audit_event_and_no_stale_cache(self, registry: Registry) -> None:
        before, revision = audit_trail.verify(registry), registry.revision()
        policy_drafts.begin_preview(registry, draft(registry), by=BEN, now=NOW)
        assert (audit_trail.verify(registry), registry.revision()) == (before, revision)
        with registry.read() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(PolicyDraftRow)) == 1
