from datetime import timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from dashboard.presentation import csv_bytes
from data_access.assessment_store import RegistryAssessments
from data_access.portfolio_filter import PortfolioFilter
from data_access.portfolio_queries import overview
from data_access.portfolio_standing import ranking
from data_access.registry import Registry
from data_access.tables import ModelRow
from monitoring import decide
from monitoring.assessment import Verdict
from monitoring.lifecycle import Action
from tests import builders
from tests.builders import Built
from tests.dashboard.conftest import Open, page_statements

RANKS = "z_28"
READS_SPARKLINES = "CAST(assessments.day"


def shown(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["Model"])


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.title, *page.markdown, *page.info, *page.success])


def test_heading_is_the_answer(registry: Registry, open_page: Open) -> None:
    assert open_page().title[0].value == "7 of 11 models judged; 4 need someone"


def test_coverage_says_why_models_are_not_judged_and_what_rests_on_estimates(
    registry: Registry, open_page: Open
) -> None:
    text = texts(open_page())

    assert "3 not judged" in text
    for reason in ("1 with too little to judge on", "1 never assessed", "1 without a mapped log"):
        assert reason in text
    assert "Of those performing well, 1 on estimates." in text
    assert "1 retired." in text


def test_the_list_says_how_many_losses_are_more_than_chance_and_how_many_signals_are_chance(
    registry: Registry, open_page: Open
) -> None:
    text = texts(open_page())

    assert "3 of 7 models measured on labels have lost more than chance explains" in text
    assert "about one in ten of those is expected to be chance" in text
    assert "by chance alone fewer than one retrain signal a month" in text
    assert "chance" not in texts(open_page(verdict=["retrain"])).replace("by chance, since", "")


def test_a_model_whose_last_assessment_failed_is_counted(registry: Registry, open_page: Open) -> None:
    assert "failed" not in texts(open_page())
    RegistryAssessments(registry).keep_failure("card-churn", "no table", now=builders.NOW)
    assert "The last assessment of 1 model failed; the reason is on its page." in texts(open_page())


def test_worst_expected_loss_comes_first_and_retired_models_last(registry: Registry, open_page: Open) -> None:
    models = shown(open_page())

    assert models[:4] == ["Sme default", "Mule account", "Card churn", "Invoice match"]
    assert models[-1] == "Old scorecard"


def test_verdict_is_shown_with_mark_and_word(registry: Registry, open_page: Open) -> None:
    table = open_page().dataframe[0].value

    assert table.loc[0, "Verdict"] == "▲\u2002Retrain"
    assert list(table["Verdict"])[-1] == "Retired"


def test_sparklines_are_sent_once_and_a_byte_a_point(registry: Registry, open_page: Open) -> None:
    sent = open_page().dataframe[0]

    lines = [line for name in ("Advantage", "Drift", "Traffic") for line in sent.value[name] if line is not None]
    assert lines
    assert {line.dtype.name for line in lines} == {"uint8"}
    assert max(line.max() for line in lines) <= 200
    words = pa.ipc.open_stream(sent.proto.arrow_data.styler.display_values).read_pandas()
    assert words[["Advantage", "Drift", "Traffic", "Why"]].isna().all(axis=None)


def test_estimated_advantage_is_called_estimated(registry: Registry, open_page: Open) -> None:
    # The shown text lies in the styled frame's display values; the value itself stays a number that sorts.
    styler = open_page().dataframe[0].proto.arrow_data.styler

    words = pa.ipc.open_stream(styler.display_values).read_pandas()
    assert words["Now"].dropna().str.endswith(" % est.").sum() == 1


@pytest.mark.parametrize(
    ("parameters", "models"),
    [
        ({"verdict": ["retrain"]}, ["Sme default", "Card churn"]),
        ({"verdict": ["fix_data", "retire"]}, ["Mule account", "Invoice match"]),
        ({"team": ["Cards"]}, ["Card churn"]),
        ({"tier": ["0"]}, ["Income check"]),
        ({"owner": ["max@example.org"]}, ["Next product"]),
        ({"q": "MAX RAO"}, ["Next product"]),
        ({"q": "mule"}, ["Mule account"]),
        ({"lens": ["no_owner"]}, ["Income check"]),
        ({"lens": ["no_log", "tier_not_set"]}, ["Income check", "Inventory only"]),
        ({"state": ["retired"]}, ["Old scorecard"]),
        ({"since": ["2026-11-18"], "sort": ["name"]}, ["Card churn", "Income check"]),
        ({"verdict": ["retrain"], "sort": ["name"]}, ["Card churn", "Sme default"]),
        ({"team": ["Cards", "AML"], "sort": ["tier"]}, ["Mule account", "Card churn"]),
    ],
)
def test_shared_link_shows_the_same_rows(
    registry: Registry, open_page: Open, parameters: dict[str, list[str]], models: list[str]
) -> None:
    assert shown(open_page(**parameters)) == models


def test_unknown_values_in_a_link_are_ignored(registry: Registry, open_page: Open) -> None:
    nonsense = {
        "verdict": ["dreadful"],
        "team": ["nobody"],
        "tier": ["77"],
        "lens": ["x"],
        "state": ["x"],
        "sort": ["x"],
    }
    assert len(shown(open_page(**nonsense, since="yesterday"))) == 11
    assert len(shown(open_page(since="2999-01-01"))) == 11


def test_percent_sign_in_the_search_is_not_a_wildcard(registry: Registry, open_page: Open) -> None:
    page = open_page(q="%")

    assert not page.dataframe
    assert page.title[0].value == "No model passes these filters"
    assert "There are 11 models in all." in texts(page)


def test_clear_filters_brings_every_model_back(registry: Registry, open_page: Open) -> None:
    page = open_page(q="nothing like this")
    page.button(key="pf_clear_empty").click().run()

    assert len(shown(page)) == 11


def test_empty_registry_says_what_to_do_next(empty_registry: Registry, open_page: Open) -> None:
    page = open_page()

    assert page.title[0].value == "No model is registered yet"
    assert "modelfolio import" in page.code[0].value


def test_one_model_reads_as_one(empty_registry: Registry, open_page: Open) -> None:
    builders.add_models(empty_registry, Built("alone", Verdict.RETRAIN))

    assert open_page().title[0].value == "1 of 1 model judged; 1 needs someone"


def test_nothing_later_than_the_clock_is_shown(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELFOLIO_AS_OF", "2026-11-15")
    page = open_page(q="mule")

    assert str(page.dataframe[0].value.loc[0, "Verdict"]).endswith("Performing well")
    assert "Sun 15 Nov 2026" in texts(page)


def test_stale_assessment_is_said_above_everything(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELFOLIO_AS_OF", "2026-11-30")

    assert "last assessed for 22 Nov, 8 days ago" in open_page(acting_as="vera@example.org").info[0].value


@pytest.mark.parametrize("name", builders.HOSTILE_NAMES)
def test_hostile_name_stays_text(empty_registry: Registry, open_page: Open, name: str) -> None:
    builders.add_people(empty_registry)
    builders.add_models(empty_registry, Built("hostile", Verdict.RETRAIN, name=name, team=name, use_case=name))
    page = open_page(acting_as="ada@example.org")

    assert shown(page) == [name]
    assert "![" not in texts(page).replace("\\!", "")


def tick(page: AppTest, *rows: int, table: int = 0) -> AppTest:
    key = page.dataframe[table].proto.id.split("-", 2)[-1]
    page.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return page.run()


def test_ticked_models_can_be_proposed_by_an_approver(registry: Registry, open_page: Open) -> None:
    page = tick(open_page(acting_as="marie@example.org"), 0, 2)

    assert page.button(key="propose").label == "Propose for 2 models"
    assert not page.button(key="propose").disabled


@pytest.mark.parametrize("email", ["tim@example.org", "vera@example.org"])
def test_auditor_and_viewer_are_told_why_they_cannot_propose(registry: Registry, open_page: Open, email: str) -> None:
    page = tick(open_page(acting_as=email), 0)

    assert page.button(key="propose").disabled
    assert "may propose for Sme default" in page.button(key="propose").help


def test_visitor_who_is_not_signed_in_reads_and_is_told_so(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODELFOLIO_DEMO_SIGN_IN")
    page = tick(open_page(), 0)

    assert "You are not signed in" in page.info[0].value
    assert page.button(key="propose").disabled
    assert [each.label for each in page.selectbox] == ["Order"]


def test_the_order_is_chosen_on_the_page_and_kept_in_the_address(registry: Registry, open_page: Open) -> None:
    page = open_page()
    page.selectbox(key="pf_sort").set_value("name").run()

    assert shown(page)[:2] == ["Card churn", "Income check"]
    assert page.query_params["sort"] == "name"
    assert "by name" in texts(page)
    page.selectbox(key="pf_sort").set_value("loss").run()
    assert "sort" not in page.query_params


def test_a_reason_for_attention_is_chosen_on_the_page_and_kept_in_the_address(
    registry: Registry, open_page: Open
) -> None:
    page = open_page()
    page.multiselect(key="pf_lens").set_value(["no_owner"]).run()

    assert shown(page) == ["Income check"]
    assert page.query_params["lens"] == "no_owner"
    page.button(key="pf_clear").click().run()
    assert len(shown(page)) == 11
    assert "lens" not in page.query_params


def test_verdicts_are_compared_with_the_day_that_is_asked_for(registry: Registry, open_page: Open) -> None:
    page = open_page(since="2026-11-18")

    assert dict(zip(shown(page), page.dataframe[0].value["Was"], strict=True)) == {
        "Card churn": "●\u2002Performing well",
        "Income check": "●\u2002Performing well",
    }
    assert "± since 18 Nov" in texts(page)
    assert "± since 15 Nov" in texts(open_page())


def test_choosing_a_verdict_does_not_make_the_counts_those_of_chosen_models(
    registry: Registry, open_page: Open
) -> None:
    assert open_page(verdict=["retrain"]).title[0].value == "7 of 11 models judged; 4 need someone"
    assert open_page(team=["Cards"]).title[0].value == "1 of 1 chosen model judged; 1 needs someone"


def test_of_ten_thousand_models_a_thousand_are_sent_and_all_are_counted_sorted_and_exported(
    empty_registry: Registry, open_page: Open
) -> None:
    builders.add_models(empty_registry, Built("kept", days=2, days_in_verdict=2), Built("zz-worst", Verdict.RETRAIN))
    builders.copy_models(empty_registry, "kept", copies=9_998)
    page = open_page(sort="name")

    assert page.title[0].value == "10,000 of 10,000 models judged; 1 needs someone"
    assert "1,000 of 10,000 models, by name" in texts(page)
    assert len(shown(page)) == 1_000
    assert "Zz worst" not in shown(page)
    assert page.dataframe[0].proto.ByteSize() < 300_000
    assert shown(open_page())[0] == "Zz worst"


def test_the_export_holds_every_model_that_passes_and_no_formulas(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.add_models(registry, Built("hostile", Verdict.RETRAIN, name="=HYPERLINK(1)", expected_loss=5.0))
    ranked = ranking(registry.engine, day=builders.TODAY, wanted=PortfolioFilter(verdicts=("retrain",))).of(
        ("retrain",)
    )
    exported = csv_bytes(overview(registry.engine, day=builders.TODAY, ranked=ranked)).decode()

    assert [line.split(",")[0] for line in exported.splitlines()] == [
        "model_id",
        "hostile",
        "sme-default",
        "card-churn",
    ]
    assert "'=HYPERLINK(1)" in exported


def test_overdue_proposals_are_counted_and_those_of_tier_1_said_to_be_escalated(
    registry: Registry, open_page: Open
) -> None:
    decide.propose_many(
        registry,
        model_ids=["sme-default", "card-churn"],
        action=Action.SUSPEND,
        reason="Out until the feed is back.",
        by="ada@example.org",
        on=builders.TODAY - timedelta(days=20),
        now=builders.NOW,
    )
    page = open_page(acting_as="vera@example.org")

    said = "2 answers overdue, 1 of them of tier 1 and escalated to every approver."
    assert any(said in element.value for element in page.markdown)
    assert "Answer overdue (2, 1 escalated)" in page.multiselect(key="pf_lens").options


def test_what_is_registered_but_never_assessed_says_what_to_run(empty_registry: Registry, open_page: Open) -> None:
    builders.add_people(empty_registry)
    builders.add_models(empty_registry, Built("new", None))
    page = open_page(acting_as="vera@example.org")

    assert page.title[0].value == "0 of 1 model judged; nothing needs anyone"
    assert "Nothing is assessed yet. Run `modelfolio assess`." in page.info[0].value


@pytest.mark.parametrize("email", list(builders.PEOPLE))
def test_the_page_opens_for_every_role(registry: Registry, open_page: Open, email: str) -> None:
    assert len(shown(open_page(acting_as=email))) == 11


def test_a_rerun_after_nothing_changed_asks_the_registry_for_its_revision_only(
    registry: Registry, open_page: Open
) -> None:
    page = open_page().run()
    with page_statements() as asked:
        page.run()

    assert asked
    assert not [statement for statement in asked if "assessments" in statement or "models" in statement]


def test_after_a_write_that_is_no_assessment_the_sparklines_are_not_read_again(
    registry: Registry, open_page: Open
) -> None:
    with page_statements() as asked:
        page = open_page()
    assert [statement for statement in asked if READS_SPARKLINES in statement]

    RegistryAssessments(registry).keep_failure("card-churn", "no table", now=builders.NOW)
    with page_statements() as asked:
        page.run()
    assert "The last assessment of 1 model failed" in texts(page)
    assert not [statement for statement in asked if READS_SPARKLINES in statement]


def test_after_a_write_about_no_model_the_list_is_not_ranked_again_but_a_model_that_leaves_service_is_seen(
    registry: Registry, open_page: Open
) -> None:
    page = open_page()
    with registry.write():
        pass
    with page_statements() as asked:
        page.run()
    assert not [statement for statement in asked if RANKS in statement]

    with registry.write() as session:
        session.execute(sa.update(ModelRow).where(ModelRow.id == "card-churn").values(service_state="retired"))
    with page_statements() as asked:
        page.run()
    assert [statement for statement in asked if RANKS in statement]
