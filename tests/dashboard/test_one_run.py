"""Questions of one run are asked once, and again as soon as their answer may be another."""

from collections.abc import Iterator

import pytest

from dashboard.one_run import asked_once, one_run
from data_access.registry import Registry
from tests.dashboard.conftest import Open, page_statements


@pytest.fixture
def numbers() -> Iterator[int]:
    return iter(range(9))


def test_a_question_is_asked_once_in_a_run_and_every_time_outside(numbers: Iterator[int]) -> None:
    with one_run():
        assert [asked_once("a", lambda: next(numbers)) for _ in range(3)] == [0, 0, 0]
        assert asked_once("b", lambda: next(numbers)) == 1
    assert [asked_once("a", lambda: next(numbers)) for _ in range(2)] == [2, 3]
    with one_run():
        assert asked_once("a", lambda: next(numbers)) == 4


def test_a_write_of_this_process_changes_what_the_revision_is_remembered_by(registry: Registry) -> None:
    before = registry.written
    with registry.write():
        pass
    with pytest.raises(ZeroDivisionError), registry.write():
        raise ZeroDivisionError
    assert registry.written == before + 1


def test_a_run_of_a_page_reads_the_revision_once(registry: Registry, open_page: Open) -> None:
    page = open_page()
    with page_statements() as asked:
        page.run()
    assert len([statement for statement in asked if "FROM revision" in statement]) == 1
