"""What is remarked about rows survives counting, adding and storing, and becomes findings; findings name the feed."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.assessment import FindingKind, Verdict
from monitoring.counting import rows_together
from monitoring.packing import pack_day, pack_reference, unpack_days, unpack_reference
from monitoring.ports import ReplacedRows
from monitoring.profile import count_rows, with_replaced
from monitoring.profiling import _with_replaced
from monitoring.segment import Segment
from tests.monitoring.history_builders import (
    Predictions,
    assessed,
    binary,
    finding,
    kinds,
    past,
    reference,
    segment,
    verdicts,
)


def counted(live: Predictions, **different: object) -> Segment:
    """Return a history whose rows were read with remarks from day 20 on."""
    base = reference()
    before, after = live.only(live.since_start < 20), live.only(live.since_start >= 20)
    profiles = count_rows(base.layout, before.as_rows())
    profiles += count_rows(base.layout, replace(after.as_rows(), **different))  # type: ignore[arg-type] # fields of rows
    return replace(segment(live), profiles=profiles)


def without_amount() -> Segment:
    return counted(binary(days=30).with_feature("amount", np.nan, since=20), missing_columns=("amount",))


def test_a_column_that_is_gone_is_called_missing_and_not_also_empty() -> None:
    history = without_amount()
    assert kinds(history, 20) == {FindingKind.MISSING_COLUMN}
    found = finding(history, 22, FindingKind.MISSING_COLUMN)
    assert (
        found.sentence == "Core feed has delivered broken data since 20 Apr: the column amount is missing from the log."
    )
    assert verdicts(history)[19:21] == [Verdict.KEEP, Verdict.FIX_DATA]
    assert found.evidence["rows"] == 100


def test_a_column_that_the_reference_does_not_have_either_is_no_finding() -> None:
    history = without_amount()
    base = history.reference
    lacking = count_rows(base.layout, replace(past().as_rows(), missing_columns=("amount",)))
    assert FindingKind.MISSING_COLUMN not in kinds(replace(history, reference=replace(base, profiles=lacking)), 25)


def test_rows_stamped_in_the_future_are_broken_data_unless_the_reference_has_them_too() -> None:
    live = binary(days=30)
    some = np.arange(1_000) % 50 == 0
    history = counted(live, ahead=some)
    assert kinds(history, 25) == {FindingKind.FUTURE_ROWS}
    found = finding(history, 25, FindingKind.FUTURE_ROWS)
    assert found.sentence == "2 % of its predictions have been stamped in the future since 20 Apr."
    assert verdicts(history)[25] is Verdict.FIX_DATA
    base = history.reference
    usual = count_rows(base.layout, replace(past().as_rows(), ahead=np.arange(8_400) % 50 == 0))
    assert not replace(history, reference=replace(base, profiles=usual)).future_rows.open.any()


def test_replaced_rows_are_counted_and_shown_and_never_a_verdict() -> None:
    history = segment(binary(days=30))
    twice = np.repeat(history.profiles.day[24:26], [3, 4])
    history = replace(history, profiles=with_replaced(history.profiles, history.reference.layout, twice))
    assert history.profiles.replaced.sum() == 7
    last = assessed(history)[-1]
    assert last.details["replaced_rows_7"] == 7
    assert (last.verdict, last.findings) == (Verdict.KEEP, ())


def test_only_replacements_known_by_then_and_of_the_same_version_are_counted() -> None:
    base, live = reference(), binary(days=3)
    profiles = count_rows(base.layout, live.as_rows())
    day, day0 = profiles.day, profiles.day[0]
    replaced = ReplacedRows(
        np.array([day0, day0, day0, day[2]]),
        np.array(["v1", "v1", "v2", "v1"], dtype=object),
        np.array([day0, day0 + 2, day0, day[2]]),
    )
    rows = replace(live.as_rows(), replaced=replaced)
    assert _with_replaced(base, profiles, rows, "v1").replaced.tolist() == [1, 0, 1]
    later = _with_replaced(base, profiles, rows, "v1", known_on=(day0 + 2).astype(object))
    assert later.replaced.tolist() == [2, 0, 1]
    assert _with_replaced(base, profiles, live.as_rows(), "v1") is profiles


def test_remarks_add_up_spread_and_survive_storing_and_cost_nothing_where_there_are_none() -> None:
    history = without_amount()
    profiles, layout = history.profiles, history.reference.layout
    assert history.daily.rows_without_column(0)[[19, 20, 29]].tolist() == [0, 100, 100]
    stored = [(day.astype(object), 100, pack_day(profiles, i)) for i, day in enumerate(profiles.day)]
    again = unpack_days(layout, stored)
    assert again.remarks is not None
    assert profiles.remarks is not None
    assert np.array_equal(again.remarks, profiles.remarks)
    plain = replace(profiles, remarks=None)
    assert pack_day(profiles, 3) == pack_day(plain, 3)
    assert unpack_days(layout, [(stored[3][0], 100, pack_day(plain, 3))]).remarks is None
    doubled = profiles + profiles
    assert doubled.remarks is not None
    assert np.array_equal(doubled.remarks, 2 * profiles.remarks)


def test_the_remarks_of_a_reference_survive_storing() -> None:
    base = reference()
    marked = replace(base, profiles=count_rows(base.layout, replace(past().as_rows(), missing_columns=("note",))))
    again = unpack_reference(pack_reference(marked))
    assert again.profiles.rows_without_column(2).tolist() == [100] * 84
    assert unpack_reference(pack_reference(base)).profiles.remarks is None


def test_one_sentence_names_the_feed_and_all_its_features() -> None:
    live = binary(days=30).with_feature("amount", np.nan, since=20).with_feature("note", np.nan, since=22)
    history = segment(live)
    found = finding(history, 25, FindingKind.NULLS)
    assert found.sentence == (
        "Core feed has delivered broken data since 20 Apr: 100 % of amount (normally 0 %) and 100 % of note (normally 0 %) "
        "are empty."
    )
    assert found.subject == "core feed"
    assert [feature["name"] for feature in found.evidence["features"]] == ["amount", "note"]
    assert found.evidence["importance"] == pytest.approx(0.703)


def test_another_feed_has_a_finding_of_its_own_and_is_named_beside() -> None:
    live = binary(days=30).with_feature("amount", np.nan, since=20).with_feature("channel", None, since=20)
    last = assessed(segment(live))[-1]
    assert [found.source for found in last.findings] == ["core feed", "web feed"]
    assert last.sentence.endswith("Also broken: channel.")


def test_clean_days_are_counted_until_the_finding_clears() -> None:
    history = segment(binary(days=40).with_feature("amount", np.nan, since=20, until=25))
    assert finding(history, 27, FindingKind.NULLS).sentence.endswith("Clean for 2 of the 4 days that clear it.")
    assert FindingKind.NULLS not in kinds(history, 29)


def test_reads_put_together_keep_their_remarks() -> None:
    live = binary(days=4)
    first, second = live.only(live.since_start < 2).as_rows(), live.only(live.since_start >= 2).as_rows()
    replaced = ReplacedRows(second.day[:1], second.version[:1], second.day[:1])
    marked = replace(second, ahead=np.arange(200) < 3, replaced=replaced)
    both = rows_together([first, marked])
    assert both.ahead is not None
    assert np.flatnonzero(both.ahead).tolist() == [200, 201, 202]
    assert both.replaced is not None
    assert both.replaced.day.tolist() == replaced.day.tolist()
    assert rows_together([first, second]).ahead is None
    assert rows_together([first, second]).replaced is None
