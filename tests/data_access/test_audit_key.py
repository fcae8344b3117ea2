from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_access.audit_key import key_from_file
from monitoring.errors import SettingsError


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "audit.key"
    key = key_from_file(path)
    assert key_from_file(path) == key
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_whoever_asks_at_the_same_time_gets_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: key_from_file(tmp_path / "audit.key"), range(32)))
    assert len(keys) == 1


def test_two_homes_have_different_keys(tmp_path: Path) -> None:
    assert key_from_file(tmp_path / "a" / "audit.key") != key_from_file(tmp_path / "b" / "audit.key")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    key_from_file(path)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="run `chmod 600"):
        key_from_file(path)


@pytest.mark.parametrize("text", ["", "no key", "00"])
def test_a_damaged_key_is_refused_and_never_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="is damaged: put the right one back"):
        key_from_file(path)
