"""Packs that pages ask for, made beside them."""

import pytest

from dashboard.pack import making
from dashboard.pack.material import Wanted
from data_access.registry import Registry


def test_what_was_not_expected_is_told_in_the_log(
    registry: Registry, wanted: Wanted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(making, "gather", lambda *_, **__: 1 / 0)
    packs, key = making.Packs(), ("registry", 1, wanted)
    packs.start(registry, key)
    packs._worker.shutdown()
    found = packs.find(key)
    assert found is not None
    assert found.failure == making.UNEXPECTED
    assert "ZeroDivisionError" in capsys.readouterr().err
