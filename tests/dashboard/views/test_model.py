import re
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.presentation import escape_markdown
from data_access import decision_queries
from data_access.registry import Registry
from data_access.tables import ShiftDayRow, ShiftProgressRow, ShiftRow
from monitoring import decide
from monitoring.lifecycle import Action
from monitoring.portfolio import ModelVersion, Task
from tests import builders
from tests.builders import Built
from tests.dashboard.conftest import Open
from tests.dashboard.model_builders import LAST, judged_model, many_features
from tests.monitoring import history_builders

TABS = ("Overview", "Performance", "Drift", "Data quality", "Versions", "Decisions", "Deep dive")
MOST_CHARTS = 8
HOSTILE_NAMES = (
    *builders.HOSTILE_NAMES,
    "</script><script>alert(1)</script>",
    "\u202eeman \u05e9\u05dd",
    "\U0001f642 \u2728",
)
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
        ("Performance", "The same over shorter windows"),
        ("Drift", "What moved and matters"),
        ("Data quality", "No open finding"),
        ("Versions", "Judged against 2025"),
        ("Decisions", "Nothing has been decided about this model."),
        ("Deep dive", "It holds values of your log: treat it as confidential."),
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

    assert chart_count(drift) == 5
    assert "The first 15 of 300 features" in texts(drift)
    assert len(drift.selectbox(key="m_feature_amount").options) == 300
    assert len(columns(quality)["Feature"]) == 300


@pytest.mark.parametrize("tab", TABS[:6])
def test_hostile_names_appear_as_text_on_every_tab(people: Registry, open_page: Open, tab: str) -> None:
    noise = history_builders.FEATURES[2]
    strange = tuple(replace(noise, name=name, source=name) for name in HOSTILE_NAMES)
    judged_model(
        people,
        name=HOSTILE_NAMES[0],
        features=(*history_builders.FEATURES, *strange),
        facts={name: name for name in HOSTILE_NAMES},
    )

    page = open_page("model", model="m", tab=tab, acting_as="vera@example.org", feature=HOSTILE_NAMES[0])

    assert not page.error
    assert not UNESCAPED.search(texts(page))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_name_of_a_model_appears_as_text(people: Registry, open_page: Open, name: str) -> None:
    judged_model(people, name=name)

    assert open_page("model", model="m").title[0].value == escape_markdown(name, longest=90)


def test_hostile_names_stay_text_in_what_plotly_draws(people: Registry, open_page: Open) -> None:
    hostile = builders.HOSTILE_NAMES[0]
    features = (replace(history_builders.FEATURES[0], name=hostile), *history_builders.FEATURES[1:])
    judged_model(people, features=features)

    drawn = [chart.proto.spec for chart in open_page("model", model="m", tab="Drift").get("plotly_chart")]

    assert len(drawn) == 5
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

    assert "Retraining: proposed" in texts(overview)
    assert overview.button(key="propose").label == "Propose"
    assert "It lost too much in April" in texts(decisions)
    assert decision_queries.of_model(people, "m", on=LAST) == (decision_queries.decision(people, decision.id),)


def test_stale_assessment_is_said(people: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_model(people)
    monkeypatch.setenv("MODELFOLIO_AS_OF", (LAST + timedelta(days=5)).isoformat())

    assert "5 days before" in texts(open_page("model", model="m", acting_as="ada@example.org"))


def test_retired_model_is_called_retired(people: Registry, open_page: Open) -> None:
    builders.add_models(people, Built("old", service_state="retired"), today=LAST)

    said = texts(open_page("model", model="old"))
    assert "**Retired.** Its last verdict was" in said
    assert "It is watched for traffic, not judged." in said


def test_clicked_day_in_a_link_shows_that_day(people: Registry, open_page: Open) -> None:
    judged_model(people)
    day: date = LAST - timedelta(days=3)

    page = open_page("model", model="m", tab="Drift", day=day.isoformat(), feature="channel")

    assert page.button(key="m_newest_day").label == "Back to the newest day"
    assert f"{day.day} {day:%b} against the reference" in texts(page)
    assert page.selectbox(key="m_feature_channel").value == "channel"


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("tab", TABS[:6])
def test_every_tab_opens_for_every_task_with_at_most_eight_charts(
    people: Registry, open_page: Open, task: Task, tab: str
) -> None:
    judged_model(people, task=task)

    page = open_page("model", model="m", tab=tab)

    assert not page.error
    assert chart_count(page) <= MOST_CHARTS
    if tab == "Performance":
        title, charts = {
            Task.BINARY: ("Does it come true as often as it says?", 4),
            Task.MULTICLASS: ("Is it right as often as it says?", 4),
            Task.REGRESSION: ("Does it come out as it says?", 4),
        }[task]
        assert title in texts(page)
        assert chart_count(page) == charts


def test_the_metric_people_know_comes_first_with_interval_cases_and_reference(
    people: Registry, open_page: Open
) -> None:
    judged_model(people)

    text = texts(open_page("model", model="m", tab="Performance")).replace("\\", "")

    assert re.search(
        r"\*\*AUC 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]\*\*, 0\.\d{3} in the reference :gray\[2,800 labels, 28 days of labels",
        text,
    )


def test_the_metric_of_a_link_is_shown(people: Registry, open_page: Open) -> None:
    judged_model(people)

    page = open_page("model", model="m", tab="Performance", metric="recall")
    other = open_page("model", model="m", tab="Performance", metric="nonsense")

    assert re.search(r"\*\*Recall \d+\\\.\d %", texts(page))
    assert "cases that came true" in texts(page)
    assert "**AUC " in texts(other)


def test_what_was_said_against_what_came_true_has_the_names_of_the_classes(people: Registry, open_page: Open) -> None:
    judged_model(people, task=Task.MULTICLASS)

    page = open_page("model", model="m", tab="Performance")

    counts, each = page.table[0].value, page.table[1].value
    if "Window" in str(counts.index.name):
        counts, each = page.table[1].value, page.table[2].value
    assert list(counts.columns) == ["said: low", "said: middle", "said: high"]
    assert sum(int(value.replace(",", "")) for value in counts.to_numpy().ravel()) == 2_800
    assert list(each.index) == ["low", "middle", "high"]
    assert all(value.endswith(" %") for value in each["Found (recall)"])


def test_few_cases_give_no_share_of_them(people: Registry, open_page: Open) -> None:
    live = history_builders.binary(days=60)
    rare = live.only((live.label == 0) | (np.arange(len(live.day)) % 100 == 0))
    judged_model(people, rare)

    page = open_page("model", model="m", tab="Performance", metric="precision")

    assert "at least 20 cases that came true" in texts(page)
    assert any("too few" in table.value.to_numpy() for table in page.table)


def test_a_line_that_ends_elsewhere_than_the_sentence_says_why(people: Registry, open_page: Open) -> None:
    judged_model(people, history_builders.binary(days=60, kept=0.5, since=38))

    text = texts(open_page("model", model="m")).replace("\\", "")

    assert "It has lost 59 % [49, 69] of its advantage" in text
    assert (
        "The line ends at 55 %, over 28 days of labels. Measured as in the sentence above, since the onset, at most 21 days of "
        "labels, it is 41 %."
    ) in text


def test_estimate_is_held_against_the_labels_before_it(people: Registry, open_page: Open) -> None:
    live = replace(history_builders.binary(days=60, kept=0.0, since=10), delay_days=20)
    judged_model(people, live, label_delay_days=20.0)

    text = texts(open_page("model", model="m")).replace("\\", "")

    assert "it cannot see a changed relation between inputs and labels" in text
    assert re.search(r"For \d+ \w+, the last day with labels, it said \d+ % where labels say .?\d+ %", text)


def test_of_a_model_no_better_than_naive_its_skill_is_drawn_not_a_share_of_its_advantage(
    people: Registry, open_page: Open
) -> None:
    judged_model(people, shifted(since=5))

    page = open_page("model", model="m")
    kinds = texts(page)

    assert "no better than a naive forecast" in kinds
    assert "Skill: 1 − its loss" in kinds
    assert "that is kept" not in kinds


def test_earlier_day_is_marked_for_all_to_see(people: Registry, open_page: Open) -> None:
    judged_model(people)
    early = history_builders.START + timedelta(days=18)

    page = open_page("model", model="m", as_known_on=early.isoformat())

    assert page.warning[0].value.startswith(f"As known on {early:%a} {early.day} {early:%b %Y}.")
    assert not open_page("model", model="m").warning


@pytest.mark.parametrize("tab", ["Performance", "Drift", "Data quality", "Versions"])
def test_an_earlier_day_shows_no_number_of_a_later_one(people: Registry, open_page: Open, tab: str) -> None:
    early = history_builders.START + timedelta(days=35)
    live = history_builders.binary(days=60)
    later_is_broken = live.with_feature("channel", "phone", since=40)
    judged_model(people, live, model_id="sound", name="same")
    judged_model(people, later_is_broken, model_id="later", name="same")

    pages = [
        open_page("model", model=model_id, tab=tab, as_known_on=early.isoformat()) for model_id in ("sound", "later")
    ]

    said = [re.sub(r"\d of 2", "", texts(page)) for page in pages]
    assert said[0] == said[1]
    specs = [[chart.proto.spec for chart in page.get("plotly_chart")] for page in pages]
    assert specs[0] == specs[1]
    assert [table.value.to_csv() for table in pages[0].dataframe] == [
        table.value.to_csv() for table in pages[1].dataframe
    ]


def test_next_and_previous_walk_the_worst_first(people: Registry, open_page: Open) -> None:
    judged_model(people, shifted(since=20), model_id="bad", name="bad")
    judged_model(people, model_id="good", name="good")

    page = open_page("model", model="bad", tab="Drift")

    assert "1 of 2" in texts(page)
    assert page.button(key="m_previous").disabled
    assert page.button(key="m_next").click().run().title[0].value == "good"
    assert page.query_params["model"] == "good"
    assert page.query_params["tab"] == "Drift"
    assert page.button(key="m_next").disabled


def test_next_walks_the_list_one_came_from(people: Registry, open_page: Open) -> None:
    for name in ("one", "two", "three"):
        judged_model(people, model_id=name, name=name)
    page = open_page("model", model="three")
    page.session_state["model_list"] = ("three", "one")

    page.run()

    assert "1 of 2" in texts(page)
    assert page.button(key="m_next").click().run().title[0].value == "one"


def test_quality_facts_stand_beside_their_thresholds(people: Registry, open_page: Open) -> None:
    live = history_builders.binary(days=60)
    empty = np.where(np.arange(len(live.day)) % 4 == 0, np.nan, live.features["amount"])
    judged_model(people, live.with_feature("amount", empty, since=55))

    page = open_page("model", model="m", tab="Data quality")
    found = columns(page)

    at = found["Feature"].index("amount")
    assert at == 0
    facts = {name: found[name][at] for name in ("Open finding", "Missing", "usually", "finding from")}
    assert facts == {"Open finding": "Nulls", "Missing": "25 %", "usually": "0 %", "finding from": "5 %"}
    assert "25 % missing on 100 rows, a finding from 5 %" in texts(page)


def test_drift_of_broken_days_is_not_shown_as_if_judged(people: Registry, open_page: Open) -> None:
    judged_model(people, history_builders.binary(days=60).with_feature("channel", None, since=50))

    text = texts(open_page("model", model="m", tab="Drift", feature="channel"))

    assert "All 7 days have broken data (see Data quality) and are left out" in text


def test_prediction_drift_is_told_apart_from_that_of_the_inputs(people: Registry, open_page: Open) -> None:
    live = history_builders.binary(days=60)
    moved = replace(live, score=np.where(live.since_start >= 40, live.score**0.3, live.score))
    judged_model(people, moved)

    text = texts(open_page("model", model="m", tab="Drift"))

    assert "**Its inputs.** 0 of 3 features moved" in text
    assert re.search(r"\*\*Its own predictions\.\*\* They have moved: PSI \d\.\d\d, threshold", text)


def test_two_versions_are_compared_on_the_same_days(people: Registry, open_page: Open) -> None:
    live, second = history_builders.binary(days=60), history_builders.binary(days=60, seed=5)
    versions = (
        ModelVersion("v1", active_from=history_builders.START),
        ModelVersion("v2", active_from=history_builders.START + timedelta(days=30)),
    )
    judged_model(people, live, beside={"v2": second.only(second.since_start >= 20)}, versions=versions)

    page = open_page("model", model="m", tab="Versions")

    assert columns(page)["Version"] == ["v1", "v2"]
    (compared,) = [table.value for table in page.table if table.value.index.name == "Versions"]
    assert list(compared.index) == ["v2 against v1"]
    assert compared["Days in common"].iloc[0].startswith("39, ")


def test_portfolio_shift_of_the_model_is_said(people: Registry, open_page: Open) -> None:
    judged_model(people)
    with people.write() as session:
        shift = ShiftRow(
            began=LAST - timedelta(days=1),
            kind="feed",
            grouping="source",
            source="core feed",
            k=5,
            n=6,
            base=0.01,
            log10_p=-8.0,
            models=["m"],
            cleared=[],
        )
        session.add(ShiftDayRow(day=LAST, known_on=LAST, recorded_at=builders.NOW, shifts=[shift]))
        session.merge(ShiftProgressRow(id=1, searched_to=LAST))

    page = open_page("model", model="m")
    before = open_page("model", model="m", as_known_on=(LAST - timedelta(days=2)).isoformat())

    assert "**Part of a portfolio shift since" in texts(page)
    assert "core feed" in texts(page)
    assert "Part of a portfolio shift" not in texts(before)


def test_every_step_of_a_decision_is_told(people: Registry, open_page: Open) -> None:
    judged_model(people, shifted(since=20))
    decision = decide.propose(
        people,
        model_id="m",
        action=Action.RETRAIN,
        reason="It lost too much in April.",
        by="ada@example.org",
        on=LAST - timedelta(days=1),
        now=builders.NOW,
    )
    decide.withdraw(people, decision.id, by="ada@example.org", on=LAST, now=builders.NOW)

    text = texts(open_page("model", model="m", tab="Decisions"))

    newest = text.index(f"{LAST.isoformat()}: retraining withdrawn")
    assert newest < text.index(f"{(LAST - timedelta(days=1)).isoformat()}: retraining proposed")


@pytest.mark.parametrize("email", [None, *builders.PEOPLE])
def test_page_opens_for_every_role(people: Registry, open_page: Open, email: str | None) -> None:
    judged_model(people, shifted(since=20))

    page = open_page("model", model="m", acting_as=email)

    assert page.title[0].value == "SME default"
    assert not page.error


def test_model_without_traffic_opens_on_every_tab(people: Registry, open_page: Open) -> None:
    live = history_builders.binary(days=60)
    judged_model(people, live.only(live.since_start < 20))

    for tab in TABS[:6]:
        assert not open_page("model", model="m", tab=tab).error


def test_words_of_the_page_lead_to_their_meaning(people: Registry, open_page: Open) -> None:
    judged_model(people)

    page = open_page("model", model="m", tab="Performance")

    helps = "\n".join(element.proto.help for element in page.markdown if element.proto.help)
    assert "**Label delay**: the days from a prediction to its label." in helps
    assert "How often a case that came true scores higher" in helps
