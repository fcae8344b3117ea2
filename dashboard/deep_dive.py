"""A row-level report by Evidently on a bounded sample, made in a process of its own and handed over as a file.

Values and names come from prediction logs, which anybody may have filled, and Evidently writes both into a script of its page.
So every angle bracket is replaced before Evidently sees the sample, the page is never shown inside ours, and it carries a
policy that lets it reach no network. The only importer of Evidently: it takes seconds, so only the other process does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dashboard.presentation import is_missing
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from monitoring.portfolio import Feature
    from monitoring.ports import LogRows, PredictionLog

MOST_ROWS = 2_000
FEWEST_ROWS = 30
WINDOW_DAYS = 7
MOST_COLUMNS = 60
MOST_LEVELS = 30
LONGEST_TEXT = 80
TIME_LIMIT_SECONDS = 180
MEMORY_LIMIT_BYTES = 4 * 1024**3
KEPT_REPORTS = 20
SCORE = "prediction"
OTHER_LEVELS = "(other)"
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
# Every character that can end or start markup, a script or a string in one; what replaces it looks alike.
NEUTRAL = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "&": "＆",
        '"': "”",
        "'": "’",
        "`": "’",
        "\\": "⧵",
        "{": "(",
        "}": ")",
        "\u2028": " ",
        "\u2029": " ",
    }
)
RUNNING = threading.Lock()
"""Held while a report is made: one at a time in this server."""


class DeepDiveError(ModelfolioError):
    """A report could not be made; the text says why and what to do."""


@dataclass(frozen=True)
class Sample:
    """Rows to compare: features and the score as columns; ``left_out`` says per column why it is not compared."""

    current: pd.DataFrame
    reference: pd.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    left_out: dict[str, str]


@dataclass(frozen=True)
class ReportRequest:
    """What the other process is asked for."""

    title: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]


def neutral(text: object) -> str:
    """Return text without any character that markup or a script could be made of, on one line.

    >>> neutral("</script><script>alert(1)</script>")
    '‹/script›‹script›alert(1)‹/script›'
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in str(text)).translate(NEUTRAL)
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST_TEXT else plain[: LONGEST_TEXT - 1] + "…"


# The sample


def read_sample(
    log: PredictionLog, *, version: str, features: tuple[Feature, ...], last: date, known_on: date
) -> Sample:
    """Read at most 2,000 rows of the week up to ``last`` and as many of the version's reference.

    Raises:
        DeepDiveError: there is no reference, or too few rows to compare.
    """
    reference = log.reference(version)
    if reference is None:
        raise DeepDiveError(f"Version {neutral(version)} has no reference yet, so there is nothing to compare with.")
    important = sorted(features, key=lambda feature: -(feature.importance or 0.0))[:MOST_COLUMNS]
    names = [feature.name for feature in important]
    current = _recent_rows(log, version=version, names=names, last=last, known_on=known_on)
    then = _frame(reference.rows, names, np.ones(len(reference.rows.day), dtype=bool))
    sample = sample_of(current, then)
    too_many = {
        neutral(f.name): f"only the {MOST_COLUMNS} most important are compared"
        for f in features[MOST_COLUMNS:]
        if f not in important
    }
    return Sample(sample.current, sample.reference, sample.numeric, sample.categorical, sample.left_out | too_many)


def _recent_rows(log: PredictionLog, *, version: str, names: list[str], last: date, known_on: date) -> pd.DataFrame:
    """Return the newest rows, a day at a time until there are enough; a week at most."""
    parts: list[pd.DataFrame] = []
    for ago in range(WINDOW_DAYS):
        day = (np.datetime64(last) - np.timedelta64(ago, "D")).astype(object)
        rows = log.rows(first=day, last=day)
        known = np.datetime64(known_on)
        counts = (
            (rows.version == version) & (rows.valid_from <= known) & (np.isnat(rows.valid_to) | (rows.valid_to > known))
        )
        parts.append(_frame(rows, names, counts))
        if sum(len(part) for part in parts) >= MOST_ROWS:
            break
    return pd.concat(parts, ignore_index=True)


def _frame(rows: LogRows, names: list[str], chosen: np.ndarray) -> pd.DataFrame:
    """Return the chosen rows as columns: numbers as float64, categories as text, both with missing values."""
    columns: dict[str, Any] = {name: rows.features[name][chosen] for name in names if name in rows.features}
    columns[SCORE if SCORE not in columns else f"{SCORE} (score)"] = rows.score[chosen]
    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


def sample_of(current: pd.DataFrame, reference: pd.DataFrame) -> Sample:
    """Return the sample Evidently can work on: neutral names and values, and no column it would fail on."""
    if min(len(current), len(reference)) < FEWEST_ROWS:
        raise DeepDiveError(
            f"Too few rows to compare: {len(current):,} in the week and {len(reference):,} in the reference; {FEWEST_ROWS} are needed in each."
        )
    current, reference = (
        frame.sample(n=min(MOST_ROWS, len(frame)), random_state=0).reset_index(drop=True)
        for frame in (current, reference)
    )
    kept: dict[str, tuple[pd.Series[Any], pd.Series[Any]]] = {}
    numeric: list[str] = []
    left_out: dict[str, str] = {}
    for given in reference.columns:
        name = _unused(neutral(given) or "(no name)", {*kept, *left_out})
        if given not in current.columns:
            left_out[name] = "its column is not in the log any more"
            continue
        is_number = _is_numeric(reference[given]) and _is_numeric(current[given])
        then, now = (_numbers(frame[given]) if is_number else _levels(frame[given]) for frame in (reference, current))
        if reason := _why_not(now, then, is_number=is_number):
            left_out[name] = reason
            continue
        if is_number:
            numeric.append(name)
        else:
            now, then = _fewer_levels(now, then)
        kept[name] = (now, then)
    for given in current.columns.difference(reference.columns):
        left_out[_unused(neutral(given), {*kept, *left_out})] = "the reference does not have it"
    if not kept:
        raise DeepDiveError("No column can be compared: each is empty, constant or different in every row.")
    return Sample(
        current=pd.DataFrame({name: now for name, (now, _) in kept.items()}),
        reference=pd.DataFrame({name: then for name, (_, then) in kept.items()}),
        numeric=tuple(numeric),
        categorical=tuple(name for name in kept if name not in numeric),
        left_out=left_out,
    )


def _unused(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _is_numeric(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.astype("float64").replace([np.inf, -np.inf], np.nan)


def _levels(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.map(lambda value: None if is_missing(value) else neutral(value)).astype(object)


def _why_not(now: pd.Series[Any], then: pd.Series[Any], *, is_number: bool) -> str | None:
    """Return why Evidently could not compare the column, or would say something meaningless."""
    if not now.notna().any():
        return "no value in the week"
    if not then.notna().any():
        return "no value in the reference"
    if min(now.notna().sum(), then.notna().sum()) < FEWEST_ROWS:
        return f"fewer than {FEWEST_ROWS} values"
    if is_number and then.min() == then.max():
        return "constant in the reference"
    if not is_number and then.nunique() > then.notna().sum() / 2:
        return "nearly every value is different"
    return None


def _fewer_levels(now: pd.Series[Any], then: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Return both with the most frequent levels; the others together, for thousands of levels drift by sampling alone."""
    frequent = set(pd.concat([now, then]).value_counts().index[:MOST_LEVELS])

    def reduced(values: pd.Series[Any]) -> pd.Series[Any]:
        return values.map(lambda value: value if value is None or value in frequent else OTHER_LEVELS).astype(object)

    return reduced(now), reduced(then)


# The other process, seen from here


def make_report(sample: Sample, *, title: str, tick: Callable[[float], None] = lambda _: None) -> bytes:
    """Return Evidently's report on the sample as one HTML page that works offline.

    Args:
        sample: neutral rows of both windows.
        title: what the report is about.
        tick: called about twice a second with the share of the time limit that is over.

    Raises:
        DeepDiveError: another report is being made, it took too long, or Evidently failed.
    """
    if not RUNNING.acquire(blocking=False):
        raise DeepDiveError("Another deep dive is being made on this server. Try again in a minute.")
    try:
        with tempfile.TemporaryDirectory(prefix="modelfolio-deep-dive-") as folder:
            place = Path(folder)
            sample.current.to_parquet(place / "current.parquet")
            sample.reference.to_parquet(place / "reference.parquet")
            asked = ReportRequest(neutral(title), sample.numeric, sample.categorical)
            (place / "request.json").write_text(json.dumps(asdict(asked)), encoding="utf-8")
            _run(place, tick)
            return (place / "report.html").read_bytes()
    finally:
        RUNNING.release()


def _run(place: Path, tick: Callable[[float], None]) -> None:
    """Run the other process until it is done; it never outlives this call, whatever happens here."""
    quiet = {"DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1", "HOME": str(place)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELFOLIO_")} | quiet
    with (place / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard.deep_dive", str(place)],
            cwd=Path(__file__).parents[1],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        started = time.monotonic()
        try:
            while process.poll() is None:
                elapsed = time.monotonic() - started
                if elapsed > TIME_LIMIT_SECONDS:
                    raise DeepDiveError(f"Evidently was not done after {TIME_LIMIT_SECONDS} seconds and was stopped.")
                tick(elapsed / TIME_LIMIT_SECONDS)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.4)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0 or not (place / "report.html").exists():
        lines = (place / "log.txt").read_text(errors="replace").strip().splitlines()
        raise DeepDiveError(
            f"Evidently could not make the report: {neutral(lines[-1]) if lines else 'it was stopped'}."
        )


def report_file(home: Path, facts: Mapping[str, str]) -> Path:
    """Return where the report about exactly these facts is kept."""
    digest = sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:24]
    return home / "deep_dives" / f"{digest}.html"


def keep_report(file: Path, page: bytes) -> None:
    """Keep a report for whoever asks next, readable by this account only; of all reports the newest 20 stay."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as writing:
        writing.write(page)
    Path(writing.name).replace(file)
    newest_first = sorted(file.parent.glob("*.html"), key=lambda kept: kept.stat().st_mtime, reverse=True)
    for old in newest_first[KEPT_REPORTS:]:
        old.unlink(missing_ok=True)


# The other process


def main(folder: str) -> None:
    """Make the report of the request in ``folder``; runs in a process of its own."""
    _limit_memory()
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 - seconds of CPU, only here
    from evidently.presets import DataDriftPreset  # noqa: PLC0415 - the same

    place = Path(folder)
    asked = json.loads((place / "request.json").read_text(encoding="utf-8"))
    definition = DataDefinition(numerical_columns=asked["numeric"], categorical_columns=asked["categorical"])
    current, reference = (
        Dataset.from_pandas(pd.read_parquet(place / f"{name}.parquet"), data_definition=definition)
        for name in ("current", "reference")
    )
    preset = DataDriftPreset(num_method="wasserstein", cat_method="jensenshannon")
    snapshot = Report([preset], metadata={"title": asked["title"]}).run(current, reference, name=asked["title"])
    page: str = snapshot.get_html_str(as_iframe=False)
    (place / "report.html").write_text(guarded(page, title=asked["title"]), encoding="utf-8")


def guarded(page: str, *, title: str) -> str:
    """Return the page with a policy that lets it reach no network, and with its title."""
    head = f'<meta http-equiv="Content-Security-Policy" content="{REPORT_POLICY}"><title>{neutral(title)}</title>'
    return page.replace("<head>", f"<head>{head}", 1) if "<head>" in page else head + page


def _limit_memory() -> None:
    """Let this process fail before it takes the machine's memory."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


if __name__ == "__main__":
    main(sys.argv[1])
