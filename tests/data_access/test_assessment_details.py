import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.assessment_details import facts_hash, joined_details, split_details

NUMBERS = st.one_of(
    st.none(), st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 2).map(lambda x: round(x, 4))
)
FACTS = st.fixed_dictionaries(
    {
        "psi": NUMBERS,
        "threshold": NUMBERS,
        "rows": st.integers(0, 2**40),
        "nulls": NUMBERS,
        "flags": st.lists(st.sampled_from(["nulls", "stuck"]), max_size=2),
        "importance": NUMBERS,
        "source": st.one_of(st.none(), st.text()),
        "kind": st.sampled_from(["numeric", "categorical"]),
    }
)
JSON = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), NUMBERS), st.lists, max_leaves=5)
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "features": st.dictionaries(st.text(), FACTS, max_size=4),
        "has_importance": st.booleans(),
        "reference": st.dictionaries(st.text(), JSON, max_size=3),
        "score": JSON,
        "something new": JSON,
    },
)


def feature(psi: float | None) -> dict[str, Any]:
    return {"psi": psi, "flags": [], "importance": 0.5, "source": "feed", "kind": "numeric", "nulls_reference": 0.01}


@given(DETAILS)
def test_details_come_back_as_they_were(details: dict[str, Any]) -> None:
    facts, packed = split_details(details)
    again = joined_details(json.loads(json.dumps(facts)), packed)
    assert again == details
    assert list(again.get("features", {})) == list(details.get("features", {}))


@pytest.mark.parametrize("features", [{"a": {"psi": 0.1}, "b": {}}, {"a": {"psi": 1}, "b": {"psi": 0.5}}, {"a": {}}])
def test_features_that_are_not_described_alike_come_back_too(features: dict[str, Any]) -> None:
    assert joined_details(*split_details({"features": features})) == {"features": features}


def test_another_day_of_the_same_reference_has_the_same_facts() -> None:
    one, other = ({"features": {"a": feature(psi), "b": feature(psi)}} for psi in (0.01, None))
    assert facts_hash(split_details(one)[0]) == facts_hash(split_details(other)[0])
    moved = {"features": {"a": feature(0.01) | {"importance": 0.6}, "b": feature(0.01)}}
    assert facts_hash(split_details(one)[0]) != facts_hash(split_details(moved)[0])


def test_the_details_of_thirty_features_are_a_few_hundred_bytes() -> None:
    details = {"features": {f"feature {i}": feature(round(0.0123 + i / 1_000, 4)) for i in range(30)}}
    facts, packed = split_details(details)
    assert len(packed) < 200 < len(json.dumps(facts)) < len(json.dumps(details))
