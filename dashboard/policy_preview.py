"""The preview of a draft policy: begun in a process of its own, so that pages stay quick, and told about in the registry."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dashboard.settings import PREFIX
from data_access import policy_drafts
from data_access.policy_drafts import PREVIEWED_DAYS
from data_access.policy_replay import Replay, policy_preview
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.settings import Settings
    from data_access.policy_drafts import Draft
    from data_access.registry import Registry

LOG = "policy_preview.log"
SECONDS_BETWEEN_TOLD = 1.0
NICENESS = 5
"""Pages come first, and somebody waits for the preview."""
NOT_FINISHED = "It ended before it was done; its log is policy_preview.log in the home folder."

STOPPED = "It was stopped together with the server."


class CancelledError(Exception):
    """The preview is wanted no longer."""


def start(registry: Registry, settings: Settings, draft: Draft, *, by: str) -> threading.Thread:
    """Begin the preview of a draft in a process of its own; the thread ends with it.

    Raises:
        NotAuthorisedError: ``by`` may not draft a policy.
        PreviewRunningError: one is being worked out already.
    """
    policy_drafts.begin_preview(registry, draft.id, by=by, now=datetime.now(UTC))
    program = "from dashboard.cli import main; main()"
    environment = os.environ | {
        f"{PREFIX}HOME": str(settings.home.resolve()),
        f"{PREFIX}REGISTRY_URL": settings.registry_address(),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with (settings.home / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "policies", "preview", str(draft.id), "--background"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def wait() -> None:
        process.wait()
        # A finished, failed or cancelled preview has said so, and this changes nothing.
        policy_drafts.fail_preview(registry, draft.id, NOT_FINISHED, now=datetime.now(UTC))

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    return waiting


def work_out(registry: Registry, draft: Draft, *, report: Callable[[int, int], None] | None = None) -> bool:
    """Replay the last 90 days under a draft whose preview was begun, and keep what comes out; false when it was cancelled.

    A failure is kept as a sentence, so that the page can say it.
    """
    told_at = float("-inf")

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        if report:
            report(done, total)
        if time.monotonic() - told_at < SECONDS_BETWEEN_TOLD and done < total:
            return
        told_at = time.monotonic()
        if not policy_drafts.tell_progress(registry, draft.id, done=done, total=total, now=datetime.now(UTC)):
            raise CancelledError

    with registry.looking_at_policies() as records:
        base = records.version(draft.based_on)
    first = draft.day - timedelta(days=PREVIEWED_DAYS - 1)
    try:
        found = policy_preview(registry, Replay(base.policies, draft.policies, first, draft.day), report=tell)
    except CancelledError:
        return False
    except KeyboardInterrupt:
        policy_drafts.fail_preview(registry, draft.id, STOPPED, now=datetime.now(UTC))
        raise
    except Exception as error:
        sentence = str(error) if isinstance(error, ModelfolioError) else f"{type(error).__name__}: {error}"
        policy_drafts.fail_preview(registry, draft.id, sentence.splitlines()[0], now=datetime.now(UTC))
        raise
    return policy_drafts.finish_preview(registry, draft.id, found, now=datetime.now(UTC))
