"""The sample portfolio as the demo builds it, once for all tests that look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.commands.demo import build
from dashboard.opening import open_registry
from dashboard.settings import Settings
from data_access.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from data_access.registry import Registry


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder in which the demo has been built; tests that write copy it."""
    home = tmp_path_factory.mktemp("sample")
    settings = Settings(home=home)
    upgrade(settings.registry_address())
    registry = open_registry(settings)
    build(registry, settings)
    registry.close()
    return home


@pytest.fixture(scope="session")
def sample_registry(sample_home: Path) -> Iterator[Registry]:
    """The registry of the sample portfolio, for reading."""
    registry = open_registry(Settings(home=sample_home))
    yield registry
    registry.close()
