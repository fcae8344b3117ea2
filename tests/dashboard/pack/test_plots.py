import pandas as pd
from pptx import Presentation

from dashboard.drift_charts import ranked_drift
from dashboard.pack.content import Said
from dashboard.pack.plots import lying_bars
from dashboard.pack.slide_charts import add_chart
from dashboard.palette import LIGHT


def test_a_feature_whose_name_holds_what_no_file_may_hold_is_drawn_all_the_same() -> None:
    features = pd.DataFrame(
        {
            "feature": ["a\x00\x1b[31mb\ufffe"],
            "psi": [0.4],
            "threshold": [0.2],
            "ratio": [2.0],
            "importance": [0.5],
            "rows": [10],
        }
    )
    chart = ranked_drift(features, LIGHT, selected=None)
    assert chart is not None
    plot = lying_bars(chart, title=Said("What moved"))
    deck = Presentation()
    add_chart(deck.slides.add_slide(deck.slide_layouts[5]), plot, left=1, top=1, width=7, height=2)
    assert plot.across == ("a[31mb",)
    assert "\x00" not in plot.alt
