"""What a portfolio shift does to the judgement of a feature's data quality (METHODS section 9)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import FindingKind
from monitoring.profile import CategoryBins
from monitoring.scale_change import MINIMUM_ROWS

if TYPE_CHECKING:
    from monitoring.data_quality import FeatureQuality
    from monitoring.ports import Flags
    from monitoring.profile import Bins, DayProfiles


def quality_in_world_shift(quality: FeatureQuality, bins: Bins, is_world: Flags, daily: DayProfiles) -> FeatureQuality:
    """Return the checks of a feature when a real change of the world may explain them.

    On days of a world shift a change of unit or scale, a rescaling and a categorical feature stuck at one level count as
    drift: a real shift can leave the old range. Such a change stays drift for as long as it lasts: the level is the
    world's new one. Empty values and a stuck numeric feature stay broken data.

    Args:
        quality: the checks as they are without any shift.
        bins: of the feature.
        is_world: days on which the feature's source is in a world shift, shape ``(days,)``.
        daily: profiles on the same days.
    """
    if not is_world.any():
        return quality
    explained = {FindingKind.UNIT, FindingKind.RESCALED, FindingKind.UNIT_IN_RANGE}
    if isinstance(bins, CategoryBins):
        explained.add(FindingKind.STUCK)
    checks = []
    for check in quality.checks:
        if check.kind not in explained or not (check.bad & is_world).any():
            checks.append(check)
            continue
        checks.append(replace(check, bad=check.bad & ~_drift_days(check.bad, is_world, daily)))
    return replace(quality, checks=tuple(checks))


def _drift_days(bad: Flags, is_world: Flags, daily: DayProfiles) -> Flags:
    """Return the days that count as drift: those of the shift, and the rest of a run of bad days that reaches into it."""
    days, goes_on = is_world.copy(), False
    for i in np.flatnonzero(daily.rows >= MINIMUM_ROWS):
        goes_on = bool(bad[i] and (goes_on or is_world[i]))
        days[i] |= goes_on
    return days
