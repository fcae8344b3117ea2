"""What the pages about many models may ask a registry, on whatever database it is kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlalchemy as sa

from data_access.audit_key import key_from_file
from data_access.portfolio_filter import LENSES, ORDERS, PortfolioFilter, filter_options
from data_access.portfolio_queries import overview, sparklines
from data_access.portfolio_standing import ranking
from data_access.registry import Registry
from data_access.retired_tables import WatchedDayRow
from data_access.shift_queries import known_shifts, open_shifts
from data_access.sign_queries import TOGETHER, sign_days
from data_access.tables import (
    AssessmentRow,
    AssessProgressRow,
    DecisionRow,
    ModelRow,
    ShiftDayRow,
    ShiftProgressRow,
    ShiftRow,
    SignRow,
    SourceSetRow,
)
from monitoring.assessment import Basis, Verdict
from tests import builders
from tests.builders import NOW, TODAY, Built
from tests.fresh import fresh_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = timedelta(days=1)
EVERYTHING = PortfolioFilter()


def ids(registry: Registry, wanted: PortfolioFilter = EVERYTHING, *, order: str = "loss") -> list[str]:
    return [row.model_id for row in ranking(registry.engine, day=TODAY, wanted=wanted, order=order).rows]


def lens(registry: Registry, name: str) -> set[str]:
    return set(ids(registry, PortfolioFilter(lenses=(name,))))


def changed(registry: Registry, model_id: str, **values: object) -> None:
    with registry.write() as session:
        session.execute(sa.update(AssessmentRow).where(AssessmentRow.model_id == model_id).values(**values))


def add_decision(registry: Registry, model_id: str, **values: object) -> None:
    ordinary: dict[str, object] = {
        "action": "retrain", "state": "proposed", "is_open": True, "tier": 2, "reason": "It lost a third.",
        "proposed_by": "ada@example.org", "proposed_on": TODAY - 9 * DAY, "proposed_at": NOW, "due_on": TODAY + DAY,
        "evidence": {},
    }  # fmt: skip
    with registry.write() as session:
        session.add(DecisionRow(model_id=model_id, **ordinary | values))


def add_shift_days(
    registry: Registry, *days: tuple[date, date, list[str]], source: str = "bureau", kind: str = "world"
) -> None:
    """Add days of a shift that began on the first: the day, from when it is known, and its models (none: it is over)."""
    with registry.write() as session:
        for day, known_on, models in days:
            row = ShiftDayRow(day=day, known_on=known_on, recorded_at=NOW)
            if models:
                row.shifts = [
                    ShiftRow(
                        began=days[0][0], kind=kind, grouping="source", source=source, k=len(models), n=61, base=0.01,
                        log10_p=-20.0, models=models, cleared=[],
                    )
                ]  # fmt: skip
            session.add(row)
            session.flush()
        session.execute(sa.update(ShiftProgressRow).values(searched_to=TODAY))


def add_signs(registry: Registry, model_id: str, sources: str, *signs: tuple[date, date, str]) -> None:
    with registry.write() as session:
        found = session.scalar(sa.select(SourceSetRow).where(SourceSetRow.names == sources))
        if found is None:
            found = SourceSetRow(names=sources)
            session.add(found)
            session.flush()
        if session.get(AssessProgressRow, model_id) is None:
            session.add(AssessProgressRow(model_id=model_id, references={}, signed_at=NOW))
        for day, known_on, letters in signs:
            row = SignRow(
                model_id=model_id, day=day, known_on=known_on, recorded_at=NOW, sources_id=found.id, signs=letters
            )
            session.add(row)


class PortfolioContract:
    """Run against every database a registry may be kept in."""

    @pytest.fixture
    def registry(self, address: str, tmp_path: Path) -> Iterator[Registry]:
        """A registry without models."""
        fresh_registry(address)
        opened = Registry.open(address, audit_key=key_from_file(tmp_path / "audit.key"))
        yield opened
        opened.close()

    def test_every_lens_finds_the_models_it_is_for_and_no_others(self, registry: Registry) -> None:
        builders.add_people(registry)
        builders.add_models(
            registry,
            Built("fine"),
            Built("lost", Verdict.RETRAIN),
            Built("waiting", Verdict.RETRAIN),
            Built("late", Verdict.RETIRE),
            Built("accepted", Verdict.WATCH),
            Built("orphan", owner=None),
            Built("untiered", tier=None),
            Built("card-only", None, has_log=False),
            Built("failing", None),
            Built("guessed", basis=Basis.ESTIMATED),
            Built("back", Verdict.WATCH),
            Built("leaving"),
            Built("undead", service_state="retired"),
        )
        builders.add_models(registry, Built("forgotten", days=3), today=TODAY - 20 * DAY)
        add_decision(registry, "waiting")
        add_decision(registry, "late", due_on=TODAY - DAY)
        add_decision(registry, "accepted", action="accept", state="approved", accept_until=TODAY + 10 * DAY)
        over: dict[str, object] = {"is_open": False, "state_on": TODAY - DAY}
        add_decision(registry, "back", action="accept", state="expired", accept_until=TODAY - DAY, **over)
        add_decision(registry, "leaving", action="retire", state="announced", sunset_on=TODAY + 10 * DAY)
        with registry.write() as session:
            session.execute(sa.update(ModelRow).where(ModelRow.id == "failing").values(last_error="no table"))
            session.add(WatchedDayRow(model_id="undead", day=TODAY - DAY, rows=7))

        assert {name: lens(registry, name) for name in LENSES} == {
            "nothing_proposed": {"lost"},
            "open_decision": {"waiting", "late", "accepted", "leaving"},
            "overdue": {"late"},
            "acceptance_ends": {"accepted"},
            "acceptance_ended": {"back"},
            "retirement_due": {"leaving"},
            "zombie": {"undead"},
            "no_owner": {"orphan"},
            "tier_not_set": {"untiered"},
            "no_log": {"card-only"},
            "never_assessed": {"card-only", "failing"},
            "failed": {"failing"},
            "stale": {"forgotten"},
            "no_labels": {"guessed"},
            "estimated": {"guessed"},
        }
        assert set(ids(registry, PortfolioFilter(lenses=("overdue", "no_owner")))) == {"late", "orphan"}

    def test_every_order_holds_for_all_models_and_retired_ones_come_last(self, registry: Registry) -> None:
        builders.add_models(
            registry,
            Built("a", Verdict.KEEP, tier=3, owner="zoe@example.org", days_in_verdict=20, name="Zebra"),
            Built("b", Verdict.RETRAIN, tier=1, owner="ada@example.org", days_in_verdict=2, name="alpha"),
            Built("c", None, tier=None, owner=None, name="Mule"),
            Built("gone", Verdict.RETIRE, service_state="retired", expected_loss=9.0, name="Aardvark"),
        )
        changed(registry, "a", drift_ratio=0.2, traffic_ratio=0.1, expected_loss=0.2)
        changed(registry, "b", drift_ratio=2.0, traffic_ratio=1.0, expected_loss=0.9)
        add_decision(registry, "a")

        found = {name: "".join(ids(registry, order=name)).removesuffix("gone") for name in ORDERS}
        assert found == {
            "loss": "bac",
            "lost": "bac",
            "drift": "bac",
            "traffic": "abc",
            "newest": "bac",
            "longest": "abc",
            "verdict": "bca",
            "tier": "cba",
            "due": "abc",
            "owner": "bac",
            "name": "bca",
        }

    def test_changed_since_a_day_compares_verdicts_as_known_on_both_days(self, registry: Registry) -> None:
        builders.add_models(
            registry,
            Built("worse", Verdict.RETRAIN, days_in_verdict=3),
            Built("same", Verdict.RETRAIN, days_in_verdict=20),
            Built("new", Verdict.KEEP, days=2, days_in_verdict=2),
        )
        wanted = PortfolioFilter(changed_since=TODAY - 5 * DAY)
        found = ranking(registry.engine, day=TODAY, wanted=wanted)

        assert {row.model_id: row.before for row in found.rows} == {"worse": "keep", "new": "unknown"}
        assert found.standing.changes[Verdict.RETRAIN] == 1
        assert found.standing.compared_with == TODAY - 5 * DAY

    def test_search_and_states_filter_and_a_wildcard_is_a_letter(self, registry: Registry) -> None:
        builders.add_people(registry)
        builders.add_models(
            registry,
            Built("a", name="100% sure"),
            Built("b", name="Other", owner="max@example.org", service_state="suspended"),
        )
        assert ids(registry, PortfolioFilter(text="% S")) == ["a"]
        assert ids(registry, PortfolioFilter(text="max rao")) == ["b"]
        assert ids(registry, PortfolioFilter(text="_")) == []
        assert ids(registry, PortfolioFilter(states=("suspended",))) == ["b"]

    def test_rows_come_in_the_order_given_with_what_is_known_of_each(self, registry: Registry) -> None:
        builders.add_people(registry)
        builders.add_models(registry, Built("known"), Built("never", None), Built("other", Verdict.RETRAIN))
        add_decision(registry, "other")
        ranked = ranking(registry.engine, day=TODAY, wanted=EVERYTHING, order="name").rows[::-1]
        rows = overview(registry.engine, day=TODAY, ranked=ranked)

        assert list(rows["model_id"]) == ["other", "never", "known"]
        assert list(rows["verdict"]) == ["retrain", "unknown", "keep"]
        assert list(rows["decision_state"].fillna("")) == ["proposed", "", ""]
        assert list(rows["owner_name"]) == ["Ada Berg"] * 3
        assert rows["effect"].isna().tolist() == [False, True, False]

    def test_more_models_than_one_statement_takes_are_read_in_parts(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("data_access.portfolio_queries.IDS_AT_ONCE", 2)
        builders.add_models(registry, *(Built(f"m{number}", days=1, days_in_verdict=1) for number in range(5)))
        rows = overview(registry.engine, day=TODAY, ranked=ranking(registry.engine, day=TODAY, wanted=EVERYTHING).rows)
        assert sorted(rows["model_id"]) == [f"m{number}" for number in range(5)]

    def test_an_empty_registry_has_nothing_of_anything(self, registry: Registry) -> None:
        found = ranking(registry.engine, day=TODAY, wanted=EVERYTHING)
        assert (found.rows, found.standing.models, found.standing.newest_day) == ((), 0, None)
        assert overview(registry.engine, day=TODAY, ranked=[]).empty
        assert sparklines(registry.engine, model_ids=(), day=TODAY).drift.shape == (0, 28)
        assert filter_options(registry.engine).tiers == ()
        assert known_shifts(registry, day=TODAY) == ()
        assert sign_days(registry, first=TODAY - DAY, last=TODAY).signs.shape == (0, 2)

    def test_filters_offer_what_occurs(self, registry: Registry) -> None:
        builders.add_people(registry)
        builders.add_models(
            registry,
            Built("a", team="Cards", tier=None, use_case=None),
            Built("b", team=None, owner="who@example.org", tier=3),
        )
        found = filter_options(registry.engine)
        assert (found.tiers, found.teams, found.use_cases) == ((3, 0), ("Cards",), ("credit",))
        assert found.owners == {"ada@example.org": "Ada Berg", "who@example.org": "who@example.org"}

    def test_a_shift_that_is_over_is_known_as_it_last_stood(self, registry: Registry) -> None:
        old, new = TODAY - 9 * DAY, TODAY - 2 * DAY
        add_shift_days(
            registry, (old, old, ["a"]), (old + DAY, old + DAY, ["a", "b"]), (old + 2 * DAY, old + 2 * DAY, [])
        )
        add_shift_days(registry, *((new + n * DAY, new + n * DAY, ["c"]) for n in range(3)), source="sensors")

        found = known_shifts(registry, day=TODAY)
        assert [(each.shift.source, each.shift.models, each.last_day, each.is_open) for each in found] == [
            ("sensors", ("c",), TODAY, True),
            ("bureau", ("a", "b"), old + DAY, False),
        ]
        assert [each.shift for each in found if each.is_open] == list(open_shifts(registry, day=TODAY))

    def test_a_shift_that_a_late_label_took_back_is_known_only_before(self, registry: Registry) -> None:
        began = TODAY - 4 * DAY
        add_shift_days(registry, (began, began, ["a"]), (began, began + 2 * DAY, []))
        assert [each.shift.day for each in known_shifts(registry, day=began + DAY)] == [began]
        assert known_shifts(registry, day=began + 2 * DAY) == ()

    def test_signs_are_those_last_known_of_each_model_source_and_day(self, registry: Registry) -> None:
        builders.add_models(registry, Built("a", None), Built("b", None))
        before = TODAY - DAY
        add_signs(
            registry,
            "a",
            '["bureau", "sensors"]',
            (before, before, ".m."),
            (before, TODAY, "b.m"),
            (TODAY, TODAY, "..."),
        )
        add_signs(registry, "b", '["sensors"]', (TODAY, TODAY, "f-"))

        found = sign_days(registry, first=before, last=TODAY)
        named = {
            (found.models[model], found.sources[source]): signs.tolist()
            for model, source, signs in zip(found.model, found.source, found.signs, strict=True)
        }
        assert named == {
            ("a", "bureau"): [2, 0],
            ("a", "sensors"): [0, 0],
            ("a", TOGETHER): [1, 0],
            ("b", "sensors"): [-1, 3],
            ("b", TOGETHER): [-1, -1],
        }
        assert found.per_model(found.signs == 3).tolist() == [[False, False], [False, True]]
        assert np.array_equal(found.of_source("nobody reads it"), [])
        assert sign_days(registry, first=before, last=before).signs.max() == 1
