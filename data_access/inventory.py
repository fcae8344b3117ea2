"""An inventory of models without logs, from a CSV file: the coverage line is honest from the first day."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data_access.model_card import MODEL_ID, slug
from monitoring.errors import InvalidModelCardError
from monitoring.portfolio import Cadence, Model, ModelVersion, ServiceState, Task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEADER_LINE = 1


class InventoryCard(BaseModel):
    """What an inventory says about a model; everything else in the file is kept as a fact."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str = Field(min_length=1)
    task: Task | None = None
    purpose: str | None = None
    use_case: str | None = None
    business_line: str | None = None
    team: str | None = None
    owner: str | None = None
    tier: Literal[1, 2, 3] | None = None
    cadence: Cadence | None = None
    facts: dict[str, str] = Field(default_factory=dict)

    @field_validator("id")
    @classmethod
    def _usable_id(cls, value: str) -> str:
        if not MODEL_ID.fullmatch(value):
            raise ValueError("letters, digits, '.', '_' and '-', at most 80 of them")
        return value

    @field_validator("owner")
    @classmethod
    def _owner_address(cls, owner: str | None) -> str | None:
        return owner.lower() if owner and "@" in owner else owner

    def json_value(self) -> dict[str, Any]:
        """Return what was said as JSON."""
        said = self.model_dump(mode="json", exclude_none=True)
        return {key: value for key, value in said.items() if value != {}}

    def model_value(self, *, versions: Sequence[ModelVersion], service_state: ServiceState) -> Model:
        """Return the model; where nobody said what it predicts, the task stands for nothing, for nothing is judged."""
        return Model(
            id=self.id,
            name=self.name,
            task=self.task or Task.REGRESSION,
            versions=tuple(versions),
            purpose=self.purpose,
            use_case=self.use_case,
            business_line=self.business_line,
            team=self.team,
            owner=self.owner,
            tier=self.tier,
            cadence=self.cadence,
            facts=dict(self.facts),
            service_state=service_state,
            has_log=False,
        )


def read_inventory(file: Path) -> list[InventoryCard]:
    """Return the models of a CSV file with a header.

    Raises:
        InvalidModelCardError: one line per mistake, each with its line and column in the file.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise InvalidModelCardError(f"{file}: there is no such file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidModelCardError(f"{file}: it is not a CSV file in UTF-8 ({error})") from None
    if "name" not in header:
        raise InvalidModelCardError(f"{file}, line 1: a column 'name' is missing; the columns are {', '.join(header)}")
    if repeated := {name for name in header if header.count(name) > 1}:
        raise InvalidModelCardError(f"{file}, line 1: column {min(repeated)!r} is there twice")
    cards, wrong, seen = [], [], dict[str, int]()
    for line, row in rows:
        card, mistakes = _card(row)
        wrong += [f"{file}, line {line}, {mistake}" for mistake in mistakes]
        if card is not None and card.id in seen:
            wrong.append(f"{file}, line {line}, column 'id': {card.id!r} is in line {seen[card.id]} already")
        elif card is not None:
            seen[card.id] = line
            cards.append(card)
    if wrong:
        raise InvalidModelCardError("\n".join(wrong))
    return cards


def _card(row: dict[str | Any, Any]) -> tuple[InventoryCard | None, list[str]]:
    if row.get(None):
        return None, ["it has more values than the header has columns"]
    said = {name: value.strip() for name, value in row.items() if value and value.strip()}
    if not said:
        return None, []
    known = {name: value for name, value in said.items() if name in InventoryCard.model_fields and name != "facts"}
    given: dict[str, Any] = {"id": slug(said["name"])} if "name" in said else {"id": "unnamed"}
    given |= known | {"facts": {name: value for name, value in said.items() if name not in known}}
    if "tier" in known and known["tier"] in {"1", "2", "3"}:
        given["tier"] = int(known["tier"])
    try:
        return InventoryCard.model_validate(given), []
    except ValidationError as error:
        return None, [_sentence(dict(item)) for item in error.errors(include_url=False)]


def _sentence(error: dict[str, Any]) -> str:
    column = error["loc"][0]
    if error["type"] == "missing":
        return f"column {column!r}: it is empty"
    said = error["msg"].replace("Input should be", "it should be", 1).replace("Value error, ", "it should be ", 1)
    return f"column {column!r}: {said}, not {error['input']!r}"
