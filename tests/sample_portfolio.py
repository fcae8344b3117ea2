"""The sample portfolio as the demo builds it, once for all tests that look at it, in whichever of pytest's processes they run."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboard.commands.demo import build
from dashboard.opening import open_registry
from dashboard.settings import Settings
from data_access.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data_access.registry import Registry


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A home folder in which the demo has been built; tests that write copy it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if hasattr(pytestconfig, "workerinput") else own
    with (shared / "sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "sample").exists():
            _build(shared / "sample_unfinished")
            (shared / "sample_unfinished").rename(shared / "sample")
    return Path(shutil.copytree(shared / "sample", own / "sample_home"))


def _build(home: Path) -> None:
    settings = Settings(home=home)
    upgrade(settings.registry_address())
    registry = open_registry(settings)
    build(registry, settings)
    registry.close()


@pytest.fixture(scope="session")
def sample_registry(sample_home: Path) -> Iterator[Registry]:
    """The registry of the sample portfolio, for reading."""
    registry = open_registry(Settings(home=sample_home))
    yield registry
    registry.close()
