"""Each day is judged by the policy in force on it: a new one changes no day before, and every assessment names its own."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from data_access import people, policy_replay
from data_access.judged_versions import judged_versions
from data_access.policy_records import policy_history
from data_access.policy_replay import Replay, Replayer, policy_preview, replayable_models
from data_access.shift_store import quiet_days
from data_access.tables import AssessmentRow, AssessProgressRow
from monitoring import decide_policy
from monitoring.history import VersionHistory
from monitoring.people import COMMAND_LINE, Role
from monitoring.policy import DEFAULT_POLICY
from monitoring.policy_preview import PolicyPreview
from monitoring.policy_version import FIRST_VERSION, PolicyVersion, Values, policies_of
from monitoring.portfolio import Model
from monitoring.replay import ReplayedModel, replayed
from tests.log_builders import write_frame
from tests.pipeline import FIRST, LABEL_COLUMNS, LOG_COLUMNS, Home, model_card, model_folder, predictions

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAYS, BAD = 50, 14
ONE = timedelta(days=1)
LAST = FIRST + (DAYS - 1) * ONE
APPROVED_ON = FIRST + 34 * ONE
BEN, CLEO, DANA = (f"{name}@example.org" for name in ("ben", "cleo", "dana"))
BLIND: dict[str, float] = {"effect_watch": 0.9, "effect_retrain": 0.95}
ONLY_TIER_2: Values = {"1": {}, "2": BLIND, "3": {}}


def approved(home: Home, values: Values, *, on: date, based_on: int = 1) -> PolicyVersion:
    """Propose a version and have it approved on a day."""
    registry = home.registry
    by: dict[str, Any] = {"on": on, "now": NOW}
    number = decide_policy.propose_policy(
        registry, values=values, based_on=based_on, reason="Far fewer retrainings.", wanted_from=None, by=BEN, **by
    ).number
    decide_policy.approve_policy(registry, number, comment="", by=CLEO, **by)
    return decide_policy.approve_policy(registry, number, comment="", by=DANA, **by)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A model of tier 2 that has lost half of its skill since day 14, and one of tier 3 beside it."""
    home = Home(tmp_path)
    for email, role in {BEN: Role.APPROVER, CLEO: Role.APPROVER, DANA: Role.INDEPENDENT_REVIEWER}.items():
        people.add(home.registry, email=email, name=email, by=COMMAND_LINE, now=NOW)
        people.grant(home.registry, email=email, role=role, by=COMMAND_LINE, now=NOW)
    for tier in (2, 3):
        rows = predictions(days=DAYS, rows_a_day=60, useless=lambda day: np.where(day >= BAD, 0.4, 0.0))
        folder = model_folder(tmp_path / f"tier{tier}", card=model_card() | {"id": f"tier-{tier}", "tier": tier})
        write_frame(rows[LOG_COLUMNS], folder / "log.parquet")
        write_frame(rows[LABEL_COLUMNS], folder / "labels.parquet")
        home.imports(folder)
    return home


def said(home: Home, model: str = "tier-2") -> dict[date, tuple[str, str, str, set[str]]]:
    """Verdict, policy version and method of each day, and the policies its findings name: the newest assessment counts."""
    with home.registry.read() as session:
        loaded = sa.select(AssessmentRow).options(sa.orm.selectinload(AssessmentRow.findings))
        rows = session.scalars(loaded.where(AssessmentRow.model_id == model).order_by(AssessmentRow.id))
        return {
            row.day: (
                row.verdict,
                row.policy_version,
                row.method_version,
                {finding.evidence["policy_version"] for finding in row.findings},
            )
            for row in rows
        }


def test_a_new_policy_judges_from_its_first_day_on_and_no_day_before(home: Home) -> None:
    home.assesses(on=APPROVED_ON, first=FIRST)
    before = said(home)
    assert before[APPROVED_ON][0] == "retrain"
    version = approved(home, ONLY_TIER_2, on=APPROVED_ON)

    home.assesses(on=LAST)

    now = said(home)
    assert version.in_force_from == APPROVED_ON + ONE
    assert {day: now[day] for day in before} == before
    later = [day for day in now if day > APPROVED_ON]
    assert {now[day][1] for day in later} == {"2"}
    assert "retrain" not in {now[day][0] for day in later}
    assert now[later[0]][2].endswith(version.of_tier(2).configuration_hash)


def test_every_assessment_and_finding_names_its_policy(home: Home) -> None:
    approved(home, ONLY_TIER_2, on=APPROVED_ON)
    home.assesses(on=LAST, first=FIRST)
    for day, (_, version, _, of_findings) in said(home).items():
        assert version == ("2" if day > APPROVED_ON else "1")
        assert of_findings <= {version}


def test_a_backfill_judges_each_day_by_the_policy_in_force_then(home: Home, tmp_path: Path) -> None:
    approved(home, ONLY_TIER_2, on=APPROVED_ON)
    home.assesses(on=LAST, first=FIRST)
    in_one_go = said(home)
    assert in_one_go[APPROVED_ON][0] == "retrain"
    assert in_one_go[LAST][0] != "retrain"

    assert home.assesses(on=LAST, first=FIRST).assessments == 0
    assert said(home) == in_one_go


def test_a_policy_for_one_tier_leaves_the_others_as_they_were(home: Home) -> None:
    approved(home, ONLY_TIER_2, on=APPROVED_ON)
    home.assesses(on=LAST, first=FIRST)
    other = said(home, "tier-3")
    assert other[LAST][:2] == ("retrain", "2")


def test_days_that_were_judged_ahead_are_judged_again_once_a_policy_governs_them(home: Home) -> None:
    home.assesses(on=LAST, first=FIRST)
    ahead = said(home)
    assert ahead[LAST][:2] == ("retrain", "1")
    approved(home, ONLY_TIER_2, on=APPROVED_ON)

    home.assesses(on=LAST)

    now = said(home)
    assert {day: now[day] for day in now if day <= APPROVED_ON} == {
        day: found for day, found in ahead.items() if day <= APPROVED_ON
    }
    assert {now[day][1] for day in now if day > APPROVED_ON} == {"2"}
    assert home.assesses(on=LAST).assessments == 0


def test_a_proposed_or_rejected_version_judges_nothing(home: Home) -> None:
    proposal: dict[str, Any] = {"based_on": 1, "reason": "Far fewer retrainings.", "wanted_from": None, "by": BEN}
    decide_policy.propose_policy(home.registry, values=ONLY_TIER_2, on=APPROVED_ON, now=NOW, **proposal)
    home.assesses(on=LAST, first=FIRST)
    assert {found[1] for found in said(home).values()} == {"1"}
    assert policy_history(home.registry).newest == FIRST_VERSION


def test_the_pages_put_a_day_together_under_the_policy_that_judged_it(home: Home) -> None:
    home.assesses(on=LAST, first=FIRST)
    version = approved(home, ONLY_TIER_2, on=APPROVED_ON)
    policies = {
        day: judged_versions(home.registry, "tier-2", known_on=day).segments[-1].policy for day in (APPROVED_ON, LAST)
    }
    assert policies == {APPROVED_ON: DEFAULT_POLICY, LAST: version.of_tier(2)}


# What a draft would have changed


@pytest.fixture
def judged(home: Home) -> Home:
    home.assesses(on=LAST, first=FIRST)
    return home


def asked(values: Values) -> Replay:
    return Replay(FIRST_VERSION.policies, policies_of(values, version="draft"), LAST - 29 * ONE, LAST)


def test_a_draft_that_changes_nothing_gives_the_verdicts_that_are_stored(judged: Home) -> None:
    preview = policy_preview(judged.registry, asked({}))
    assert (preview.models, preview.changed, preview.failures) == (2, (), {})
    assert preview.before == preview.after
    stored = [judged.verdicts(model) for model in ("tier-2", "tier-3")]
    for i, day in enumerate(preview.days):
        for verdict, counts in preview.before.counts.items():
            assert counts[i] == sum(found[day] == verdict for found in stored)


def test_a_replay_begins_to_search_where_the_assessment_did(judged: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[VersionHistory] = []

    def remembered(model: Model, histories: Sequence[VersionHistory], *rest: Any, **named: Any) -> ReplayedModel:
        taken.extend(histories)
        return replayed(model, histories, *rest, **named)

    monkeypatch.setattr(policy_replay, "replayed", remembered)
    policy_preview(judged.registry, asked({}), processes=1)
    with judged.registry.read() as session:
        kept = [quiet_days(row.quiet_days) for row in session.scalars(sa.select(AssessProgressRow))]
    assert len(taken) == len(kept) == 2
    assert {each.quiet for each in taken} == {found for versions in kept for found in versions.values()} != set()


def test_a_draft_shows_the_model_that_changes_why_and_on_which_days(judged: Home) -> None:
    preview = policy_preview(judged.registry, asked(ONLY_TIER_2))
    (change,) = preview.changed_today
    assert (change.model_id, change.tier, change.before) == ("tier-2", 2, "retrain")
    assert change.after != "retrain"
    assert change.reason_before.startswith("Lost")
    assert change.last_day == LAST.isoformat()
    assert preview.before.retrained_models == 2
    assert preview.after.retrained_models == 1
    assert preview.before.counts["retrain"][-1] - preview.after.counts["retrain"][-1] == 1


def test_a_replay_stores_nothing(judged: Home) -> None:
    before = judged.stored()
    policy_preview(judged.registry, asked(ONLY_TIER_2))
    assert judged.stored() == before


def test_processes_and_one_process_find_the_same(judged: Home) -> None:
    told: list[tuple[int, int]] = []
    alone = policy_preview(judged.registry, asked(ONLY_TIER_2), processes=1)
    shared = policy_preview(
        judged.registry, asked(ONLY_TIER_2), processes=2, report=lambda done, total: told.append((done, total))
    )
    assert shared == alone
    assert told[0] == (0, 2)
    assert told[-1] == (2, 2)


def test_whoever_is_told_can_stop_it(judged: Home) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done:
            raise EnoughError(f"{done} of {total}")

    with pytest.raises(EnoughError, match="2 of 2"):
        policy_preview(judged.registry, asked(ONLY_TIER_2), report=stop)


def test_one_model_that_cannot_be_replayed_is_named_and_stops_no_other(judged: Home) -> None:
    with judged.registry.write() as session:
        session.execute(
            sa.text(
                "UPDATE profiles SET payload = x'00' WHERE reference_id IN "
                "(SELECT id FROM model_references WHERE model_id = 'tier-3')"
            )
        )
    preview = policy_preview(judged.registry, asked(ONLY_TIER_2))
    assert preview.models == 1
    assert list(preview.failures) == ["tier-3"]


def test_previews_of_parts_add_up_and_survive_storing(judged: Home) -> None:
    replayer = Replayer.of(judged.registry, asked(ONLY_TIER_2))
    ids = replayable_models(judged.registry)
    parts = [replayer.preview([model_id]) for model_id in ids]
    whole = replayer.preview(ids)
    assert parts[0] + parts[1] == whole
    assert PolicyPreview.from_json(whole.as_json()) == whole
    with pytest.raises(ValueError, match="do not add up"):
        _ = whole + PolicyPreview.empty(first=LAST, last=LAST)


def test_what_is_shared_between_two_policies_changes_no_verdict(judged: Home) -> None:
    """Thresholds that see the data alike share what follows from them: the draft alone must find the same."""
    values: Values = {"2": {"effect_retrain": 0.3, "cusum_watch": 5.0, "tolerance": 0.1, "drift_watch": 0.2}}
    drafted = policies_of(values, version="draft")
    beside = policy_preview(judged.registry, asked(values))
    alone = policy_preview(judged.registry, Replay(drafted, drafted, LAST - 29 * ONE, LAST))
    assert beside.after == alone.before
    assert drafted[1] != DEFAULT_POLICY
