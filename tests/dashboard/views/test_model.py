import re
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.presentation import escape_markdown
from data_access import decision_queries
from data_access.registry import Registry
from monitoring import decide
from monitoring.lifecycle import Action
from tests import builders
from tests.builders import Built
from tests.dashboard.conftest import Open
from tests.dashboard.model_builders import LAST, judged_model, many_features
from tests.monitoring import history_builders

TABS = ("Overview", "Performance", "Drift", "Data quality", "Decisions", "Deep dive")
UNESCAPED = re.compile(r"(?<!\\)(!\[|\[click|<img|:red\[|\$x\$)")


@pytest.fixture
def people(empty_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with people and no model, on the last day that is judged."""
    monkeypatch.setenv("MODELFOLIO_AS_OF", LAST.isoformat())
    builders.add_people(empty_registry)
    return empty_registry


def texts(page: AppTest) -> str:
    return "\n".join(
        str(element.value)
        for element in [*page.title, *page.header, *page.subheader, *page.markdown, *page.info, *page.error]
    )


def columns(page: AppTest) -> dict[str, list[str]]:
    return {str(name): list(values) for table in page.dataframe for name, values in table.value.items()}


def chart_count(page: AppTest) -> int:
    return len(page.get("plotly_chart"))


def shifted(since: int) -> history_builders.Predictions:
    return history_builders.binary(kept=0.0, since=since)


@pytest.mark.parametrize(
    ("tab", "says"),
    [
        ("Overview", "Why performing well"),
        ("Performance", "Loss by window"),
        ("Drift", "What moved and matters"),
        ("Data quality", "No open finding"),
        ("Decisions", "Nothing has been decided about this model."),
        ("Deep dive", "The file holds values of your log: treat it as confidential."),
    ],
)
def test_tab_of_a_link_opens_with_its_content(people: Registry, open_page: Open, tab: str, says: str) -> None:
    judged_model(people)

    page = open_page("model", model="m", tab=tab)

    assert says in texts(page)
    assert not page.error


def test_only_the_open_tab_is_computed(people: Registry, open_page: Open) -> None:
    judged_model(people)

    assert "What moved and matters" not in texts(open_page("model", model="m", tab="Overview"))


def test_headline_is_the_verdict_with_its_sentence(people: Registry, open_page: Open) -> None:
    judged_model(people, shifted(since=20), name="SME default")

    page = open_page("model", model="m", acting_as="ada@example.org")

    assert page.title[0].value == "SME default"
    assert page.header[0].value.startswith(":red[**▲\u2002Retrain.**] It has lost ")
    assert page.button(key="propose").label == "Propose retraining"
    assert not page.button(key="propose").disabled


def test_day_before_the_fall_shows_what_was_known_then(people: Registry, open_page: Open) -> None:
    judged_model(people, shifted(since=20))
    early = history_builders.START + timedelta(days=18)

    page = open_page("model", model="m", as_known_on=early.isoformat(), acting_as="ada@example.org")

    assert "Performing well" in page.header[0].value
    assert [button.label for button in page.button if "ropos" in button.label] == []
    assert page.button(key="m_today").label == "Back to today"


@pytest.mark.parametrize("asked", ["no-such-model", "", "<img src=x>", "m' OR 1=1 --"])
def test_unknown_model_is_one_sentence_and_a_way_out(people: Registry, open_page: Open, asked: str) -> None:
    page = open_page("model", model=asked)

    assert page.title[0].value in {"No such model", "Which model?"}
    assert not UNESCAPED.search(texts(page))
    assert [link.proto.label for link in page.get("page_link")] == ["Portfolio"]


@pytest.mark.parametrize("asked", ["yesterday", "2999-01-01", "1066-10-14"])
def test_day_of_a_link_that_makes_no_sense_does_not_break_the_page(
    people: Registry, open_page: Open, asked: str
) -> None:
    judged_model(people)

    assert open_page("model", model="m", as_known_on=asked).title[0].value == "SME default"


def test_model_without_a_log_says_so_and_how_to_map_one(people: Registry, open_page: Open) -> None:
    builders.add_models(people, Built("inventory-only", None, has_log=False), today=LAST)

    for tab in TABS:
        page = open_page("model", model="inventory-only", tab=tab)
        assert page.header[0].value == ":gray[**○\u2002Not judged.**] No log is mapped to it."
        assert "modelfolio map path/to/model.json" in {code.value for code in page.code}


def test_traffic_is_a_share_and_its_reference_rows_a_day(people: Registry, open_page: Open) -> None:
    live = history_builders.binary(days=60)
    judged_model(people, live.only((live.since_start < 20) | (np.arange(len(live.day)) % 100 < 40)))

    text = texts(open_page("model", model="m")).replace("\\", "")

    assert "Traffic has halved: 40 % of its reference" in text
    assert re.search(r"Value now\S*\s+40 %", text)
    assert re.search(r"In the reference\S*\s+100 rows a day", text)


def test_what_was_ruled_out_reads_as_sentences(people: Registry, open_page: Open) -> None:
    judged_model(people, shifted(since=20))

    text = texts(open_page("model", model="m")).replace("\\", "")

    assert "The data are clean where it matters. " in text
    assert ".;" not in text


def test_model_that_was_never_assessed_opens_on_every_tab(people: Registry, open_page: Open) -> None:
    builders.add_models(people, Built("new", None), today=LAST)

    for tab in TABS:
        assert "It has never been assessed." in open_page("model", model="new", tab=tab).header[0].value


@pytest.mark.parametrize("tab", TABS)
def test_model_without_labels_opens_on_every_tab(people: Registry, open_page: Open, tab: str) -> None:
    judged_model(people, labelled=False)

    text = texts(open_page("model", model="m", tab=tab))

    assert re.search(r"none mapped$", text, re.MULTILINE)
    if tab == "Performance":
        assert "No labels are mapped" in text


@pytest.mark.parametrize("tab", ["Overview", "Drift", "Data quality"])
def test_importances_that_are_not_known_are_not_invented(people: Registry, open_page: Open, tab: str) -> None:
    judged_model(people, features=tuple(replace(part, importance=None) for part in history_builders.FEATURES))

    text = texts(open_page("model", model="m", tab=tab))

    if tab == "Drift":
        assert "importances are not known, all count the same" in text


@pytest.mark.parametrize("tab", TABS)
def test_model_with_one_feature_opens_on_every_tab(people: Registry, open_page: Open, tab: str) -> None:
    judged_model(people, features=history_builders.FEATURES[:1])

    page = open_page("model", model="m", tab=tab)

    assert not page.error
    if tab == "Drift":
        assert page.selectbox(key="m_feature_amount").options == ["amount"]


def test_a_feature_in_detail_says_what_other_tools_would_measure(people: Registry, open_page: Open) -> None:
    judged_model(people, history_builders.binary(days=60, amount_shift=20))

    amount = texts(open_page("model", model="m", tab="Drift", feature="amount"))
    channel = texts(open_page("model", model="m", tab="Drift", feature="channel"))

    said = re.search(r"Wasserstein (\d\.\d\d) sd, Jensen-Shannon (\d\.\d\d), Kolmogorov-Smirnov (\d\.\d\d)\.", amount)
    assert said is not None
    assert [float(score) for score in said.groups()] == pytest.approx([1.0, 0.31, 0.38], abs=0.1)
    assert "Jensen-Shannon" in channel
    assert "Wasserstein" not in channel


def test_three_hundred_features_are_ranked_and_none_is_hidden(people: Registry, open_page: Open) -> None:
    judged_model(people, features=many_features(300))

    drift = open_page("model", model="m", tab="Drift")
    quality = open_page("model", model="m", tab="Data quality")

    assert chart_count(drift) == 3
    assert "The first 15 of 300 features" in texts(drift)
    assert len(drift.selectbox(key="m_feature_amount").options) == 300
    assert len(columns(quality)["Feature"]) == 300


@pytest.mark.parametrize("name", builders.HOSTILE_NAMES)
@pytest.mark.parametrize("tab", TABS)
def test_hostile_names_appear_as_text(people: Registry, open_page: Open, name: str, tab: str) -> None:
    features = (replace(history_builders.FEATURES[0], name=name, source=name), *history_builders.FEATURES[1:])
    judged_model(people, name=name, features=features, facts={name: name})

    page = open_page("model", model="m", tab=tab, acting_as="vera@example.org")

    assert not UNESCAPED.search(texts(page))
    assert page.title[0].value == escape_markdown(name, longest=90)


def test_hostile_names_stay_text_in_what_plotly_draws(people: Registry, open_page: Open) -> None:
    hostile = builders.HOSTILE_NAMES[0]
    features = (replace(history_builders.FEATURES[0], name=hostile), *history_builders.FEATURES[1:])
    judged_model(people, features=features)

    drawn = [chart.proto.spec for chart in open_page("model", model="m", tab="Drift").get("plotly_chart")]

    assert len(drawn) == 3
    assert any("&lt;img src=x" in spec for spec in drawn)


@pytest.mark.parametrize("email", ["vera@example.org", "tim@example.org"])
def test_who_may_not_propose_is_told_why(people: Registry, open_page: Open, email: str) -> None:
    judged_model(people, shifted(since=20))

    button = open_page("model", model="m", acting_as=email).button(key="propose")

    assert button.disabled
    assert "may propose for SME default" in button.help


def test_open_decision_is_shown_instead_of_offered_again(people: Registry, open_page: Open) -> None:
    judged_model(people, shifted(since=20))
    decision = decide.propose(
        people,
        model_id="m",
        action=Action.RETRAIN,
        reason="It lost too much in April.",
        by="ada@example.org",
        on=LAST,
        now=builders.NOW,
    )

    overview = open_page("model", model="m", acting_as="ada@example.org")
    decisions = open_page("model", model="m", tab="Decisions")

    assert "Retraining is proposed" in texts(overview)
    assert overview.button(key="propose").label == "Propose"
    assert "It lost too much in April" in texts(decisions)
    assert decision_queries.of_model(people, "m", on=LAST) == (decision_queries.decision(people, decision.id),)


def test_stale_assessment_is_said(people: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_model(people)
    monkeypatch.setenv("MODELFOLIO_AS_OF", (LAST + timedelta(days=5)).isoformat())

    assert "5 days before" in texts(open_page("model", model="m", acting_as="ada@example.org"))


def test_retired_model_is_called_retired(people: Registry, open_page: Open) -> None:
    builders.add_models(people, Built("old", service_state="retired"), today=LAST)

    assert "Retired: it is watched for traffic, not judged." in texts(open_page("model", model="old"))


def test_clicked_day_in_a_link_shows_that_day(people: Registry, open_page: Open) -> None:
    judged_model(people)
    day: date = LAST - timedelta(days=3)

    page = open_page("model", model="m", tab="Drift", day=day.isoformat(), feature="channel")

    assert page.button(key="m_newest_day").label == "Back to the newest day"
    assert f"{day.day} {day:%b} against the reference" in texts(page)
    assert page.selectbox(key="m_feature_channel").value == "channel"
