from datetime import date
from typing import Any

import pandas as pd
import pytest

from dashboard import portfolio_table, presentation

HOSTILE = (
    "<img src=x onerror=..> [click](javascript:..) ![t](https://..) :red[x] $x$ :material/x: :red-badge[x] `c` *b*"
)


def test_every_character_that_markdown_uses_is_escaped() -> None:
    escaped = presentation.escape_markdown(HOSTILE)

    for character in "\\`*_{}[]()#+-.!|~$:<>":
        assert escaped.count(character) >= HOSTILE.count(character)
        if character != "\\":
            assert escaped.count(f"\\{character}") == HOSTILE.count(character)


def test_escaped_text_reads_as_before() -> None:
    assert presentation.escape_markdown(HOSTILE).replace("\\", "").replace("\u2060", "") == HOSTILE


@pytest.mark.parametrize("text", ["ada@example.org", "https://outside.example", "WWW.outside.example"])
def test_bare_addresses_do_not_become_links(text: str) -> None:
    assert "\u2060" in presentation.escape_markdown(text)


def test_lines_become_one_and_long_text_is_cut() -> None:
    assert presentation.escape_markdown("a\n\n# b") == "a \\# b"
    assert len(presentation.escape_markdown("n" * 1_000)) == presentation.LONGEST_SHOWN_TEXT


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "=HYPERLINK(1)"])
def test_no_cell_of_a_csv_is_a_formula(value: str) -> None:
    text = presentation.csv_bytes(pd.DataFrame({value: [value]})).decode()

    assert all(line.lstrip('"').startswith("'") for line in text.splitlines())


def test_numbers_in_a_csv_stay_numbers() -> None:
    assert presentation.csv_bytes(pd.DataFrame({"effect": [-0.5]})) == b"effect\n-0.5\n"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (presentation.number(1032), "1,032"),
        (presentation.number(-3.14159, digits=2), "\u22123.14"),
        (presentation.number(None, missing="not set"), "not set"),
        (presentation.number(float("nan")), ""),
        (presentation.signed(12), "+12"),
        (presentation.signed(-3), "\u22123"),
        (presentation.signed(0), ""),
        (presentation.percent_interval(0.31, 0.22, 0.40), "31 % [22, 40]"),
        (presentation.short_date(date(2026, 11, 8)), "8 Nov"),
        (presentation.long_date(date(2026, 11, 22)), "Sun 22 Nov 2026"),
        (presentation.due(date(2026, 11, 20), today=date(2026, 11, 22)), "overdue 2 d"),
        (presentation.due(date(2026, 11, 22), today=date(2026, 11, 22)), "due today"),
        (presentation.due(date(2026, 11, 24), today=date(2026, 11, 22)), "due 24 Nov"),
        (presentation.plural(1, "model"), "1 model"),
        (presentation.plural(1032, "model"), "1,032 models"),
        (presentation.joined(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_values_read_as_people_write_them(shown: str, expected: str) -> None:
    assert shown == expected


def evidence(**changes: Any) -> dict[str, Any]:
    return {
        "verdict": "retrain",
        "basis": "realised",
        "version": "v1",
        "policy_version": "1",
        "method_version": "1",
        "day": "2026-11-13",
        "measures": {"effect": 0.27, "labels_28": 35_100, "metric": "AUC", "metric_value": 0.8},
        "findings": [],
    } | changes


def test_comparison_of_evidence_shows_then_and_now() -> None:
    later = evidence(
        day="2026-11-22", measures={"effect": 0.31, "labels_28": 36_900, "metric": "AUC", "metric_value": 0.8}
    )

    assert presentation.evidence_comparison(evidence(), later) == [
        "Advantage lost: 27 % → **31 %**",
        "Labels in 28 days: 35,100 → **36,900**",
        "Assessed: 13 Nov → **22 Nov**",
    ]


def test_same_evidence_has_no_changes() -> None:
    assert presentation.evidence_comparison(evidence(), evidence()) == []


@pytest.mark.parametrize(("share", "shown"), [(68.2, "68 %"), (112.0, "112 %"), (-18_612.0, "none")])
def test_advantage_below_the_naive_forecast_is_none(share: float, shown: str) -> None:
    assert portfolio_table.kept(share) == shown
    assert portfolio_table.kept(share, is_estimate=True) == f"{shown} est."


def test_text_that_turns_the_direction_of_what_follows_reads_in_its_own_order() -> None:
    assert presentation.one_line("safe\u202eelbissim\u202c \u2067x\u2069 שלום") == "safeelbissim x שלום"


def test_people_are_named_also_within_the_name_of_a_standing_approval() -> None:
    names = {"ada@example.org": "Ada Berg"}
    asked = ("ada@example.org", "standing approval 3 by ada@example.org", "who@example.org", "policy")
    assert [presentation.person_words(each, names) for each in asked] == [
        "Ada Berg",
        "standing approval 3 by Ada Berg",
        "who@example.org",
        "policy",
    ]
