"""Judge an invented model day by day as production does, and say what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.validate_rows import make_rows, reference_rows, second_reference_rows
from benchmarks.validate_world import START, World, days_of
from monitoring.assessment import Verdict
from monitoring.findings import findings_on
from monitoring.history import ProfileKind, StoredProfile, VersionHistory, segments_known_on
from monitoring.label_profile import count_labels, losses, naive_losses
from monitoring.packing import pack_day, pack_labels
from monitoring.performance import ReferenceYardstick
from monitoring.policy import DEFAULT_POLICY
from monitoring.profile import count_rows
from monitoring.reference import Reference, reference_of
from monitoring.verdict import concluded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.validate_world import Rows
    from monitoring.portfolio import Model
    from monitoring.ports import Flags, LabelledRows, LogRows, ReferenceRows

ALARMS = ("retrain", "retire", "fix_data")
HARMLESS = {"inputs move", "strongest moves", "harder population", "fewer labels"}
WATCHED_LOSS = {"performance", "no_better_than_naive", "retraining_did_not_help"}


@dataclass(frozen=True)
class Outcome:
    """What was said of one model, day by day, and what could have been known.

    ``said`` is the verdict of each day of service, ``kinds`` the findings that ask for something. ``label_days`` are the days on
    which labels of rows after the change arrived. ``effect`` is the true share of the advantage lost, ``provable`` how many
    standard errors it stands above zero after 4 and after 28 days of labels.
    """

    scenario: str
    seed: int
    first: int
    said: tuple[str, ...]
    kinds: tuple[frozenset[str], ...]
    start: int | None = None
    label_days: tuple[int, ...] = ()
    effect: float = float("nan")
    provable_4: float = float("nan")
    provable_28: float = float("nan")
    note: str = ""


def stored_profiles(reference: Reference, log: LogRows, labelled: LabelledRows) -> Iterator[StoredProfile]:
    """Yield the packed profiles of a version, each known at the end of its own day."""
    counted = count_rows(reference.layout, log)
    for i, day in enumerate(counted.day):
        at = day.astype(object)
        yield StoredProfile(ProfileKind.ROWS, at, at, int(counted.rows[i]), pack_day(counted, i))
    labels = count_labels(reference.label_layout, labelled)
    n = reference.label_layout.field(labels.vectors, "n")
    for day in np.unique(labels.arrival):
        here = np.flatnonzero(labels.arrival == day)
        at = day.astype(object)
        yield StoredProfile(
            ProfileKind.LABELS, at, at, int(n[here].sum()), pack_labels(reference.label_layout, labels, here)
        )


def history_of(
    model: Model, given: ReferenceRows, log: LogRows, labelled: LabelledRows, *, at: int = 0
) -> VersionHistory:
    """Return one version's history with its reference counted from ``given``."""
    reference = reference_of(model, given)
    return VersionHistory(model.versions[at], reference, list(stored_profiles(reference, log, labelled)))


@dataclass(frozen=True)
class Said:
    """What was said of one day of service: the verdict and the findings that ask for something."""

    t: int
    verdict: str
    kinds: frozenset[str]


def judge(model: Model, histories: list[VersionHistory], *, days: int) -> list[Said]:
    """Return what is said of every day of service."""
    last, said = START + timedelta(days=days - 1), []
    for segment in segments_known_on(model, histories, last, DEFAULT_POLICY):
        for i in range(len(segment.days)):
            found = findings_on(segment, i)
            verdict = concluded(segment, i, found).verdict
            kinds = frozenset(str(finding.kind) for finding, _ in found if finding.argues_for is not Verdict.KEEP)
            said.append(Said((segment.day_at(i) - START).days, str(verdict), kinds))
    return said


def known_by(history: VersionHistory, t: int) -> VersionHistory:
    """Return the history without anything that became known after day ``t`` of service."""
    until = START + timedelta(days=t)
    return replace(history, profiles=[profile for profile in history.profiles if profile.known_on <= until])


def true_effect(reference: Reference, labelled: LabelledRows, after: Flags) -> tuple[float, float, float, float]:
    """Return the true relative loss of skill after the change, and G, variance per row and between days to prove it with."""
    layout, yard = reference.label_layout, ReferenceYardstick.of(reference)
    loss, naive = losses(layout, labelled), naive_losses(layout, labelled)
    c = layout.loss_ratio
    label = labelled.label[after]
    if layout.task == "multiclass":
        shares = np.bincount(label.astype(int), minlength=layout.classes) / max(len(label), 1)
        moved = float(((shares - np.array(layout.label_means)) ** 2).sum())
    else:
        moved = float((label.mean() - layout.label_means[0]) ** 2)
    own = naive[after].mean() - moved
    excess = loss[after].mean() - c * own
    ratio = max(c, 1e-4)
    scale = min(max(1 - c, 0.1) * own, ratio * own / 0.15)
    u = loss[after] - c * naive[after]
    return float(excess / scale), float(scale), float(u.var()), yard.tau2


def outcome(scenario: str, seed: int, world: World, *, note: str = "") -> Outcome:
    """Make one model, judge it and return what was said."""
    rng = np.random.default_rng(seed)
    model, rows = make_rows(world, rng)
    return outcome_of(scenario, seed, model, rows, world, given=reference_rows(world, rows), note=note)


def outcome_of(
    scenario: str, seed: int, model: Model, rows: Rows, world: World, *, given: ReferenceRows, note: str = ""
) -> Outcome:
    """Judge one model on its rows and return what was said."""
    live = rows.t >= 0
    histories = (
        _two_versions(model, rows, world, given)
        if world.second_version
        else [history_of(model, given, rows.as_log(live), rows.as_labelled(live))]
    )
    labelled = rows.as_labelled(live & (rows.version == world.lost_by) if world.lost_by else live)
    said = judge(model, histories, days=world.live_days)
    verdicts, kinds = tuple(day.verdict for day in said), tuple(day.kinds for day in said)
    found = Outcome(scenario, seed, said[0].t if said else 0, verdicts, kinds, note=note)
    changes = [c for c in world.changes if c.kind not in HARMLESS]
    if not changes:
        return found
    start = min(c.start for c in changes)
    return replace(found, start=start, **_provable(histories[0].reference, labelled, start, world))


def _provable(reference: Reference, labelled: LabelledRows, start: int, world: World) -> dict[str, Any]:
    """Return when labels after the change arrived, and how clearly they show it."""
    ramp = max((c.days for c in world.changes), default=0)
    after = (labelled.day >= days_of(np.array([start + ramp]))[0]) & (
        labelled.arrival < days_of(np.array([world.live_days]))[0]
    )
    inside = (labelled.day >= days_of(np.array([start]))[0]) & (
        labelled.arrival < days_of(np.array([world.live_days]))[0]
    )
    arrival = np.unique((labelled.arrival[inside] - days_of(np.array([0]))[0]).astype(int))
    facts: dict[str, Any] = {"label_days": tuple(arrival.tolist())}
    if after.sum() < 20 or not reference.label_rows:
        return facts
    effect, scale, v, tau2 = true_effect(reference, labelled, after)
    per_day = after.sum() / max(len(arrival) - ramp, 1)
    base = ReferenceYardstick.of(reference)
    proof = {
        days: effect * scale / np.sqrt(v / (per_day * days) + tau2 / days + base.v / max(base.n, 1)) for days in (4, 28)
    }
    return facts | {"effect": effect, "provable_4": float(proof[4]), "provable_28": float(proof[28])}


def _two_versions(model: Model, rows: Rows, world: World, given: ReferenceRows) -> list[VersionHistory]:
    """Return the histories of two versions, each with the rows it scored; the second has its own reference or the first one's."""
    second = second_reference_rows(world, rows) if world.own_second_reference else given
    histories = []
    for at, (version, reference) in enumerate((("v1", given), ("v2", second))):
        here = (rows.version == version) & (rows.t >= 0)
        histories.append(history_of(model, reference, rows.as_log(here), rows.as_labelled(here), at=at))
    return histories
