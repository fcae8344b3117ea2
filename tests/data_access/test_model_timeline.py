from datetime import timedelta
from pathlib import Path

import pytest

from data_access.model_timeline import decision_moves, is_open, shift_spells
from data_access.registry import Registry
from data_access.tables import ShiftDayRow, ShiftProgressRow, ShiftRow
from monitoring import decide
from monitoring.lifecycle import Action, Move, State
from tests import builders
from tests.builders import NOW, TODAY, Built

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = builders.new_registry(tmp_path)
    builders.add_people(registry)
    builders.add_models(registry, Built("m"), Built("other"))
    return registry


def test_every_move_of_a_decision_is_told_with_the_state_it_led_to(registry: Registry) -> None:
    proposed = decide.propose(
        registry,
        model_id="m",
        action=Action.RETRAIN,
        reason="It lost too much in April.",
        by="ada@example.org",
        on=YESTERDAY,
        now=NOW,
    )
    decide.withdraw(registry, proposed.id, by="ada@example.org", on=TODAY, now=NOW)

    moves = decision_moves(registry, "m", on=TODAY)

    assert [(move.day, move.move, move.state) for move in moves] == [
        (YESTERDAY, Move.PROPOSE, State.PROPOSED),
        (TODAY, Move.WITHDRAW, State.WITHDRAWN),
    ]
    assert {move.action for move in moves} == {Action.RETRAIN}
    assert len(decision_moves(registry, "m", on=YESTERDAY)) == 1
    assert decision_moves(registry, "other", on=TODAY) == ()


def add_shift(registry: Registry, *days_ago: int, models: list[str], cleared_after: int | None = None) -> None:
    """A shift that began ``days_ago[0]`` days ago and stood on each of these days."""
    began = TODAY - timedelta(days=days_ago[0])
    with registry.write() as session:
        for ago in days_ago:
            day = TODAY - timedelta(days=ago)
            cleared = models if cleared_after is not None and ago <= cleared_after else []
            session.add(
                ShiftDayRow(
                    day=day,
                    known_on=day,
                    recorded_at=NOW,
                    shifts=[
                        ShiftRow(
                            began=began,
                            kind="feed",
                            grouping="source",
                            source="bureau",
                            k=5,
                            n=6,
                            base=0.01,
                            log10_p=-8.0,
                            models=models,
                            cleared=cleared,
                        )
                    ],
                )
            )
        session.merge(ShiftProgressRow(id=1, searched_to=TODAY))


def test_a_shift_is_told_from_its_first_day_to_its_last(registry: Registry) -> None:
    add_shift(registry, 4, 3, 2, 1, 0, models=["m"])

    (spell,) = shift_spells(registry, "m", known_on=TODAY)

    assert (spell.first, spell.last, spell.shift.source) == (TODAY - timedelta(days=4), TODAY, "bureau")
    assert is_open(spell, on=TODAY)
    assert shift_spells(registry, "other", known_on=TODAY) == ()


def test_a_shift_that_is_over_for_a_model_is_not_open(registry: Registry) -> None:
    add_shift(registry, 5, 4, 3, 2, 1, 0, models=["m"], cleared_after=2)

    (spell,) = shift_spells(registry, "m", known_on=TODAY)

    assert spell.last == TODAY - timedelta(days=3)
    assert not is_open(spell, on=TODAY)


def test_a_shift_found_later_was_not_known_before(registry: Registry) -> None:
    add_shift(registry, 1, 0, models=["m"])

    assert shift_spells(registry, "m", known_on=TODAY - timedelta(days=2)) == ()
