"""What came of the models of a scenario, as tables: false alarms, detections, delays, with intervals."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from benchmarks.validate_cases import CONCEPT, FEED, HEALTHY, HELPED, RETRAINED, SCENARIOS, TRAFFIC, USELESS
from benchmarks.validate_judge import ALARMS, WATCHED_LOSS, Outcome
from benchmarks.validate_real import REAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAYS_A_MONTH = 30.0
PROVABLE = 6.0
MATERIAL = 0.15
ALARM_BAR, CHANGE_BAR, DETECTION_BAR = 0.02, 0.10, 0.95


def expects(scenario: str) -> str:
    """Return what ought to be said of the models of a scenario."""
    return REAL[scenario][0] if scenario in REAL else SCENARIOS[scenario].expects


def spells(said: Iterable[str], wanted: Iterable[str]) -> int:
    """Return how many unbroken runs of the wanted verdicts there are.

    >>> spells(["keep", "retrain", "retrain", "fix_data", "keep", "retrain"], ["retrain"])
    2
    """
    chosen = set(wanted)
    return sum(1 for verdict, _ in groupby(said) if verdict in chosen)


def changes(said: tuple[str, ...]) -> int:
    """Return how often the verdict changed from one day to the next."""
    return sum(a != b for a, b in pairwise(said))


def rate_interval(count: float, months: float) -> tuple[float, float]:
    """Return the 95 % interval of a rate per month from a Poisson count (Garwood 1936)."""
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low) / months, float(stats.chi2.ppf(0.975, 2 * count + 2)) / 2 / months


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if not n:
        return 0.0, 1.0
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float((middle - half) / (1 + z * z / n)), float((middle + half) / (1 + z * z / n))


def first_day(outcome: Outcome, wanted: set[str], *, since: int, findings: bool = False) -> int | None:
    """Return the first day from ``since`` on with one of the wanted verdicts (or findings)."""
    for i, (verdict, kinds) in enumerate(zip(outcome.said, outcome.kinds, strict=True)):
        if i + outcome.first >= since and (kinds & wanted if findings else verdict in wanted):
            return i + outcome.first
    return None


def healthy_lines(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the table of models in which nothing harmful happens."""
    yield "\n| nothing harmful happens | models | months | retrain | retire | fix data | false spells a month [95 %] | changes a month |"
    yield "|---|---|---|---|---|---|---|---|"
    total = np.zeros(6)
    for name, group in groupby(outcomes, key=lambda o: o.scenario):
        found = list(group)
        months = sum(len(o.said) for o in found) / DAYS_A_MONTH
        each = [sum(spells(o.said, [kind]) for o in found) for kind in ALARMS]
        moved = sum(changes(o.said) for o in found)
        total += [len(found), months, *each, moved]
        yield _healthy_line(name, len(found), months, each, moved)
    yield _healthy_line("**all**", int(total[0]), total[1], [int(x) for x in total[2:5]], int(total[5]))


def _healthy_line(name: str, models: int, months: float, each: list[int], moved: int) -> str:
    low, high = rate_interval(sum(each), months)
    rate, change = sum(each) / months, moved / months
    flags = (" **!**" if rate > ALARM_BAR else "", " **!**" if change > CHANGE_BAR else "")
    return (
        f"| {name} | {models} | {months:.0f} | {each[0]} | {each[1]} | {each[2]} | "
        f"{rate:.3f} [{low:.3f}, {high:.3f}]{flags[0]} | {change:.3f}{flags[1]} |"
    )


def _label_delay(outcome: Outcome, day: int) -> int:
    return sum(1 for t in outcome.label_days if t <= day)


def _percentiles(values: list[int]) -> str:
    return f"{np.median(values):.0f} / {np.quantile(values, 0.9):.0f}" if values else "-"


def concept_lines(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the table of lost skill: among models whose labels can prove a material loss."""
    yield (
        "\n| skill is lost | models | provable | asked to retrain | share [95 %] | noticed | label days to notice, median / 90 % | "
        "to retrain | provable in 4 days: to retrain | calendar days | false before |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name, group in groupby(outcomes, key=lambda o: o.scenario):
        yield _concept_line(name, list(group))


def _concept_line(name: str, found: list[Outcome]) -> str:
    before = sum(spells(o.said[: max((o.start or 0) - o.first, 0)], ALARMS) for o in found)
    provable = [o for o in found if o.effect >= MATERIAL and o.provable_28 >= PROVABLE]
    asked, seen, quick, calendar, noticed = [], [], [], [], 0
    for o in provable:
        begin = o.label_days[0] if o.label_days else 0
        day = first_day(o, {"retrain", "retire"}, since=begin)
        eye = first_day(o, WATCHED_LOSS, since=begin, findings=True)
        if eye is not None:
            noticed += 1
            seen.append(_label_delay(o, eye))
        if day is not None:
            asked.append(_label_delay(o, day))
            calendar.append(day - (o.start or 0) + 1)
            if o.provable_4 >= PROVABLE:
                quick.append(asked[-1])
    low, high = share_interval(len(asked), len(provable))
    share = len(asked) / len(provable) if provable else float("nan")
    flag = " **!**" if provable and share < DETECTION_BAR else ""
    return (
        f"| {name} | {len(found)} | {len(provable)} | {len(asked)} | {share:.2f} [{low:.2f}, {high:.2f}]{flag} | {noticed} | "
        f"{_percentiles(seen)} | {_percentiles(asked)} | {_percentiles(quick)} (n={len(quick)}) | {_percentiles(calendar)} | {before} |"
    )


def feed_lines(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the table of broken feeds: fix data within two days."""
    yield "\n| a feed breaks | models | fix data | within 2 days [95 %] | days, median / 90 % | at least noticed | false before | wrongly retrain |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, group in groupby(outcomes, key=lambda o: o.scenario):
        yield _feed_line(name, list(group))


def _feed_line(name: str, found: list[Outcome]) -> str:
    before = sum(spells(o.said[: max((o.start or 0) - o.first, 0)], ALARMS) for o in found)
    wrong = sum(first_day(o, {"retrain"}, since=o.start or 0) is not None for o in found)
    delays, noticed = [], 0
    for o in found:
        start = o.start or 0
        day = first_day(o, {"fix_data"}, since=start)
        noticed += any(verdict != "keep" for verdict in o.said[start - o.first : start - o.first + 2])
        if day is not None:
            delays.append(day - start + 1)
    soon = sum(d <= 2 for d in delays)
    low, high = share_interval(soon, len(found))
    flag = " **!**" if soon < DETECTION_BAR * len(found) else ""
    return (
        f"| {name} | {len(found)} | {len(delays)} | {soon / len(found):.2f} [{low:.2f}, {high:.2f}]{flag} | "
        f"{_percentiles(delays)} | {noticed} | {before} | {wrong} |"
    )


EXPECTED_VERDICTS = {
    TRAFFIC: {"unknown", "watch", "retire"},
    USELESS: {"retire"},
    RETRAINED: {"retire"},
    HELPED: {"keep"},
}
RETRAINED_ON = 90


def other_lines(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the table of the other fates."""
    yield "\n| otherwise | models | said | share [95 %] | of those that labels can prove | days, median / 90 % | false after a retraining that helps | last verdicts |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, group in groupby(outcomes, key=lambda o: o.scenario):
        found = list(group)
        wanted = EXPECTED_VERDICTS[expects(name)]
        start = {USELESS: 0, RETRAINED: RETRAINED_ON, HELPED: RETRAINED_ON}.get(expects(name))
        begins = [o.start or 0 if start is None else start for o in found]
        days = [first_day(o, wanted, since=begin) for o, begin in zip(found, begins, strict=True)]
        delays = [day - begin + 1 for day, begin in zip(days, begins, strict=True) if day is not None]
        low, high = share_interval(len(delays), len(found))
        proven = [
            d is not None
            for d, o in zip(days, found, strict=True)
            if o.provable_28 >= PROVABLE and o.effect >= MATERIAL
        ]
        of_proven = f"{sum(proven)} of {len(proven)}" if expects(name) == RETRAINED else "-"
        false = sum(spells(o.said[RETRAINED_ON - o.first :], ALARMS) for o in found)
        ends = ", ".join(f"{v} {sum(o.said[-1] == v for o in found)}" for v in sorted({o.said[-1] for o in found}))
        yield (
            f"| {name} | {len(found)} | {len(delays)} | {len(delays) / len(found):.2f} [{low:.2f}, {high:.2f}] | "
            f"{of_proven} | {_percentiles(delays)} | {false if expects(name) == HELPED else '-'} | {ends} |"
        )


def shown_lines(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield one line per spell of a healthy model that should not be, and per harmful change that was missed."""
    for o in outcomes:
        ought = expects(o.scenario)
        if ought == HEALTHY:
            at = o.first
            for verdict, run in groupby(zip(o.said, o.kinds, strict=True), key=lambda pair: pair[0]):
                days = list(run)
                if verdict != "keep":
                    yield f"  {o.scenario} #{o.seed} {o.note}: {verdict} t={at}..{at + len(days) - 1} {sorted(days[0][1])}"
                at += len(days)
        elif ought in {CONCEPT, FEED}:
            wanted = {"retrain", "retire"} if ought == CONCEPT else {"fix_data"}
            missed = first_day(o, wanted, since=o.start or 0) is None
            if missed and (ought == FEED or (o.provable_28 >= PROVABLE and o.effect >= MATERIAL)):
                kinds = sorted(set().union(*o.kinds[(o.start or 0) - o.first :]))
                yield f"  MISSED {o.scenario} #{o.seed} {o.note} effect={o.effect:.2f} z28={o.provable_28:.1f}: {kinds}"


def tables(outcomes: list[Outcome], *, show: bool = False) -> Iterator[str]:
    """Yield every table that the outcomes fill."""
    by_kind: dict[str, list[Outcome]] = {}
    for o in outcomes:
        by_kind.setdefault(expects(o.scenario), []).append(o)
    if HEALTHY in by_kind:
        yield from healthy_lines(by_kind[HEALTHY])
    if CONCEPT in by_kind:
        yield from concept_lines(by_kind[CONCEPT])
    if FEED in by_kind:
        yield from feed_lines(by_kind[FEED])
    rest = [o for kind in (TRAFFIC, USELESS, RETRAINED, HELPED) for o in by_kind.get(kind, [])]
    if rest:
        yield from other_lines(rest)
    if show:
        yield ""
        yield from shown_lines(outcomes)
