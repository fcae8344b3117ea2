"""A simulated portfolio of any size, said to be simulated wherever it is shown.

Rows are drawn (``simulated_rows.py``) as each model's recipe says (``simulated_recipes.py``): what happens to it is one of the
fates in ``simulated_fates.py``. They are profiled the way every log is, and then forgotten; or they are written as the folders
that ``modelfolio import`` reads. Verdicts are not made here: they come from ``modelfolio assess``, and ``expected.csv`` says
which are right on the last day.
"""

from __future__ import annotations

import csv
import io
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data_access import model_registry, people
from data_access.assessment_store import RegistryAssessments
from data_access.inventory import InventoryCard
from data_access.model_card import parse_card
from data_access.model_import import import_folders
from data_access.stored_profiles import StoredProfilesLog
from monitoring.people import COMMAND_LINE
from monitoring.profiling import profiled
from sample_data.simulated_business import OTHER_OWNERS
from sample_data.simulated_folders import write_folder
from sample_data.simulated_log import ModelProfiles, SimulatedLog
from sample_data.simulated_recipes import Recipe, recipes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from data_access.registry import Registry
    from monitoring.portfolio import Model

MODELS, DAYS, SEED = 1_000, 120, 1
FEWEST_DAYS, MOST_DAYS, MOST_MODELS = 90, 730, 10_000
GENERATION = "1"
"""Grows when the same seed would give other rows, so that a portfolio made before is made again."""
CARDS_AT_ONCE, PROFILES_AT_ONCE, FOLDERS_AT_ONCE = 250, 4, 20


def planned(models: int = MODELS, *, days: int = DAYS, seed: int = SEED) -> list[Recipe]:
    """Return the recipes of a portfolio; the same arguments give the same."""
    return list(recipes(models, days=days, seed=seed))


def add_owners(registry: Registry, *, now: datetime) -> None:
    """Add the invented people who own the models and whom nobody acts as."""
    known = {person.email for person in people.everyone(registry)}
    for owners in OTHER_OWNERS.values():
        for email, name in owners:
            if email not in known:
                people.add(registry, email=email, name=name, by=COMMAND_LINE, now=now)


def register(registry: Registry, planned: Sequence[Recipe], *, now: datetime) -> None:
    """Register the models; what is there already stays as it is."""
    for at in range(0, len(planned), CARDS_AT_ONCE):
        some = planned[at : at + CARDS_AT_ONCE]
        model_registry.register(registry, [_card(recipe) for recipe in some], now=now)


def _card(recipe: Recipe) -> model_registry.Card:
    if recipe.fate.inventory:
        said = recipe.card()
        return InventoryCard(**said)
    return parse_card(recipe.card(), place=recipe.id)


def profile(
    registry: Registry,
    planned: Sequence[Recipe],
    *,
    now: datetime,
    workers: int = 1,
    report: Callable[[int, int, str], None] | None = None,
) -> None:
    """Draw the rows of every model and keep their day profiles but not the rows; a model that has profiles is passed over.

    ``workers`` processes draw and count; this one writes.
    """
    models = {model.id: model for model in model_registry.models(registry)}
    due = [
        recipe
        for recipe in planned
        if not recipe.fate.inventory and StoredProfilesLog(registry, recipe.id).extent() is None
    ]
    store, before = RegistryAssessments(registry), len(planned) - len(due)
    given = [(models[recipe.id], recipe) for recipe in due]
    with ExitStack() as stack:
        counted: Iterable[ModelProfiles] = map(counted_profiles, given)
        if workers > 1 and len(given) > 1:
            pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
            # Without cancelling, whoever interrupts would wait until every model is counted.
            stack.callback(pool.shutdown, cancel_futures=True)
            counted = pool.map(counted_profiles, given, chunksize=PROFILES_AT_ONCE)
        for done, found in enumerate(counted, before):
            found.keep(store, now=now)
            if report:
                report(done + 1, len(planned), models[found.model_id].name)


def counted_profiles(given: tuple[Model, Recipe]) -> ModelProfiles:
    """Draw and count one model."""
    model, recipe = given
    found = ModelProfiles(model.id)
    profiled(model, log=SimulatedLog(recipe), store=found, last=recipe.last_day, now=datetime.now(UTC))
    return found


def import_logs(
    registry: Registry,
    planned: Sequence[Recipe],
    *,
    log_address: str,
    now: datetime,
    report: Callable[[int, int, str], None] | None = None,
) -> None:
    """Draw the rows of every model and import them into the default store, as any folder is; a second time adds nothing."""
    for at in range(0, len(planned), FOLDERS_AT_ONCE):
        some = planned[at : at + FOLDERS_AT_ONCE]
        if report:
            report(at, len(planned), some[0].name)
        with TemporaryDirectory() as place:
            folders = [write_folder(recipe, Path(place)) for recipe in some if not recipe.fate.inventory]
            import_folders(registry, folders, log_address=log_address, now=now)
        model_registry.register(registry, [_card(recipe) for recipe in some if recipe.fate.inventory], now=now)


def expected_csv(planned: Sequence[Recipe]) -> str:
    """Return what was done to every model: ``model,fate,onset,expected``, several right verdicts separated by a bar."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["model", "fate", "onset", "expected"])
    for recipe in planned:
        expected = "|".join(str(verdict) for verdict in recipe.fate.expected)
        table.writerow([recipe.id, recipe.fate.name, recipe.onset or "", expected])
    return out.getvalue()
