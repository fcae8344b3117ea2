from datetime import date, timedelta

import numpy as np
import pytest

from dashboard.palette import DARK, LIGHT, Palette
from dashboard.shift_charts import moving_share
from monitoring.shift_rates import ShiftRates

FIRST = date(2026, 6, 1)


def rates(*moving: int, exposed: int = 100, by_chance: int = 5) -> ShiftRates:
    return ShiftRates(np.full(len(moving), exposed), np.array(moving), np.full(len(moving), by_chance))


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_only_days_beyond_chance_are_coloured(colours: Palette) -> None:
    chart = moving_share(rates(1, 5, 6, 40), first=FIRST, begun=[], colours=colours)
    bars = chart.figure["data"][1]
    assert bars["marker"]["color"] == [colours.quiet, colours.quiet, colours.watch_fill, colours.watch_fill]
    assert bars["y"] == [1.0, 5.0, 6.0, 40.0]
    assert "more than chance explains on 2 days, on the last day 40.0 %" in chart.alt


def test_a_shift_is_named_at_the_day_of_its_first_three_on_which_most_models_began_to_move() -> None:
    chart = moving_share(rates(0, 8, 2, 79, 0, 0), first=FIRST, begun=[FIRST + timedelta(days=1)], colours=LIGHT)
    assert [note["text"] for note in chart.figure["layout"]["annotations"]][1:] == ["4 Jun: 79 models, 79.0 %"]


def test_a_shift_before_the_days_shown_is_not_named() -> None:
    chart = moving_share(rates(0, 0), first=FIRST, begun=[FIRST - timedelta(days=9)], colours=LIGHT)
    assert len(chart.figure["layout"]["annotations"]) == 1


def test_a_quiet_portfolio_does_not_look_like_a_storm_and_a_day_without_models_is_empty() -> None:
    chart = moving_share(rates(0, 0, exposed=0, by_chance=0), first=FIRST, begun=[], colours=LIGHT)
    assert chart.figure["data"][1]["y"] == [0.0, 0.0]
    chart = moving_share(rates(0, 0, by_chance=1), first=FIRST, begun=[], colours=LIGHT)
    assert chart.figure["layout"]["yaxis"]["range"] == [0, 4.0]
