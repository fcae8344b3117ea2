"""The trigger worker of the demo: a thread that hands approved retrainings to the example pipeline."""

from __future__ import annotations

import sys
from threading import Event, Thread
from typing import TYPE_CHECKING

from dashboard.opening import open_registry, product_day
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import work_once

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
    """Begin to hand over what is approved, to the configured targets or else the example pipeline; return what ends it."""
    targets = settings.trigger_targets or (example_pipeline(last_day),)
    over = Event()

    def work() -> None:
        registry = open_registry(settings)
        try:
            while not over.wait(PAUSE_SECONDS):
                work_once(registry, targets, day=lambda: product_day(registry, settings))
        finally:
            registry.close()

    thread = Thread(target=work, name="trigger worker", daemon=True)
    thread.start()
    return over.set
