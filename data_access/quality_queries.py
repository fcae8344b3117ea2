"""How sound the data of a model's features are, day by day, with the thresholds of the checks (METHODS section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from monitoring.data_quality import NEW_LEVEL_SHARE
from monitoring.profile import NumericBins

if TYPE_CHECKING:
    from datetime import date

    from data_access.judged_versions import JudgedVersions
    from monitoring.ports import Floats
    from monitoring.segment import Segment

QUALITY_COLUMNS = (
    "feature",
    "findings",
    "open_days_28",
    "nulls",
    "nulls_reference",
    "nulls_threshold",
    "unseen",
    "unseen_reference",
    "unseen_threshold",
    "out_of_range",
    "lowest",
    "highest",
    "mistyped",
    "is_single",
    "rows",
    "importance",
    "source",
)
DAY_COLUMNS = ("day", "rows", "nulls", "unseen", "out_of_range", "is_single", "is_open")
MONTH = 28


def quality_facts(judged: JudgedVersions, day: date) -> pd.DataFrame:
    """One row per feature on a day, in the order of the card; shares are of the day's rows, missing without rows.

    ``feature``, ``findings`` (tuple of kinds open on the day), ``open_days_28`` (days of the last 28 with an open one), ``nulls`` with
    ``nulls_reference`` and ``nulls_threshold``; for a category ``unseen`` (levels that the reference never had) with
    ``unseen_reference`` and ``unseen_threshold``; for a number ``out_of_range`` (outside the reference's ``lowest`` to ``highest``)
    and ``mistyped`` (text where numbers are expected); ``is_single`` (one value all day), ``rows``, ``importance``, ``source``.
    """
    found = judged.on(day)
    if found is None:
        return pd.DataFrame(columns=list(QUALITY_COLUMNS))
    segment, i = found
    rows = [_facts_of(segment, name, i) for name in segment.reference.layout.features]
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))


def quality_days(judged: JudgedVersions, feature: str) -> pd.DataFrame:
    """One row per day in service, oldest first, of one feature.

    ``day`` (date), ``rows``, ``nulls``, ``unseen``, ``out_of_range`` (shares, missing where they do not apply or without rows),
    ``is_single`` (one value all day), ``is_open`` (a finding is open).
    """
    parts = [_days_of(segment, feature) for segment in judged.segments if feature in segment.quality]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(DAY_COLUMNS))


def nulls_threshold(segment: Segment, normal: float) -> float:
    """Return the share of missing values from which they are a finding, if they also stand clear of chance."""
    return normal + max(segment.policy.null_rise, 2 * normal)


def _days_of(segment: Segment, feature: str) -> pd.DataFrame:
    unseen, outside = _unseen(segment, feature), _out_of_range(segment, feature)
    return pd.DataFrame(
        {
            "day": [segment.day_at(i) for i in range(len(segment.days))],
            "rows": segment.daily.rows,
            "nulls": segment.quality[feature].null_share,
            "unseen": unseen,
            "out_of_range": outside,
            "is_single": _is_single(segment, feature),
            "is_open": np.any([check.open for check in segment.quality[feature].checks], axis=0),
        },
        columns=list(DAY_COLUMNS),
    )


def _facts_of(segment: Segment, name: str, i: int) -> dict[str, object]:
    reference, quality = segment.reference, segment.quality[name]
    bins, nulls = reference.layout.features[name], quality.checks[0]
    is_number = isinstance(bins, NumericBins)
    opened = np.any([check.open for check in quality.checks], axis=0)
    return {
        "feature": name,
        "findings": tuple(str(check.kind) for check in quality.seen if check.open[i]),
        "open_days_28": int(opened[max(0, i - MONTH + 1) : i + 1].sum()),
        "nulls": float(quality.null_share[i]),
        "nulls_reference": nulls.normal,
        "nulls_threshold": nulls_threshold(segment, nulls.normal),
        "unseen": float(_unseen(segment, name)[i]),
        "unseen_reference": np.nan if isinstance(bins, NumericBins) else bins.expected_unseen,
        "unseen_threshold": np.nan if isinstance(bins, NumericBins) else bins.expected_unseen + NEW_LEVEL_SHARE,
        "out_of_range": float(_out_of_range(segment, name)[i]),
        "lowest": bins.lowest if isinstance(bins, NumericBins) else np.nan,
        "highest": bins.highest if isinstance(bins, NumericBins) else np.nan,
        "mistyped": float(_extra(segment, name, 3)[i]) if is_number else np.nan,
        "is_single": bool(_is_single(segment, name)[i]),
        "rows": int(segment.daily.rows[i]),
        "importance": reference.importance[name],
        "source": reference.sources.get(name),
    }


def _extra(segment: Segment, name: str, place: int) -> Floats:
    """Return the share of rows in one of the counts behind the bins of a number: missing, below, above, mistyped."""
    at = segment.reference.layout.counts_at[name].stop - 4 + place
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = segment.daily.counts[:, at] / segment.daily.rows
    return shares


def _out_of_range(segment: Segment, name: str) -> Floats:
    """Return the share of rows outside the reference's range; NaN for a category."""
    if not isinstance(segment.reference.layout.features[name], NumericBins):
        return np.full(len(segment.days), np.nan)
    return _extra(segment, name, 1) + _extra(segment, name, 2)


def _unseen(segment: Segment, name: str) -> Floats:
    """Return the share of rows with a level that the reference never had; NaN for a number."""
    bins = segment.reference.layout.features[name]
    if isinstance(bins, NumericBins):
        return np.full(len(segment.days), np.nan)
    at = segment.reference.layout.counts_at[name].start + len(bins.levels) + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = segment.daily.counts[:, at] / segment.daily.rows
    return shares


def _is_single(segment: Segment, name: str) -> np.ndarray:
    """Return the days, of at least two rows, on which the feature had one value."""
    layout = segment.reference.layout
    bins = layout.features[name]
    if isinstance(bins, NumericBins):
        at = layout.numeric.index(name)
        single: np.ndarray = segment.daily.lows[:, at] == segment.daily.highs[:, at]
    else:
        part = layout.counts_at[name]
        counts = segment.daily.counts[:, part.start : part.start + len(bins.levels) + 2]
        single = (counts > 0).sum(axis=1) == 1
    flags: np.ndarray = single & (segment.daily.rows > 1)
    return flags
