"""What the rows themselves say is wrong: columns that are gone, timestamps in the future, ids said twice (METHODS section 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import FindingKind
from monitoring.data_quality import FeatureQuality, QualitySeries

if TYPE_CHECKING:
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference


def with_missing_columns(
    quality: dict[str, FeatureQuality], reference: Reference, daily: DayProfiles
) -> dict[str, FeatureQuality]:
    """Return the checks of every feature with the one that its column is there, where it ever was not.

    A column that the reference does not have either is no finding.
    """
    if daily.remarks is None:
        return quality
    found = {}
    for at, (name, checks) in enumerate(quality.items()):
        missing = daily.rows_without_column(at)
        if reference.profiles.rows_without_column(at).any() or not missing.any():
            found[name] = checks
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            share = missing / daily.rows
        check = QualitySeries(FindingKind.MISSING_COLUMN, share, 0.0, missing > 0, daily.day, daily.rows)
        found[name] = replace(checks, checks=(*checks.checks, check))
    return found


def future_rows(reference: Reference, daily: DayProfiles) -> QualitySeries:
    """Return the days with rows stamped in the future; what the reference itself does is no finding."""
    normal = float(reference.profiles.future.sum()) / max(reference.rows, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = daily.future / daily.rows
    bad = (daily.future > 0) & (normal == 0.0)
    return QualitySeries(FindingKind.FUTURE_ROWS, share, normal, bad, daily.day, daily.rows)
