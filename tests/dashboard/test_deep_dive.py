from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from dashboard.deep_dive import DeepDiveError, Sample, make_report, neutral, sample_of

HOSTILE = "</script><script>window.hacked=1</script>"
HOSTILE_NAME = "</script><img src=x onerror=window.hacked=1>"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images = 0
        self.script = ""
        self.inside = False
        self.short_scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.images += tag == "img" and dict(attrs).get("src") == "x"
        self.inside, self.script = tag == "script", ""

    def handle_data(self, data: str) -> None:
        self.script += data if self.inside else ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.short_scripts.append(self.script[:60])
            self.inside = False


def hostile_sample() -> Sample:
    rng = np.random.default_rng(0)

    def rows(shift: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "x": rng.normal(shift, 1, 200),
                "kind": rng.choice(["a", "b", HOSTILE], 200),
                HOSTILE_NAME: rng.normal(0, 1, 200),
                "empty": np.full(200, np.nan),
            }
        )

    return sample_of(rows(0.5), rows(0.0))


def test_report_of_hostile_rows_holds_no_element_of_theirs() -> None:
    page = make_report(hostile_sample(), title=HOSTILE).decode()
    tags = Tags()
    tags.feed(page)

    assert tags.images == 0
    assert not [script for script in tags.short_scripts if script.startswith("window.hacked")]
    assert HOSTILE not in page
    assert "connect-src 'none'" in page


def test_neutral_text_can_start_no_markup() -> None:
    assert not set("<>&\"'`\\") & set(neutral("<b a=\"1\" c='2'>&`\\"))


def test_column_without_values_is_left_out_with_its_reason() -> None:
    assert hostile_sample().left_out == {"empty": "no value in the week"}


def test_too_few_rows_are_refused() -> None:
    few = pd.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(DeepDiveError, match="Too few rows"):
        sample_of(few, few)
