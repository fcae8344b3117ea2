"""An inventory from a CSV file: models without logs, honest from the first day."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_access import model_registry
from data_access.inventory import read_inventory
from monitoring.errors import InvalidModelCardError
from tests.pipeline import FIRST, NOW, Home, model_folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.registry.close()


def inventory(tmp_path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    file = tmp_path / "models.csv"
    file.write_bytes(text.encode(encoding))
    return file


def registered(home: Home, file: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    done = model_registry.register(home.registry, read_inventory(file), now=NOW)
    return [(each.model_id, each.kind, each.differences) for each in done]


def test_models_are_listed_without_a_log(home: Home, tmp_path: Path) -> None:
    text = "id,name,owner,tier,team,Vendor\nm-1,Churn,Ada@Example.org,1,Retail,ACME\n,Kündigung für alle,,,,\n"
    assert registered(home, inventory(tmp_path, text)) == [("m-1", "new", ()), ("kundigung-fur-alle", "new", ())]
    row = home.model_row("m-1")
    assert (row.name, row.owner, row.tier, row.team, row.has_log) == ("Churn", "ada@example.org", 1, "Retail", False)
    assert row.card["facts"] == {"Vendor": "ACME"}
    assert home.model_row("kundigung-fur-alle").tier is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_a_spreadsheet_writes_is_read(tmp_path: Path, encoding: str) -> None:
    file = inventory(tmp_path, 'name,purpose\r\n"Churn, retail","Says ""who"" leaves"\r\n\r\n', encoding=encoding)
    (card,) = read_inventory(file)
    assert (card.id, card.name, card.purpose) == ("churn-retail", "Churn, retail", 'Says "who" leaves')


def test_the_same_inventory_twice_changes_nothing(home: Home, tmp_path: Path) -> None:
    file = inventory(tmp_path, "name,tier\nChurn,2\n")
    registered(home, file)
    before = home.stored()
    assert registered(home, file) == [("churn", "unchanged", ())]
    assert home.stored() == before


def test_a_changed_line_shows_its_difference(home: Home, tmp_path: Path) -> None:
    registered(home, inventory(tmp_path, "name,tier\nChurn,2\n"))
    changed = inventory(tmp_path, "name,tier,owner\nChurn,1,ada@example.org\n")
    assert registered(home, changed) == [("churn", "changed", ('owner: "ada@example.org" is new', "tier: 2 becomes 1"))]


def test_every_mistake_is_named_with_its_line_and_column(tmp_path: Path) -> None:
    text = (
        "id,name,tier,task\nok,Fine,1,binary\n,,2,\nbad id!,Churn,4,binary\nok,Again,1,ranking\nok,Again,1,\nx,Y,1,,7\n"
    )
    file = inventory(tmp_path, text)
    with pytest.raises(InvalidModelCardError) as error:
        read_inventory(file)
    assert [line.removeprefix(f"{file}, ") for line in str(error.value).splitlines()] == [
        "line 3, column 'name': it is empty",
        "line 4, column 'id': it should be letters, digits, '.', '_' and '-', at most 80 of them, not 'bad id!'",
        "line 4, column 'tier': it should be 1, 2 or 3, not '4'",
        "line 5, column 'task': it should be 'binary', 'multiclass' or 'regression', not 'ranking'",
        "line 6, column 'id': 'ok' is in line 2 already",
        "line 7, it has more values than the header has columns",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,owner\n1,ada\n", "line 1: a column 'name' is missing; the columns are id, owner"),
        ("name,tier,tier\nChurn,1,2\n", "line 1: column 'tier' is there twice"),
        ("", "line 1: a column 'name' is missing"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidModelCardError, match=said):
        read_inventory(inventory(tmp_path, text))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidModelCardError, match="it is not a CSV file in UTF-8"):
        read_inventory(inventory(tmp_path, "name\nKündigung\n", encoding="latin-1"))
    with pytest.raises(InvalidModelCardError, match="there is no such file"):
        read_inventory(tmp_path / "none.csv")


def test_an_inventory_changes_what_it_says_of_a_model_with_a_log_and_nothing_else(home: Home, tmp_path: Path) -> None:
    home.imports(model_folder(tmp_path / "late"))
    before = home.model_row("late").card
    done = registered(home, inventory(tmp_path, "id,name,owner\nlate,Late at pushback?,ada@example.org\n"))
    assert done == [("late", "changed", ('owner: "ada@example.org" is new',))]
    assert home.model_row("late").card == before | {"owner": "ada@example.org"}
    assert home.model_row("late").has_log
    assert home.assesses(on=FIRST).failures == {}
    assert home.verdicts("late") == {FIRST: "keep"}


def test_a_model_of_the_inventory_gets_its_log_later(home: Home, tmp_path: Path) -> None:
    registered(home, inventory(tmp_path, "id,name,tier\nlate,Late,2\n"))
    home.imports(model_folder(tmp_path / "late"))
    assert home.model_row("late").has_log
    home.assesses(on=FIRST)
    assert home.verdicts("late") == {FIRST: "keep"}
