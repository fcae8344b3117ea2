from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit import config

from dashboard.pack.content import (
    Facts,
    Pack,
    PackError,
    Page,
    Plot,
    Points,
    Said,
    Table,
    fingerprint,
    pack_of,
    text_of,
)
from dashboard.pack.gather import gather
from dashboard.pack.item_pages import model_view
from dashboard.pack.material import Wanted, read
from dashboard.palette import LIGHT
from dashboard.performance_chart import performance
from dashboard.presentation import escape_markdown
from data_access import audit_trail, decision_queries, people
from data_access.portfolio_filter import PortfolioFilter
from data_access.portfolio_standing import ranking
from data_access.registry import Registry
from monitoring import decide
from tests import builders
from tests.dashboard.conftest import Open
from tests.dashboard.model_builders import LAST
from tests.dashboard.pack.conftest import ADDRESS, JUDGED, SINCE


def page_of(pack: Pack, name: str) -> Page:
    return next(page for page in pack.pages if page.name == name)


def tables(page: Page) -> dict[str, Table]:
    return {block.title: block for block in page.wide if isinstance(block, Table)}


def everything_said(value: Any) -> Iterator[Said]:
    if isinstance(value, Said):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from everything_said(part)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from everything_said(getattr(value, name))


def asked(at: str) -> tuple[str, dict[str, list[str]]]:
    page, _, query = at.partition("?")
    return page, parse_qs(query)


def filter_of(at: str) -> PortfolioFilter:
    """Return the filter that the portfolio page reads from an address."""
    _, names = asked(at)
    since = names.get("since")
    return PortfolioFilter(
        verdicts=tuple(names.get("verdict", ())),
        tiers=tuple(int(tier) for tier in names.get("tier", ())),
        teams=tuple(names.get("team", ())),
        use_cases=tuple(names.get("use_case", ())),
        states=tuple(names.get("state", ())),
        changed_since=date.fromisoformat(since[0]) if since else None,
    )


def test_every_count_is_the_one_of_the_page_it_leads_to(pack: Pack, registry: Registry) -> None:
    (table,) = tables(page_of(pack, "standing")).values()
    counted = [cell for row in table.rows if row[0].text != "Change" for cell in row[1:] if cell.at]

    for cell in counted:
        wanted = filter_of(cell.at)
        found = ranking(registry.engine, day=LAST, wanted=wanted)
        there = len(found.of(wanted.verdicts)) if wanted.verdicts else found.standing.models
        if wanted.states:
            there = len(found.rows)
        assert cell.text == str(there), cell.at
    assert len(counted) > 20


def test_the_change_is_what_came_in_less_what_left(pack: Pack) -> None:
    (table,) = tables(page_of(pack, "standing")).values()
    rows = {row[0].text.split(" ")[0]: [cell.text for cell in row[1:-2]] for row in table.rows}

    came, left = ([int(text or 0) for text in rows[name]] for name in ("Came", "Left"))
    changes = [int(text.replace("−", "-")) for text in rows["Change"]]

    assert changes == [one - other for one, other in zip(came, left, strict=True)]
    assert sum(came) == sum(left) == 3


def test_the_figure_of_an_item_is_the_one_of_its_page_number_by_number(
    pack: Pack, registry: Registry, wanted: Wanted
) -> None:
    view = model_view(read(registry, wanted, lambda _: None), JUDGED)
    history, yardstick = view.measured
    chart = performance(history, LIGHT, marks=view.marks, yardstick=yardstick)
    assert chart is not None
    line = next(trace for trace in chart.figure["data"] if "fill" not in trace)

    drawn = next(block for block in page_of(pack, "item-1").left if isinstance(block, Plot))
    curve = next(curve for curve in drawn.curves if curve.style == "line")

    values = dict(zip(drawn.across, curve.values, strict=True))
    assert [values[day] for day in line["x"]] == [round(value, 4) for value in line["y"]]
    assert sum(value is not None for value in curve.values) == len(line["x"]) > 20
    assert drawn.alt == chart.alt
    assert any(entry.words.startswith("reference") for entry in drawn.beside)
    assert [mark.words for mark in drawn.marks if mark.words.startswith("onset")]


@pytest.fixture
def pages(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_option("server.address", "127.0.0.1")
    monkeypatch.setenv("MODELFOLIO_REGISTRY_URL", str(registry.engine.url))
    monkeypatch.setenv("MODELFOLIO_AUDIT_KEY", "a key of the tests")
    monkeypatch.setenv("MODELFOLIO_AS_OF", LAST.isoformat())


def test_what_an_item_says_stands_on_the_page_it_leads_to(pack: Pack, pages: None, open_page: Open) -> None:
    item = page_of(pack, "item-1")
    where, names = asked(item.at)
    page = open_page(where, **{name: values[0] for name, values in names.items()})
    text = "\n".join(str(element.value) for element in [*page.title, *page.header, *page.markdown])
    (facts,) = (block for block in item.wide if isinstance(block, Facts))
    against = next(block for block in item.right if isinstance(block, Points) and block.title == "Against")

    assert escape_markdown(item.title.text) in text
    for said in (item.lead[1], *against.points, *(value for _, value in facts.facts if len(value.text) < 46)):
        assert escape_markdown(said.text, longest=600) in text
    drawn = next(block for block in item.left if isinstance(block, Plot))
    metric = drawn.said.split(";")[0].split(" (")[0]
    assert f"**{escape_markdown(metric)}**" in text


def test_a_reason_comes_with_what_it_was_measured_on(pack: Pack) -> None:
    reasons = next(
        block for block in page_of(pack, "item-1").right if block.kind == "points" and "Retrain" in block.title
    )
    assert reasons.kind == "points"
    assert " labels" in reasons.points[0].text.rpartition("(")[2]


def test_items_are_those_that_need_someone_in_the_order_of_the_portfolio(pack: Pack, registry: Registry) -> None:
    worst = ranking(registry.engine, day=LAST, wanted=PortfolioFilter()).of(("retrain", "fix_data", "retire"))
    shown = [asked(page.at)[1]["model"][0] for page in pack.pages if page.name.startswith("item-")]
    assert shown == [row.model_id for row in worst]
    assert shown[0] == JUDGED


def test_an_open_decision_says_who_is_needed(pack: Pack, registry: Registry) -> None:
    decision = next(block for block in page_of(pack, "item-1").left if block.kind == "points")
    assert decision.kind == "points"
    assert "proposed by Ada Berg" in decision.points[0].text
    assert "Due" in decision.points[0].text
    needed = decision_queries.decision(registry, 1).waiting_for(people.everyone(registry))
    assert decision.points[0].text.endswith(needed)


def test_decisions_taken_since_are_those_of_the_registry_with_what_came_of_them(pack: Pack, registry: Registry) -> None:
    frame = decision_queries.all_decisions(registry, on=LAST)
    taken = frame[frame["decided_on"].notna()]
    shown = tables(page_of(pack, "decisions"))

    assert [row[0].text for row in shown["Decided by people"].rows] == list(taken["model"]) == ["Card churn"]
    assert shown["Decided by people"].rows[0][2].text.startswith("rejected by Marie Novak, ")
    assert shown["Under standing approval, without a person"].none.startswith("None")


def test_everybody_who_approved_is_named(own_registry: Registry, wanted: Wanted) -> None:
    waiting: Any = {"on": LAST, "now": builders.NOW}
    for person in ("marie", "rosa"):
        seen = decide.review(own_registry, 1, by=f"{person}@example.org", on=LAST).present.hash
        decide.approve(own_registry, 1, comment="", seen_evidence=seen, by=f"{person}@example.org", **waiting)
    page = page_of(gather(own_registry, replace(wanted, top=0)), "decisions")
    answers = {row[0].text: row[2].text for row in tables(page)["Decided by people"].rows}
    assert answers["SME default"].startswith("approved by Marie Novak and Rosa Haddad, ")


def test_open_actions_of_meetings_are_listed_and_none_is_said(pack: Pack, registry: Registry, wanted: Wanted) -> None:
    assert page_of(pack, "follow-up").title.text == "Nothing is overdue; 1 action open"
    row = tables(page_of(pack, "follow-up"))["Open actions of earlier meetings"].rows[0]
    assert [cell.text for cell in row] == ["Ask the feed's owner", "Card churn", "Max Rao", "overdue 1 d"]

    without = page_of(gather(registry, replace(wanted, actions=(), top=0)), "follow-up")
    assert without.title.text == "Nothing is overdue; no action is open"
    assert tables(without)["Open actions of earlier meetings"].none == "No meeting left an action that is still open."


def test_a_model_that_was_registered_since_is_new_and_one_whose_retirement_ended_is_gone(
    own_registry: Registry, wanted: Wanted
) -> None:
    empty = page_of(gather(own_registry, replace(wanted, top=0)), "came-and-went")
    assert empty.title.text.startswith("No new models, none retired; policy version 1 is in force")
    retired, suspended = ({"action": action, "state": "closed"} for action in ("retire", "suspend"))
    told = (
        ("register_model", "income-check", None),
        ("confirm_out_of_service", "invoice-match", retired),
        ("confirm_out_of_service", "card-churn", suspended),
        ("traffic_gone", "old-score", retired),
    )
    with own_registry.write() as session:
        for action, model_id, after in told:
            audit_trail.append(
                session,
                at=datetime.combine(LAST, time(12), tzinfo=UTC),
                recorded_at=builders.NOW,
                actor="marie@example.org",
                role="approver",
                action=action,
                subject_kind="decision",
                subject_id="9",
                model_id=model_id,
                after=after,
            )
    page = page_of(gather(own_registry, replace(wanted, top=0)), "came-and-went")

    assert page.title.text.startswith("1 new model, 2 retired; policy version 1 is in force")
    assert [row[0].text for row in tables(page)["Registered"].rows] == ["Income check"]
    assert [row[0].text for row in tables(page)["Retired"].rows] == ["Old score", "Invoice match"]


def test_a_proposal_past_its_day_is_overdue(registry: Registry, wanted: Wanted) -> None:
    later = gather(registry, replace(wanted, day=LAST + timedelta(days=30), since=LAST, top=0))
    page = page_of(later, "follow-up")
    assert page.title.text == "1 answer overdue; 1 action open"
    rows = tables(page)["Answer overdue"].rows
    assert [(row[0].text, row[2].text) for row in rows] == [("SME default", "answer the proposal")]
    assert tables(page)["Outcome overdue"].rows == ()
    assert rows[0][3].text.startswith("overdue ")


def test_the_scope_limits_every_page_and_every_address_of_the_portfolio(registry: Registry, wanted: Wanted) -> None:
    found = gather(registry, replace(wanted, scope=PortfolioFilter(teams=("Cards",), tiers=(2,), verdicts=("keep",))))

    assert found.cover.scope == "Tier 2; team Cards"
    names = {said.text for said in everything_said(found.pages) if said.at.startswith("model?")}
    assert "Card churn" in names
    assert not names & {"SME default", "Mule account", "Limit increase"}
    for said in everything_said(found.pages):
        page, parameters = asked(said.at)
        if page == "" and parameters:
            assert parameters["team"] == ["Cards"]
            assert parameters["tier"] == ["2"]


def test_the_same_content_has_the_same_hash_and_other_content_another(
    pack: Pack, registry: Registry, wanted: Wanted
) -> None:
    again, other = gather(registry, wanted), gather(registry, replace(wanted, since=SINCE - timedelta(days=1)))
    assert fingerprint(text_of(again)) == fingerprint(text_of(pack))
    assert fingerprint(text_of(other)) != fingerprint(text_of(pack))


def test_content_is_read_back_as_it_was_and_anything_else_is_refused(pack: Pack) -> None:
    text = text_of(pack)
    assert pack_of(text) == pack
    assert "<" not in text
    with pytest.raises(PackError, match="cannot be read"):
        pack_of('{"pages": 1}')
    with pytest.raises(PackError, match="format 2"):
        pack_of(text.replace('"format":1', '"format":2'))


def test_every_address_is_one_of_the_product(pack: Pack, hostile_pack: Pack) -> None:
    pages = {"", "model", "shifts", "approvals", "retraining", "policies", "audit"}
    for each in (pack, hostile_pack):
        assert {asked(said.at)[0] for said in everything_said(each.pages)} <= pages
    assert pack.address == ADDRESS


def test_steps_are_told_up_to_the_last(registry: Registry, wanted: Wanted) -> None:
    told: list[tuple[int, int]] = []
    gather(registry, wanted, report=lambda done, total, _: told.append((done, total)))
    assert [done for done, _ in told] == list(range(len(told)))
    assert told[-1][0] == told[-1][1] - 1
