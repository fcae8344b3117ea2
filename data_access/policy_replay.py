"""A draft of the policy over the whole portfolio: every model's last days judged again, in memory, from stored profiles."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.read_ahead import ReadAhead
from data_access.registry import Registry
from data_access.shift_store import RegistryShifts
from data_access.tables import AssessProgressRow, ModelRow
from monitoring.history import VersionHistory
from monitoring.policy_preview import PolicyPreview
from monitoring.portfolio import ServiceState
from monitoring.replay import replayed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from monitoring.policy import Policy
    from monitoring.portfolio_shift import Shift

MODELS_AT_ONCE = 16
MODELS_FOR_A_POOL = 100
"""With fewer models the seconds that a process takes to start cost more than it saves."""
Policies = tuple["Policy", "Policy", "Policy"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What is compared: the thresholds of the three tiers in force and in the draft, over the days ``first`` to ``last``."""

    before: Policies
    after: Policies
    first: date
    last: date


@dataclass
class Replayer:
    """What a process needs to replay models; shifts are read once."""

    registry: Registry
    asked: Replay
    shifts: RegistryShifts
    known_shifts: Mapping[date, tuple[Shift, ...]]

    @classmethod
    def of(cls, registry: Registry, asked: Replay) -> Replayer:
        """Read the shifts as known on the last day."""
        shifts = RegistryShifts(registry)
        return cls(registry, asked, shifts, shifts.records().known_on(asked.last))

    def preview(self, model_ids: Sequence[str]) -> PolicyPreview:
        """Replay some models; one that cannot be is named with its reason."""
        ahead = ReadAhead.for_verdicts(self.registry, model_ids)
        total = PolicyPreview.empty(first=self.asked.first, last=self.asked.last)
        for model_id in model_ids:
            try:
                total += self._model(model_id, ahead)
            except Exception as error:  # noqa: BLE001 - one model's failure must not stop the others; it is named
                total = replace(total, failures=total.failures | {model_id: f"{type(error).__name__}: {error}"})
        return total

    def _model(self, model_id: str, ahead: ReadAhead) -> PolicyPreview:
        asked, (model, _) = self.asked, ahead.models[model_id]
        found = replace(self.shifts, ahead=ahead).findings(model)
        histories = [
            VersionHistory(
                version,
                kept.reference,
                ahead.profiles(kept.id, version.version) or [],
                found.quiet_days(version.version, kept.id) if found else None,
            )
            for version, kept in (found.references if found else ())
        ]
        tier = model.effective_tier - 1
        judged = replayed(
            model,
            histories,
            self.known_shifts,
            before=asked.before[tier],
            after=asked.after[tier],
            first=asked.first,
            last=asked.last,
        )
        return PolicyPreview.of(judged, first=asked.first, last=asked.last)


def replayable_models(registry: Registry) -> list[str]:
    """Return the models with stored profiles that are not retired."""
    query = (
        sa.select(ModelRow.id)
        .join(AssessProgressRow, AssessProgressRow.model_id == ModelRow.id)
        .where(ModelRow.service_state != ServiceState.RETIRED.value)
        .order_by(ModelRow.id)
    )
    with registry.read() as session:
        return list(session.scalars(query))


def policy_preview(
    registry: Registry, asked: Replay, *, processes: int | None = None, report: Callable[[int, int], None] | None = None
) -> PolicyPreview:
    """Replay every model and return what the draft would have changed; nothing is stored.

    Args:
        registry: where profiles are kept.
        asked: what is compared.
        processes: how many share the models; missing: one per core, and none of its own for few models.
        report: called with models done and models in all; what it raises ends the work.
    """
    model_ids, done = replayable_models(registry), 0
    report = report or _silent
    report(0, len(model_ids))
    parts = [model_ids[at : at + MODELS_AT_ONCE] for at in range(0, len(model_ids), MODELS_AT_ONCE)]
    total = PolicyPreview.empty(first=asked.first, last=asked.last)
    if processes is None:
        processes = len(os.sched_getaffinity(0)) if len(model_ids) >= MODELS_FOR_A_POOL else 1
    if processes == 1:
        replayer = Replayer.of(registry, asked)
        for part in parts:
            total, done = total + replayer.preview(part), done + len(part)
            report(done, len(model_ids))
        return total
    url = registry.writer.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin, (url, registry.audit_key, asked)) as pool:
        try:
            sizes = {pool.submit(_preview, part): len(part) for part in parts}
            for future in as_completed(sizes):
                total, done = total + future.result(), done + sizes[future]
                report(done, len(model_ids))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return total


def _silent(done: int, total: int) -> None:
    del done, total


_replayer: Replayer | None = None
"""The one of this process of a pool."""


def _begin(address: str, audit_key: bytes, asked: Replay) -> None:
    global _replayer  # noqa: PLW0603 - a process of a pool has no other place to keep what its tasks share
    _replayer = Replayer.of(Registry.open(address, audit_key=audit_key), asked)


def _preview(model_ids: Sequence[str]) -> PolicyPreview:
    assert _replayer is not None  # noqa: S101 - the pool begins each process with it
    return _replayer.preview(model_ids)
