"""The workers of the demo, in a thread: standing approvals act on the clock's day, and what is approved goes to the example pipeline."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING

from dashboard.opening import open_registry, product_day
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import work_once
from monitoring.act_on_standing import act_on_standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from dashboard.settings import Settings

PAUSE_SECONDS = 1.0


def example_pipeline(last_day: date) -> TriggerTarget:
    """Return the example pipeline as a target: it trains the sample's models, and has its days judged up to ``last_day``."""
    command = (sys.executable, "-m", "sample_data.retrain", "--assess-to", last_day.isoformat())
    return TriggerTarget(name="example pipeline", command=command, timeout_seconds=600)


def start_worker(settings: Settings, *, last_day: date) -> Callable[[], None]:
    """Begin to act on standing approvals and to hand over what is approved, to the configured targets or else the example pipeline.

    Returns:
        what ends it.
    """
    targets = settings.trigger_targets or (example_pipeline(last_day),)
    over = Event()

    def work() -> None:
        registry = open_registry(settings)
        seen: tuple[date, int] | None = None
        try:
            while not over.wait(PAUSE_SECONDS):
                # The demo's days are assessed beforehand: the day that begins, or a decision, is what something may follow from.
                standing = (product_day(registry, settings), registry.revision())
                if standing != seen:
                    act_on_standing(registry, on=standing[0], now=datetime.now(UTC))
                    seen = standing
                work_once(registry, targets, day=lambda: product_day(registry, settings))
        finally:
            registry.close()

    thread = Thread(target=work, name="trigger worker", daemon=True)
    thread.start()
    return over.set
