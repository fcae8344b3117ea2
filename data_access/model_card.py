"""``model.json``: the one contract for a model, and the sentences that say what is wrong with one."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import unicodedata
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from data_access.normal_text import category_text, class_text
from monitoring.errors import InvalidModelCardError
from monitoring.portfolio import Cadence, Task

if TYPE_CHECKING:
    from pathlib import Path

MODEL_ID = re.compile(r"[^\W_][\w.-]{0,79}")
SCHEMA_ADDRESS = "https://json-schema.org/draft/2020-12/schema"
BINARY_CLASSES = 2


def _known_timezone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{zone!r} is not a time zone such as Europe/Berlin or UTC") from None
    return zone


class _Part(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class TablePart(_Part):
    """A table behind a named connection."""

    connection: str = "default"
    table: str = Field(min_length=1)
    schema_name: str | None = Field(default=None, alias="schema")
    where: dict[str, bool | int | float | str] = Field(default_factory=dict)


class PeriodPart(_Part):
    """Days of the log, both inclusive."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError("ends before it begins")
        return self


FILE, PERIOD, TABLE = "(file)", "(period)", "(table)"


def _reference_form(value: object) -> str:
    if isinstance(value, str):
        return FILE
    is_period = isinstance(value, PeriodPart) or (isinstance(value, dict) and not {"from", "to"}.isdisjoint(value))
    return PERIOD if is_period else TABLE


ReferencePart = Annotated[
    Annotated[str, Tag(FILE)] | Annotated[PeriodPart, Tag(PERIOD)] | Annotated[TablePart, Tag(TABLE)],
    Discriminator(_reference_form),
]


class ColumnsPart(_Part):
    """The columns of the log by the part they play."""

    timestamp: str
    prediction_id: str | None = None
    prediction: str | None = None
    probability: str | None = None
    version: str | None = None
    arrived_at: str | None = None
    label: str | None = None
    label_timestamp: str | None = None
    timezone: str = "UTC"
    time_unit: Literal["s", "ms", "us", "ns"] | None = None

    _known_zone = field_validator("timezone")(_known_timezone)


class LabelsPart(_Part):
    """Labels in a file or table of their own, joined by the id of the prediction."""

    prediction_id: str
    label: str
    label_timestamp: str | None = None
    connection: str | None = None
    table: str | None = None
    schema_name: str | None = Field(default=None, alias="schema")
    where: dict[str, bool | int | float | str] = Field(default_factory=dict)


class FeaturePart(_Part):
    """One input column."""

    name: str = Field(min_length=1)
    type: Literal["numeric", "categorical", "ignore"]
    source: str | None = None
    importance: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class VersionPart(_Part):
    """One trained artefact."""

    version: str
    trained_from: date | None = None
    trained_to: date | None = None
    active_from: date | None = None
    reference: ReferencePart | None = None

    _as_text = field_validator("version", mode="before")(category_text)


class ConsumerPart(_Part):
    """Somebody who uses the predictions."""

    name: str
    contact: str | None = None


class SupersessionPart(_Part):
    """Another model took over."""

    name: str
    since: date


class ModelCard(_Part):
    """What an organisation says about one model and where its predictions are kept."""

    id: str = ""
    name: str = Field(min_length=1)
    task: Task
    purpose: str | None = None
    use_case: str | None = None
    business_line: str | None = None
    team: str | None = None
    owner: str | None = None
    tier: Literal[1, 2, 3] | None = None
    timezone: str = "UTC"
    label_delay_days: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cadence: Cadence | None = None
    positive_class: str | None = None
    classes: list[str] = Field(default_factory=list)
    decision_threshold: float | None = Field(default=None, allow_inf_nan=False)
    score_range: tuple[float, float] | None = None
    columns: ColumnsPart
    probabilities: dict[str, str] = Field(default_factory=dict)
    labels: LabelsPart | None = None
    features: list[FeaturePart] = Field(min_length=1)
    versions: list[VersionPart] = Field(default_factory=list)
    reference: ReferencePart | None = None
    log: TablePart | None = None
    superseded_by: SupersessionPart | None = None
    consumers: list[ConsumerPart] = Field(default_factory=list)
    facts: dict[str, Any] = Field(default_factory=dict)

    _known_zone = field_validator("timezone")(_known_timezone)
    _positive_text = field_validator("positive_class", mode="before")(class_text)

    @model_validator(mode="before")
    @classmethod
    def _probabilities_beside_columns(cls, given: object) -> object:
        """``probabilities`` may stand among the columns too."""
        columns = given.get("columns") if isinstance(given, dict) else None
        if isinstance(given, dict) and isinstance(columns, dict) and "probabilities" in columns:
            rest = {key: value for key, value in columns.items() if key != "probabilities"}
            return {**given, "columns": rest, "probabilities": columns["probabilities"]}
        return given

    @field_validator("features", mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        return [{"name": name, "type": kind} for name, kind in given.items()] if isinstance(given, dict) else given

    @field_validator("classes", mode="before")
    @classmethod
    def _class_texts(cls, given: object) -> object:
        return [class_text(value) for value in given] if isinstance(given, list) else given

    @field_validator("probabilities", mode="before")
    @classmethod
    def _probability_texts(cls, given: object) -> object:
        return {class_text(key): column for key, column in given.items()} if isinstance(given, dict) else given

    @field_validator("owner")
    @classmethod
    def _owner_address(cls, owner: str | None) -> str | None:
        return owner.strip().lower() if owner and "@" in owner else owner

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.id = self.id or slug(self.name)
        wrong = [*self._wrong_identity(), *self._wrong_task(), *self._wrong_lists()]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def _wrong_identity(self) -> list[str]:
        wrong = []
        if not MODEL_ID.fullmatch(self.id):
            wrong.append(f"id: {self.id!r} is not an id: letters, digits, '.', '_' and '-', at most 80 of them")
        if self.labels is None and self.columns.label is None and self.columns.label_timestamp:
            wrong.append("columns.label_timestamp: there is no columns.label it could belong to")
        if self.labels is not None and self.columns.prediction_id is None:
            wrong.append("labels: without columns.prediction_id labels can only be in the log itself (columns.label)")
        if self.labels is not None and self.columns.label is not None:
            wrong.append("labels: they are given twice, here and as columns.label")
        return wrong

    def _wrong_task(self) -> list[str]:
        wrong = []
        if self.score_range is not None and not self.score_range[0] < self.score_range[1]:
            wrong.append("score_range: it ends before it begins")
        match self.task:
            case Task.REGRESSION:
                return [*wrong, *self._wrong_regression()]
            case Task.BINARY:
                return [*wrong, *self._wrong_binary()]
        return [*wrong, *self._wrong_multiclass()]

    def _wrong_regression(self) -> list[str]:
        given = {
            "classes": self.classes,
            "probabilities": self.probabilities,
            "positive_class": self.positive_class,
            "columns.probability": self.columns.probability,
        }
        wrong = [] if self.columns.prediction else ["columns.prediction: it is missing"]
        return wrong + [f"{key}: a regression has none" for key, value in given.items() if value]

    def _wrong_binary(self) -> list[str]:
        wrong = []
        if not (self.columns.prediction or self.columns.probability):
            wrong.append("columns.prediction: it or columns.probability must be given")
        if self.probabilities:
            wrong.append("probabilities: a binary model has one, columns.probability")
        return wrong + self._wrong_binary_classes()

    def _wrong_multiclass(self) -> list[str]:
        wrong = []
        if not (self.columns.prediction or self.probabilities):
            wrong.append("columns.prediction: it or probabilities must be given")
        if self.columns.probability:
            wrong.append("columns.probability: a multiclass model has probabilities, one column per class")
        if len(self.classes or self.probabilities) < BINARY_CLASSES:
            wrong.append("classes: at least two must be named")
        if self.classes and self.probabilities and set(self.classes) != set(self.probabilities):
            wrong.append("probabilities: they must name exactly the classes " + ", ".join(self.classes))
        return wrong

    def _wrong_binary_classes(self) -> list[str]:
        if not self.classes:
            return []
        if len(set(self.classes)) != BINARY_CLASSES:
            return ["classes: a binary model has two"]
        positive = self.positive_class or "1"
        if positive not in self.classes:
            return [f"positive_class: it must be one of the classes {', '.join(self.classes)}"]
        return []

    def _wrong_lists(self) -> list[str]:
        names = {
            "features": [part.name for part in self.features],
            "versions": [part.version for part in self.versions],
            "classes": self.classes,
        }
        wrong = [
            f"{key}: {name!r} is there {values.count(name)} times"
            for key, values in names.items()
            for name in sorted({value for value in values if values.count(value) > 1})
        ]
        if all(part.type == "ignore" for part in self.features):
            wrong.append("features: all of them are ignored")
        return wrong


def slug(name: str) -> str:
    """Return the name as an id: lower case, words joined by hyphens.

    >>> slug("JFK: late at pushback?")
    'jfk-late-at-pushback'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or name
    found = re.sub(r"[^\w]+", "-", plain.lower()).strip("-_")[:80].strip("-_")
    return found or f"model-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def read_card(file: Path) -> ModelCard:
    """Read one card from a file; see ``parse_card``."""
    given = read_json(file)
    if isinstance(given, list):
        raise InvalidModelCardError(f"{file}: it holds a list of cards where one is expected")
    return parse_card(given, place=str(file))


def read_json(file: Path) -> Any:
    """Return what a JSON file holds; a mistake is named with its line."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InvalidModelCardError(f"{file}: there is no such file") from None
    except UnicodeDecodeError:
        raise InvalidModelCardError(f"{file}: it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise InvalidModelCardError(f"{file}, line {error.lineno}: it is not JSON ({error.msg})") from None


def parse_card(given: object, *, place: str) -> ModelCard:
    """Return the card that a JSON value describes.

    Raises:
        InvalidModelCardError: one line per mistake, each with the file and the key it is in.
    """
    if not isinstance(given, dict):
        raise InvalidModelCardError(f"{place}: it is not a JSON object with keys such as name and task")
    try:
        return ModelCard.model_validate(given)
    except ValidationError as error:
        lines = [line for item in error.errors(include_url=False) for line in _sentences(dict(item), given)]
        raise InvalidModelCardError("\n".join(f"{place}: {line}" for line in lines)) from None


def _sentences(error: dict[str, Any], given: dict[str, Any]) -> list[str]:
    path = _path(error["loc"], given)
    match error["type"]:
        case "missing":
            return [f"{path}: it is missing"]
        case "extra_forbidden":
            return [f"{path}: this key is unknown{_nearest(error['loc'])}; put what you only want to keep under facts"]
        case "value_error":
            said = str(error["ctx"]["error"]).splitlines()
            return [f"{path}: {line}" if path else line for line in said]
        case "too_short":
            return [f"{path}: it is empty; at least {error['ctx']['min_length']} is needed"]
    said = error["msg"].replace("Input should be", "it should be", 1)
    return [f"{path}: {said}, not {json.dumps(error['input'], default=str)[:60]}"]


def _path(loc: tuple[str | int, ...], given: object) -> str:
    """Return a place such as ``features['dep_delay'].type``."""
    path, value = "", given
    for part in loc:
        if part in {FILE, PERIOD, TABLE}:
            continue
        if isinstance(part, int):
            value = _item(value, part)
            name = value.get("name") or value.get("version") if isinstance(value, dict) else None
            path += f"[{name!r}]" if name else f"[{part}]"
        else:
            value = value.get(part) if isinstance(value, dict) else None
            path += f".{part}" if path else part
    return path


def _item(value: object, number: int) -> object:
    if isinstance(value, dict):  # the short form of features
        name = list(value)[number] if number < len(value) else None
        return {"name": name}
    return value[number] if isinstance(value, list) and number < len(value) else None


PARTS: dict[str, type[_Part]] = {
    "columns": ColumnsPart,
    "labels": LabelsPart,
    "features": FeaturePart,
    "versions": VersionPart,
    "consumers": ConsumerPart,
    "superseded_by": SupersessionPart,
    "log": TablePart,
    "reference": TablePart,
}


def _nearest(loc: tuple[str | int, ...]) -> str:
    part = ModelCard if len(loc) == 1 else PARTS.get(str(loc[0]), ModelCard)
    names = [field.alias or name for name, field in part.model_fields.items()]
    near = difflib.get_close_matches(str(loc[-1]), names, n=1)
    return f" (is it {near[0]}?)" if near else ""


def card_json(card: ModelCard) -> dict[str, Any]:
    """Return the card as JSON with only what was said; ``parse_card`` gives it back equal."""
    said = card.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in said.items() if value not in ([], {})}


def card_hash(card: ModelCard) -> str:
    """Return a text that changes when anything on the card does."""
    return hashlib.sha256(json.dumps(card_json(card), sort_keys=True).encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``model.json``, for editors and for people who generate cards."""
    schema = ModelCard.model_json_schema(by_alias=True)
    properties = schema["properties"]
    short = {"type": "object", "additionalProperties": {"enum": ["numeric", "categorical", "ignore"]}}
    properties["features"] = {"anyOf": [properties["features"], short], "title": "Features"}
    value = {"type": ["string", "number", "boolean"]}
    properties["positive_class"] = {**value, "title": "Positive Class"}
    properties["classes"] = {"type": "array", "items": value, "title": "Classes"}
    probabilities = {"type": "object", "additionalProperties": {"type": "string"}, "title": "Probabilities"}
    properties["probabilities"] = schema["$defs"]["ColumnsPart"]["properties"]["probabilities"] = probabilities
    schema["$defs"]["VersionPart"]["properties"]["version"] = {"type": ["string", "number"], "title": "Version"}
    return {"$schema": SCHEMA_ADDRESS, "title": "model.json of modelfolio"} | {
        key: value for key, value in schema.items() if key != "title"
    }


def write_json_schema(file: Path) -> None:
    """Write the JSON Schema to a file."""
    file.write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")
