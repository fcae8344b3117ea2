"""What is stored of a model's log, as it was known on a day, put together into judged segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from monitoring.packing import unpack_days, unpack_labels
from monitoring.performance import world_labels
from monitoring.ports import ReferenceOrigin
from monitoring.quiet_days import QuietDays, quiet_key
from monitoring.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitoring.policy import Policy
    from monitoring.portfolio import Model, ModelVersion
    from monitoring.portfolio_shift import Shift
    from monitoring.ports import Floats
    from monitoring.reference import Reference


STORED_PROFILE_BYTES, CHECKED_BYTES = 300, 150


class ProfileKind(StrEnum):
    """What a stored profile counts: predictions by their day, or labels by the day they arrived."""

    ROWS = "rows"
    LABELS = "labels"


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """One packed day of one version, as known from ``known_on`` on."""

    kind: ProfileKind
    day: date
    known_on: date
    rows: int
    payload: bytes


@dataclass(frozen=True)
class VersionHistory:
    """A version with its reference and every profile ever stored for it, in the order they were recorded; perhaps its quiet days."""

    version: ModelVersion
    reference: Reference
    profiles: Sequence[StoredProfile]
    quiet: QuietDays | None = None

    def known_on(self, day: date, kind: ProfileKind) -> list[StoredProfile]:
        """Return the profiles as known on ``day``, one per day, ascending."""
        newest: dict[date, StoredProfile] = {}
        for profile in self.profiles:
            if profile.kind is kind and profile.day <= day and profile.known_on <= day:
                before = newest.get(profile.day)
                if before is None or profile.known_on >= before.known_on:
                    newest[profile.day] = profile
        return [newest[at] for at in sorted(newest) if newest[at].payload]

    def first_day(self) -> date | None:
        """Return the first day the version can be judged: it is in service, and its reference is over."""
        start = self.version.active_from or min(
            (profile.day for profile in self.profiles if profile.kind is ProfileKind.ROWS), default=None
        )
        if start is not None and self.reference.origin is not ReferenceOrigin.OWN:
            return max(start, self.reference.last_day + timedelta(days=1))
        return start

    def quiet_to(self, rows: Sequence[StoredProfile], *, first: date, last: date, policy: Policy) -> date | None:
        """Return the day up to which no change of unit began, if that was found from the same days by the same rules."""
        if self.quiet is None or self.quiet.last > last:
            return None
        searched = [(profile.day, profile.payload) for profile in rows if profile.day <= self.quiet.last]
        return self.quiet.last if quiet_key(first, policy, searched) == self.quiet.key else None


@dataclass(frozen=True, slots=True)
class KnownInputs:
    """A segment with the stored rows it was made from, so that whoever needs the same again does not work it out again."""

    rows: Sequence[StoredProfile]
    segment: Segment

    def quiet_days(self, reference_id: int) -> QuietDays | None:
        """Return the days of the segment as quiet ones, if it was searched for changes of unit and none was found."""
        segment = self.segment
        if segment.may_have_changed_units:
            return None
        searched = [(profile.day, profile.payload) for profile in self.rows if profile.day <= segment.last]
        return QuietDays(reference_id, segment.last, quiet_key(segment.first, segment.policy, searched))

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes: the counts, and what the checks of every feature give per day."""
        profiles, reference = self.segment.profiles, self.segment.reference
        stored = sum(len(profile.payload) + STORED_PROFILE_BYTES for profile in self.rows)
        counted = sum(each.counts.nbytes + each.sums.nbytes for each in (profiles, reference.profiles))
        checked = len(reference.layout.features) * len(self.segment.days) * CHECKED_BYTES
        return stored + counted + reference.labels.vectors.nbytes + checked


def changes_known_later(histories: Iterable[VersionHistory]) -> dict[date, date]:
    """Return per day on which something late became known the earliest day it changed."""
    changes: dict[date, date] = {}
    for history in histories:
        for profile in history.profiles:
            if profile.known_on > profile.day:
                earliest = changes.get(profile.known_on, profile.day)
                changes[profile.known_on] = min(earliest, profile.day)
    return changes


def segments_known_on(
    model: Model,
    histories: Sequence[VersionHistory],
    day: date,
    policy: Policy,
    shifts: Mapping[date, tuple[Shift, ...]] | None = None,
    *,
    inputs: dict[str, KnownInputs] | None = None,
) -> list[Segment]:
    """Return the model's versions in service up to ``day``, one after the other, from what was known on ``day``.

    ``shifts`` are the portfolio shifts open per day, as known on ``day``; without them no shift has an effect. ``inputs`` by
    version are of segments made before: what follows from equal rows is taken over, and they are replaced by those made now.
    """
    started = [(first, history) for history in histories if (first := history.first_day()) is not None and first <= day]
    started.sort(key=lambda pair: pair[0])
    segments: list[Segment] = []
    earlier: Floats | None = None
    for i, (first, history) in enumerate(started):
        last = started[i + 1][0] - timedelta(days=1) if i + 1 < len(started) else day
        if last < first:
            continue
        reference = history.reference
        rows = history.known_on(day, ProfileKind.ROWS)
        labels = history.known_on(day, ProfileKind.LABELS)
        before = inputs.get(history.version.version) if inputs else None
        if before and (before.segment.reference is not reference or before.rows != rows):
            before = None
        segment = Segment(
            model=model,
            version=history.version,
            reference=reference,
            profiles=before.segment.profiles
            if before
            else unpack_days(reference.layout, [(profile.day, profile.rows, profile.payload) for profile in rows]),
            labels=unpack_labels(reference.label_layout, [(profile.day, profile.payload) for profile in labels]),
            first=first,
            last=last,
            policy=policy,
            previous=segments[-1].reference if segments else None,
            earlier=earlier,
            skill_before=segments[-1].last_skill if segments else None,
            shifts=shifts or {},
            quiet_to=history.quiet_to(rows, first=first, last=last, policy=policy),
        )
        if before:
            segment.take_over(before.segment)
        if inputs is not None:
            inputs[history.version.version] = KnownInputs(rows, segment)
        segments.append(segment)
        if i + 1 < len(started):
            own = world_labels(reference.label_layout, segment.sums)
            earlier = own if earlier is None or earlier.shape[1] != own.shape[1] else np.concatenate((earlier, own))
    return segments
