"""The pages of a pack about the portfolio as a whole: its cover, where it stands, what changed, what came and what went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.pack.content import Column, Cover, Curve, Page, Plot, Points, Said, Table
from dashboard.palette import LIGHT
from dashboard.policy_words import in_force_words, state_words
from dashboard.portfolio_table import verdict_text, why
from dashboard.portfolio_words import chance_line, coverage, heading
from dashboard.presentation import (
    VERDICT_LABELS,
    instant,
    long_date,
    number,
    one_line,
    plural,
    short_date,
    signed,
)
from dashboard.tables import owner_name, records
from data_access.portfolio_filter import RETIRED, TIER_NOT_SET
from monitoring.assessment import Verdict
from monitoring.policy_version import FIRST_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from dashboard.pack.content import Block
    from dashboard.pack.material import Material
    from data_access.portfolio_standing import Ranked, Ranking

MOST_LISTED = 18
LONGEST_NAME = 90
LONGEST_REASON = 400
NOBODY = "no owner"


def day_and_year(day: Any) -> str:
    """Return a date with its year, for tables that may cross one: "8 Nov 2026"."""
    return f"{short_date(day)} {day.year}"


def model_said(material: Material, model_id: str, name: str, tab: str = "") -> Said:
    """Return a model's name with the address of its page."""
    return Said(one_line(name, longest=LONGEST_NAME), material.wanted.at_model(model_id, tab))


def verdict_said(verdict: str) -> Said:
    """Return a verdict with its mark, in its colour."""
    return Said(verdict_text(verdict, ""), verdict=verdict)


def more_than(rows: int, *, at: str) -> Said:
    """Return what is not listed, with the way to it."""
    return Said(f"and {number(rows - MOST_LISTED)} more", at) if rows > MOST_LISTED else Said("")


def cover(material: Material) -> Cover:
    """Return what the pack is about."""
    wanted, standing = material.wanted, material.ranking.standing
    cut_off = "nothing is assessed yet"
    if standing.newest_day is not None:
        cut_off = f"verdicts up to {long_date(standing.newest_day)}, assessed {instant(standing.assessed_at)}"
    policy = state_words(material.policy, material.policies, today=wanted.day)
    version = f"version {material.policy.number}"
    newest = f"data up to {day_and_year(standing.newest_day)}" if standing.newest_day else cut_off
    return Cover(
        title="Evidence pack",
        scope=wanted.scope_words,
        as_known_on=long_date(wanted.day),
        since=long_date(wanted.since),
        data_cut_off=cut_off,
        policy=f"{version}, {policy}",
        audit_head=material.audit_head,
        running=f"As known on {day_and_year(wanted.day)} · {newest} · policy {version}",
    )


def standing(material: Material) -> Page:
    """Return where the portfolio stands: coverage, models by tier and verdict, and the change."""
    wanted, found = material.wanted, material.ranking.standing
    level = min(policy.cusum_retrain for policy in material.policy.policies)
    chance = chance_line(found, level=level)
    is_retired = {row.model_id: row.is_retired for row in material.ranking.rows}
    zombies = sum(is_retired[each.model_id] for each in material.zombies)
    return Page(
        name="standing",
        title=Said(heading(found, wanted.models, zombies=zombies), wanted.at_portfolio()),
        lead=(Said(coverage(found), wanted.at_portfolio()),),
        lines=(Said(chance, wanted.at_portfolio()),) if chance else (),
        at=wanted.at_portfolio(),
        wide=(_by_verdict(material), _by_tier(material)),
    )


def _by_verdict(material: Material) -> Plot:
    now, changes = material.ranking.standing.counts, material.ranking.standing.changes
    before = [now[each] - changes[each] for each in Verdict]
    top = max([*now.values(), *before, 1])
    was, today = day_and_year(material.wanted.since), day_and_year(material.wanted.day)
    said = ", ".join(f"{VERDICT_LABELS[each].word} {now[each]:,}" for each in Verdict)
    return Plot(
        title=Said("Models by verdict", material.wanted.at_portfolio()),
        said=f"grey on {was}, in colour on {today}",
        alt=f"Models by verdict on {today}: {said}.",
        shape="columns",
        across=tuple(VERDICT_LABELS[each].text for each in Verdict),
        curves=(
            Curve(was, "bars", tuple(float(n) for n in before), (LIGHT.quiet,), tuple(f"{n:,}" for n in before)),
            Curve(
                today,
                "bars",
                tuple(float(now[each]) for each in Verdict),
                tuple(LIGHT.verdicts[each] for each in Verdict),
                tuple(f"{now[each]:,}" for each in Verdict),
            ),
        ),
        low=0.0,
        high=1.15 * top,
    )


def _by_tier(material: Material) -> Table:
    wanted = material.wanted
    rows = [
        (
            Said("Tier not set" if tier == TIER_NOT_SET else f"Tier {tier}"),
            *_counts(material, found, tier=str(tier)),
        )
        for tier, found in material.tiers.items()
    ]
    rows.append((Said("All"), *_counts(material, material.ranking)))
    rows.append((Said("Change"), *_changes(material)))
    changed = material.changed()
    for title, place in (("Came in", "verdict"), ("Left", "before")):
        counts = [sum(getattr(row, place) == each.value for row in changed) for each in Verdict]
        at = [
            wanted.at_portfolio(since=wanted.since.isoformat(), verdict=each.value) if place == "verdict" else ""
            for each in Verdict
        ]
        cells = (Said(number(n) if n else "", where if n else "") for n, where in zip(counts, at, strict=True))
        rows.append((Said(f"{title} since {short_date(wanted.since)}"), *cells, Said(""), Said(number(sum(counts)))))
    return Table(
        title=f"Models by tier and verdict, change since {day_and_year(wanted.since)}",
        columns=(
            Column("", 20),
            *(
                Column(VERDICT_LABELS[each].text, max(11, len(VERDICT_LABELS[each].text)), is_number=True)
                for each in Verdict
            ),
            Column("Retired", 9, is_number=True),
            Column("Models", 9, is_number=True),
        ),
        rows=tuple(rows),
        none="There is no model in this scope.",
    )


def _counts(material: Material, found: Ranking, **tier: str) -> tuple[Said, ...]:
    wanted, counts = material.wanted, found.standing.counts
    cells = [
        Said(number(counts[each]), wanted.at_portfolio(verdict=each.value, **tier), each.value if counts[each] else "")
        for each in Verdict
    ]
    retired = Said(number(found.standing.retired), wanted.at_portfolio(state=RETIRED, **tier))
    return (*cells, retired, Said(number(found.standing.models), wanted.at_portfolio(**tier)))


def _changes(material: Material) -> tuple[Said, ...]:
    changes = material.ranking.standing.changes
    at = material.wanted.at_portfolio(since=material.wanted.since.isoformat())
    return (*(Said(signed(changes[each]) or "0", at) for each in Verdict), Said(""), Said(""))


def changed(material: Material) -> Page:
    """Return which models have another verdict, worst expected loss first."""
    wanted, ranked = material.wanted, material.changed()
    since = day_and_year(wanted.since)
    at = wanted.at_portfolio(since=wanted.since.isoformat())
    title = f"{plural(len(ranked), 'verdict')} changed since {since}" if ranked else f"No verdict changed since {since}"
    listed = ranked[:MOST_LISTED]
    before = {row.model_id: row.before for row in listed}
    return Page(
        name="changed",
        title=Said(title, at),
        lead=(),
        lines=(Said("Worst expected loss first.", at),) if ranked else (),
        at=at,
        wide=(
            Table(
                title="Verdicts then and now",
                columns=(
                    Column("Model", 24),
                    Column("Was", 19),
                    Column("Is", 19),
                    Column("Why", 40),
                    Column("Tier", 6),
                    Column("Owner", 16),
                ),
                rows=tuple(
                    (
                        model_said(material, row.model_id, row.name),
                        verdict_said(before[row.model_id]),
                        verdict_said(row.verdict),
                        Said(one_line(why(row))),
                        Said(number(row.tier, missing="not set")),
                        Said(owner_name(row.owner, row.owner_name) or NOBODY),
                    )
                    for row in material.rows(listed)
                ),
                none="Every model has the verdict it had.",
                more=more_than(len(ranked), at=at),
            ),
        ),
    )


def came_and_went(material: Material) -> Page:
    """Return which models came and went and which policy holds, with what changed since the day compared with."""
    wanted, new, gone, since = (
        material.wanted,
        len(material.new),
        len(material.retired),
        day_and_year(material.wanted.since),
    )
    policy = material.policy
    in_force = f"policy version {policy.number} is in force since {in_force_words(policy)}"
    words = plural(material.ranking.standing.retired, "retired model")
    return Page(
        name="came-and-went",
        title=Said(
            f"{number(new) if new else 'No'} new {'model' if new == 1 else 'models'}, {number(gone) if gone else 'none'} retired; {in_force}"
        ),
        lead=(),
        lines=(
            Said(f"Since {since}, from the audit trail."),
            Said(
                f"{words} in this scope in all; they stay listed and are watched for traffic.",
                wanted.at_portfolio(state=RETIRED),
            ),
        ),
        at=wanted.at("policies"),
        wide=(
            _events(material, material.new, "Registered", f"No model was registered since {since}."),
            _events(material, material.retired, "Retired", f"No model was retired since {since}."),
            _zombies(material),
            *_policies(material),
        ),
    )


def _events(material: Material, events: pd.DataFrame, title: str, none: str) -> Table:
    listed = records(events.head(MOST_LISTED))
    names, verdicts = material.names_of(each.model_id for each in listed), _verdicts(material)
    return Table(
        title=title,
        columns=(Column("Model", 40), Column("On", 16), Column("By", 24), Column("Verdict", 20)),
        rows=tuple(
            (
                model_said(material, each.model_id, names.get(each.model_id, each.model_id)),
                Said(
                    day_and_year(each.at.date()), material.wanted.at("audit", model=each.model_id, action=each.action)
                ),
                Said(one_line(material.name(each.actor), longest=LONGEST_NAME)),
                verdict_said(verdicts.get(each.model_id, Verdict.UNKNOWN.value)),
            )
            for each in listed
        ),
        none=none,
        more=more_than(len(events), at=material.wanted.at("audit")),
    )


def _zombies(material: Material) -> Table:
    return Table(
        title="Out of service and still scored",
        columns=(Column("Model", 40), Column("What was seen", 60)),
        rows=tuple(
            (model_said(material, each.model_id, each.name), Said(one_line(each.short)))
            for each in material.zombies[:MOST_LISTED]
        ),
        none="No retired model is still scored.",
        more=more_than(len(material.zombies), at=material.wanted.at_portfolio(lens="zombie")),
    )


def _verdicts(material: Material) -> dict[str, str]:
    serving: list[Ranked] = [row for row in material.ranking.rows if not row.is_retired]
    return {row.model_id: row.verdict for row in serving}


def _policies(material: Material) -> Iterator[Block]:
    """Yield which versions of the policy were proposed, decided or came into force since the day compared with."""
    wanted = material.wanted
    since, day = wanted.since, wanted.day
    found = [
        version
        for version in material.policy_versions
        if version.number != FIRST_VERSION.number
        and any(
            moment and since <= moment <= day
            for moment in (version.proposed_on, version.decided_on, version.in_force_from)
        )
    ]
    by_number = {version.number: version for version in material.policy_versions}
    rows, points = [], []
    for version in found:
        at = wanted.at("policies", version=str(version.number))
        rows.append(
            (
                Said(f"Version {version.number}", at),
                Said(state_words(version, material.policies, today=day), at),
                Said(one_line(material.name(version.proposed_by), longest=LONGEST_NAME)),
                Said(day_and_year(version.proposed_on)),
                Said(one_line(version.reason, longest=LONGEST_REASON)),
            )
        )
        base = by_number.get(version.based_on or FIRST_VERSION.number, FIRST_VERSION)
        points += [Said(f"Version {version.number}: {each.sentence}", at) for each in version.differences(base)]
    yield Table(
        title="Changes of the policy",
        columns=(
            Column("Version", 14),
            Column("State", 26),
            Column("Proposed by", 18),
            Column("On", 14),
            Column("Why", 44),
        ),
        rows=tuple(rows),
        none=f"No version was proposed, decided or came into force since {day_and_year(since)}.",
    )
    if points:
        yield Points("What they change", tuple(points))
