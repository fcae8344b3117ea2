"""Import model folders and append to their logs: everything is checked before anything is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from data_access import model_registry
from data_access.card_values import class_names
from data_access.default_store import Batch, DefaultStore, Index, table_name
from data_access.log_files import CLASS, NUMBER, TEXT, TIME, LogFile, Wanted, file_of, read_log_file, rows_named
from data_access.model_card import FeaturePart, LabelsPart, ModelCard, TablePart, read_card
from monitoring.errors import InvalidModelCardError
from monitoring.people import COMMAND_LINE
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from data_access.database import Database
    from data_access.model_registry import Registration

Report = "Callable[[int, int, str], None]"
MOST_OUTSIDE = 0.5
BINARY_LABELS = 2
SHOWN_VALUES = 5


@dataclass
class Plan:
    """What importing one folder would write: its card as it will be registered, and rows per table."""

    card: ModelCard
    batches: dict[str, Batch] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: one registration per model, rows added per model, and remarks."""

    registrations: list[Registration]
    rows: dict[str, int]
    notes: dict[str, list[str]]


def model_folders(paths: Iterable[Path]) -> list[Path]:
    """Return the folders with a ``model.json``, for folders and folders of folders.

    Raises:
        InvalidModelCardError: a path holds no model.
    """
    found: list[Path] = []
    for path in paths:
        if (path / "model.json").is_file():
            found.append(path)
        elif inside := sorted(card.parent for card in path.glob("*/model.json")):
            found += inside
        else:
            said = "there is no such folder" if not path.is_dir() else "neither it nor a folder in it has a model.json"
            raise InvalidModelCardError(f"{path}: {said}")
    return found


def import_folders(
    registry: Database,
    paths: Iterable[Path],
    *,
    log_address: str,
    now: datetime,
    actor: str = COMMAND_LINE,
    report: Callable[[int, int, str], None] | None = None,
) -> Imported:
    """Import model folders; the same folder again changes nothing.

    All folders are checked first. The store is written in one transaction and the registry after it, so that an import
    that was interrupted can simply be run again.

    Raises:
        InvalidModelCardError: one line per mistake in any of the folders; nothing was written.
    """
    plans = planned(model_folders(paths), report=report)
    rows: dict[str, int] = {}
    with DefaultStore(log_address) as store, store.writing() as writer:
        for plan in plans:
            rows[plan.card.id] = sum(writer.add(table, batch) for table, batch in plan.batches.items())
    registrations = model_registry.register(registry, [plan.card for plan in plans], now=now, actor=actor)
    return Imported(registrations, rows, {plan.card.id: plan.notes for plan in plans})


def planned(folders: list[Path], *, report: Callable[[int, int, str], None] | None = None) -> list[Plan]:
    """Return what importing the folders would write.

    Raises:
        InvalidModelCardError: one line per mistake in any of the folders.
    """
    plans, mistakes, seen = [], [], dict[str, Path]()
    for done, folder in enumerate(folders):
        if report:
            report(done, len(folders), folder.name)
        try:
            plan = plan_folder(folder)
        except InvalidModelCardError as error:
            mistakes += str(error).splitlines()
            continue
        mistakes += plan.mistakes
        if plan.card.id in seen:
            mistakes.append(f"{folder / 'model.json'}: id: {plan.card.id!r} is the id of {seen[plan.card.id]} too")
        seen[plan.card.id] = folder
        plans.append(plan)
    if report:
        report(len(folders), len(folders), "")
    if mistakes:
        raise InvalidModelCardError("\n".join(mistakes))
    return plans


def plan_folder(folder: Path) -> Plan:
    """Read and check one folder; mistakes in its files stand in the plan.

    Raises:
        InvalidModelCardError: the card itself is wrong.
    """
    card_file = folder / "model.json"
    card = read_card(card_file)
    plan = Plan(card)
    if card.log is not None or (card.labels is not None and card.labels.table is not None):
        plan.mistakes.append(f"{card_file}: log: this card points at tables; register it with `modelfolio map`")
        return plan
    log = _log_file(plan, folder)
    labels = _labels_file(plan, folder)
    references = _reference_files(plan, folder)
    if log is None or plan.mistakes:
        return plan
    _check_values(plan, log, labels, references)
    if plan.mistakes:
        return plan
    plan.card = _mapped(plan.card, labels=labels is not None, references=references)
    plan.batches |= _batches(plan.card, log, labels)
    plan.batches |= {
        reference_table(card, file): file.batch(
            known_by=tuple(file.columns), indexed=_present(file, card.columns.timestamp)
        )
        for file in references.values()
    }
    return plan


def wanted_columns(card: ModelCard, *, label: str | None = None, is_reference: bool = False) -> list[Wanted]:
    """Return the columns of the log to be kept (of a reference: with the label)."""
    said = NUMBER if card.task is Task.REGRESSION else CLASS
    columns = card.columns
    wanted = [Wanted(columns.timestamp, TIME, is_required=not is_reference)]
    parts = [
        (columns.prediction_id, TEXT),
        (columns.version, TEXT),
        (None if is_reference else columns.arrived_at, TIME),
        (columns.prediction, said),
        (columns.probability, NUMBER),
        *((name, NUMBER) for name in card.probabilities.values()),
        *((part.name, _kind(part)) for part in card.features if part.type != "ignore"),
        (label or columns.label, said),
        (columns.label_timestamp, TIME),
    ]
    for name, kind in parts:
        if name is not None and name not in {each.name for each in wanted}:
            wanted.append(Wanted(name, kind))
    return wanted


def _kind(part: FeaturePart) -> str:
    return NUMBER if part.type == "numeric" else TEXT


def label_columns(card: ModelCard, labels: LabelsPart) -> list[Wanted]:
    """Return the columns of the labels' file."""
    said = NUMBER if card.task is Task.REGRESSION else CLASS
    wanted = [Wanted(labels.prediction_id, TEXT, is_required=True), Wanted(labels.label, said)]
    return [*wanted, Wanted(labels.label_timestamp, TIME)] if labels.label_timestamp else wanted


def _log_file(plan: Plan, folder: Path) -> LogFile | None:
    file = file_of(folder, "log")
    if file is None:
        plan.mistakes.append(f"{folder}: there is no log.parquet or log.csv")
        return None
    return _read(plan, file, wanted_columns(plan.card))


def _read(plan: Plan, file: Path, wanted: list[Wanted]) -> LogFile:
    columns = plan.card.columns
    found = read_log_file(file, wanted, zone=columns.timezone, unit=columns.time_unit)
    plan.mistakes += found.mistakes
    if found.unused:
        ignored = {part.name for part in plan.card.features if part.type == "ignore"}
        names = [name for name in found.unused if name not in ignored]
        if names:
            plan.notes.append(f"{file.name}: not used: {', '.join(names)}")
    return found


def _labels_file(plan: Plan, folder: Path) -> LogFile | None:
    file, labels = file_of(folder, "labels"), plan.card.labels
    if file is None and labels is not None:
        plan.mistakes.append(f"{folder}: there is no labels.parquet or labels.csv, though model.json has labels")
    if file is not None and labels is None:
        plan.mistakes.append(f"{folder / 'model.json'}: labels: it is missing, though there is {file.name}")
    return _read(plan, file, label_columns(plan.card, labels)) if file is not None and labels is not None else None


def _reference_files(plan: Plan, folder: Path) -> dict[str, LogFile]:
    """Return the reference files by version; the one of the model itself under the empty name."""
    card, found = plan.card, {}
    parts = {"": card.reference} | {part.version: part.reference for part in card.versions}
    for version, part in parts.items():
        file: Path | None = None
        if isinstance(part, TablePart):
            plan.mistakes.append(f"{folder / 'model.json'}: reference: a table can only be named for `modelfolio map`")
        elif isinstance(part, str):
            file = folder / part
            if not file.is_file() or file.resolve().parent != folder.resolve():
                plan.mistakes.append(f"{folder / 'model.json'}: reference: there is no file {part!r} beside it")
                continue
        elif part is None and version == "":
            file = file_of(folder, "reference")
        if file is not None:
            found[version] = _read_reference(plan, file)
    return found


def _read_reference(plan: Plan, file: Path) -> LogFile:
    """Read a reference; it may lack timestamps, ids and versions, and is the poorer for it."""
    card = plan.card
    label = card.labels.label if card.labels else card.columns.label
    columns = card.columns
    optional = {columns.timestamp, columns.prediction_id, columns.version, columns.label_timestamp}
    wanted = wanted_columns(card, label=label, is_reference=True)
    known = read_log_file(file, [], zone="UTC", unit=None)
    present = [each for each in wanted if each.name in known.unused or each.name not in optional]
    return _read(plan, file, known_or(present, known))


def known_or(present: list[Wanted], known: LogFile) -> list[Wanted]:
    """Return the columns to read; all of them, to be named as missing, when the file could not be read."""
    return [] if known.mistakes else present


def _present(file: LogFile, name: str) -> tuple[Index, ...]:
    return (Index((name,)),) if name in file.columns else ()


def _check_values(plan: Plan, log: LogFile, labels: LogFile | None, references: dict[str, LogFile]) -> None:
    card = plan.card
    plan.mistakes += [f"{file.file}: it has no rows" for file in references.values() if not file.rows]
    plan.notes += [
        f"{file.file.name}: it has no rows yet" for file in (log, labels) if file is not None and not file.rows
    ]
    for file in [log, *references.values()]:
        _check_probability(plan, file)
    label = card.labels.label if card.labels else card.columns.label
    said = [(file, label) for file in [log, labels, *references.values()] if file is not None]
    said += [(file, card.columns.prediction) for file in [log, *references.values()]]
    _check_classes(plan, [(file, name) for file, name in said if name is not None and name in file.columns], label)
    if card.columns.prediction_id:
        _check_ids(plan, log, labels, card.columns.prediction_id)
    if card.columns.version and card.versions:
        announced = {part.version for part in card.versions}
        unannounced = sorted({str(name) for name in log.columns[card.columns.version] if name} - announced)
        if unannounced:
            plan.notes.append(f"{log.file.name}: versions not on the card: {', '.join(unannounced[:SHOWN_VALUES])}")


def _check_probability(plan: Plan, file: LogFile) -> None:
    low, high = plan.card.score_range or (0.0, 1.0)
    names = [plan.card.columns.probability, *plan.card.probabilities.values()]
    for name in names:
        values = [
            (row, value) for row, value in enumerate(file.columns.get(name or "", [])) if isinstance(value, int | float)
        ]
        outside = [row for row, value in values if not low <= value <= high]
        if not outside:
            continue
        said = f"column {name!r}: {len(outside)} of {len(values)} values are outside {low:g} to {high:g}"
        if len(outside) > MOST_OUTSIDE * len(values):
            plan.mistakes.append(f"{file.file}: {said}; say the score's range as score_range")
        else:
            plan.notes.append(
                f"{file.file.name}: {said} ({rows_named(outside)}); their days will ask for a fix of the data"
            )


def _check_classes(plan: Plan, said: list[tuple[LogFile, str]], label: str | None) -> None:
    card = plan.card
    if card.task is Task.REGRESSION:
        return
    known = class_names(card)
    for file, name in said:
        seen = {value for value in file.columns[name] if value is not None}
        if card.task is Task.MULTICLASS or card.classes:
            undeclared = sorted(seen - set(known))
            if undeclared:
                shown = ", ".join(repr(value) for value in undeclared[:SHOWN_VALUES])
                plan.mistakes.append(
                    f"{file.file}: column {name!r}: {shown} is not one of the classes {', '.join(known)}"
                )
        elif len(seen) > BINARY_LABELS:
            shown = ", ".join(repr(value) for value in sorted(seen)[:SHOWN_VALUES])
            plan.mistakes.append(f"{file.file}: column {name!r}: a binary model has two classes, here are {shown}")
        elif name == label and seen and known[1] not in seen and not seen <= {"0", "1"}:
            shown = ", ".join(repr(value) for value in sorted(seen))
            plan.mistakes.append(
                f"{file.file}: column {name!r}: the positive class {known[1]!r} is not among {shown}; say positive_class"
            )


def _check_ids(plan: Plan, log: LogFile, labels: LogFile | None, prediction_id: str) -> None:
    ids = log.columns[prediction_id]
    known = set(ids)
    duplicates = len(ids) - len(known) - (ids.count(None) - 1 if None in known else 0)
    if duplicates:
        plan.notes.append(f"{log.file.name}: {duplicates} rows repeat an id; the last by timestamp counts")
    if None in known:
        plan.notes.append(f"{log.file.name}: {ids.count(None)} rows have no id and cannot be labelled")
    if labels is None or plan.card.labels is None or not labels.rows:
        return
    if not ids:
        plan.notes.append(f"{labels.file.name}: no label belongs to a row yet")
        return
    of_labels = labels.columns[plan.card.labels.prediction_id]
    strangers = sum(each not in known for each in of_labels)
    if strangers == len(of_labels):
        plan.mistakes.append(
            f"{labels.file}: column {plan.card.labels.prediction_id!r}: none of its ids is in {log.file.name} "
            f"(there {ids[0]!r}, here {of_labels[0]!r})"
        )
    elif strangers:
        plan.notes.append(f"{labels.file.name}: {strangers} labels belong to no row of {log.file.name}")


def reference_table(card: ModelCard, file: LogFile) -> str:
    """Return the table a reference is kept in; other contents are another table, so that the old one stays."""
    return table_name("reference", card.id, file.fingerprint())


def _mapped(card: ModelCard, *, labels: bool, references: dict[str, LogFile]) -> ModelCard:
    """Return the card pointing at the default store."""

    def table(version: str) -> TablePart:
        return TablePart(table=reference_table(card, references[version]))

    changed = {
        "log": TablePart(table=table_name("log", card.id)),
        "columns": card.columns.model_copy(update={"time_unit": "us"}),
        "versions": [
            part.model_copy(update={"reference": table(part.version)}) if part.version in references else part
            for part in card.versions
        ],
    }
    if "" in references:
        changed["reference"] = table("")
    if labels and card.labels:
        kept = {"connection": "default", "table": table_name("labels", card.id)}
        changed["labels"] = card.labels.model_copy(update=kept)
    return card.model_copy(update=changed)


def _batches(card: ModelCard, log: LogFile | None, labels: LogFile | None) -> dict[str, Batch]:
    """Return the rows of log and labels by the table they belong in; a table without rows waits for its first."""
    batches, columns = {}, card.columns
    if log is not None:
        later = tuple(name for name in (columns.label, columns.label_timestamp) if name is not None and columns.label)
        known_by = tuple(name for name in log.columns if name not in later)
        if columns.prediction_id:
            known_by = (columns.prediction_id, columns.timestamp)
        times = (columns.timestamp, columns.prediction_id, columns.arrived_at)
        indexed = (*_indexes(*times), *_label_indexes(columns.label_timestamp, columns.label))
        batches[table_name("log", card.id)] = log.batch(known_by=known_by, indexed=indexed, coming_later=later)
    if labels is not None and card.labels is not None:
        part = card.labels
        ids = Index(tuple(name for name in (part.prediction_id, part.label_timestamp) if name is not None))
        indexed = (ids, *_label_indexes(part.label_timestamp, part.label))
        batches[table_name("labels", card.id)] = labels.batch(known_by=tuple(labels.columns), indexed=indexed)
    return batches


def _indexes(*columns: str | None) -> tuple[Index, ...]:
    """Return an index on each column that is mapped."""
    return tuple(Index((name,)) for name in dict.fromkeys(columns) if name is not None)


def _label_indexes(stamp: str | None, label: str | None) -> tuple[Index, ...]:
    """Return the indexes on when labels came: labels are looked up by it, and those there are counted each day."""
    if stamp is None:
        return ()
    return (Index((stamp,)), Index((stamp,), with_value=label)) if label else (Index((stamp,)),)


def ingest(
    registry: Database, model_id: str, *, log_address: str, log: Path | None, labels: Path | None
) -> tuple[int, int]:
    """Append rows to an imported model's log and labels; return how many of each were new.

    Raises:
        InvalidModelCardError: one line per mistake in either file; nothing was written.
        UnknownModelError: there is no such model.
    """
    card = imported_card(registry, model_id)
    plan = Plan(card)
    log_file = _read(plan, log, wanted_columns(card)) if log else None
    label_file = None
    if labels is not None:
        if card.labels is None:
            plan.mistakes.append(f"{labels}: the card of {model_id!r} has no labels file; its labels are in the log")
        else:
            label_file = _read(plan, labels, label_columns(card, card.labels))
    if not plan.mistakes:
        _check_ingested(plan, log_file, label_file)
    if plan.mistakes:
        raise InvalidModelCardError("\n".join(plan.mistakes))
    batches, table = _batches(card, log_file, label_file), table_name("log", card.id)
    with DefaultStore(log_address) as store, store.writing() as writer:
        labelled = writer.count(table, column=card.columns.label) if card.columns.label else 0
        added = Counter({table: writer.add(table, batch) for table, batch in batches.items()})
        if card.columns.label:
            added[table_name("labels", card.id)] = writer.count(table, column=card.columns.label) - labelled
    return added[table], added[table_name("labels", card.id)]


def _check_ingested(plan: Plan, log: LogFile | None, labels: LogFile | None) -> None:
    card = plan.card
    label = card.labels.label if card.labels else card.columns.label
    said = [(log, card.columns.prediction), (log, card.columns.label), (labels, label)]
    _check_classes(plan, [(file, name) for file, name in said if file and name and name in file.columns], label)


def imported_card(registry: Database, model_id: str) -> ModelCard:
    """Return the card of a model whose log is in the default store.

    Raises:
        InvalidModelCardError: the model's log is somewhere else, or nowhere.
    """
    card = model_registry.card(registry, model_id)
    if not isinstance(card, ModelCard) or card.log is None:
        raise InvalidModelCardError(f"model {model_id!r} has no log; import its folder first")
    if card.log.connection != "default" or card.log.table != table_name("log", card.id):
        raise InvalidModelCardError(
            f"the log of model {model_id!r} is mapped, never copied: write to {card.log.table!r} itself"
        )
    return card
