"""Drift as figures: features ranked by what their drift weighs, one feature's distribution, and every feature day by day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.charts import LANE_MARGIN, Chart, MarginWords, beside_levels, iso, layout, note, safe, translucent
from dashboard.presentation import importance, number, percent, plural, short_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts import Span
    from dashboard.palette import Palette
    from data_access.distributions import Distribution

HEAT_TOP = 3.0
MOST_FEATURES = 15
MAP_FEATURES = 20


def ranked_drift(features: pd.DataFrame, colours: Palette, *, selected: str | None) -> Chart | None:
    """Draw PSI x importance of one day's features, greatest first; ``features`` has one row per feature."""
    known = features[features["psi"].notna()].copy()
    if known.empty:
        return None
    known["weight"] = known["psi"] * known["importance"].fillna(0.0)
    known = known.sort_values(["weight", "psi", "feature"], ascending=[False, False, True]).head(MOST_FEATURES)
    names = axis_names(list(known["feature"]))
    above = (known["ratio"] > 1).tolist()
    height = 30 + 23 * len(known)
    chosen = [feature == selected for feature in known["feature"]]
    words = [f"{number(p, digits=2)} × {importance(i)}" for p, i in zip(known["psi"], known["importance"], strict=True)]
    hover = [
        f"{safe(row['feature'], longest=60)}: PSI {number(row['psi'], digits=2)}, threshold {number(row['threshold'], digits=2)}, "
        f"importance {importance(row['importance'])}, {number(row['rows'])} rows"
        for row in known.to_dict("records")
    ]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": [round(float(x), 5) for x in known["weight"]],
        "customdata": list(known["feature"]),
        "text": words,
        "textposition": "outside",
        "textfont": {"color": colours.muted, "size": 12},
        "cliponaxis": False,
        "marker": {
            "color": [colours.accent if over else colours.quiet for over in above],
            "line": {"color": colours.text, "width": [2 if here else 0 for here in chosen]},
        },
        "hovertext": hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
    }
    widest = max(float(known["weight"].max()), 1e-6)
    figure = {
        "data": [bars],
        "layout": layout(
            colours,
            height=height,
            margin={"l": 168, "r": 20, "t": 4, "b": 8},
            hovermode="closest",
            clickmode="event+select",
            bargap=0.36,
            xaxis={"visible": False, "range": [0, 1.32 * widest]},
            yaxis={
                "autorange": "reversed",
                "showgrid": False,
                "showline": True,
                "tickmode": "linear",
                "dtick": 1,
                "tickfont": {"size": 12.5, "color": colours.text},
            },
        ),
    }
    worst = known.iloc[0]
    count = sum(above)
    moved = (
        f"{plural(count, 'feature')} above its own threshold"
        if count == 1
        else f"{count} features above their own thresholds"
    )
    alt = f"{worst['feature']} counts most: PSI {words[0]} of importance; {moved}."
    return Chart(figure, alt, height)


def axis_names(features: Sequence[str]) -> list[str]:
    """Return names for an axis: cut, without markup, and still different from each other."""
    names: list[str] = []
    for feature in features:
        name = safe(feature)
        while name in names:
            name += " "
        names.append(name)
    return names


def distribution(shares: Distribution, colours: Palette, *, height: int) -> Chart:
    """Draw a feature's current shares as filled bars and the reference's as outlined ones, overlaid."""
    names = axis_names(list(shares.bins))
    top = max([*shares.reference, *shares.current, 0.01])
    current = {
        "type": "bar",
        "x": names,
        "y": list(shares.current),
        "marker": {"color": translucent(colours.accent, 0.38), "line": {"width": 0}},
        "hovertemplate": "%{y:.1%} now<extra></extra>",
    }
    reference = {
        "type": "bar",
        "x": names,
        "y": list(shares.reference),
        "marker": {"color": "rgba(0,0,0,0)", "line": {"color": colours.text, "width": 1.5}},
        "hovertemplate": "%{y:.1%} in the reference<extra></extra>",
    }
    between = f"{short_date(shares.first)}–{short_date(shares.last)}"
    place = {"xref": "paper", "yref": "paper", "yanchor": "bottom"}
    then = f"□ reference, {short_date(shares.reference_first)}–{short_date(shares.reference_last)} (n {shares.reference_rows:,})"
    notes = [
        note(0, 1.01, f"■ {between} (n {shares.current_rows:,})", colours.accent, xanchor="left", **place),
        note(1, 1.01, then, colours.text, xanchor="right", **place),
    ]
    moves = [now - before for now, before in zip(shares.current, shares.reference, strict=True)]
    largest = max(range(len(moves)), key=lambda at: abs(moves[at]))
    alt = (
        f"{shares.feature}, {between} against the reference: the largest change is at {shares.bins[largest]}, "
        f"{percent(shares.reference[largest])} then, {percent(shares.current[largest])} now."
    )
    long_names = max(len(name) for name in names) * len(names) > 90  # noqa: PLR2004 - letters that fit under the bars
    figure = {
        "data": [current, reference],
        "layout": layout(
            colours,
            height=height,
            barmode="overlay",
            bargap=0.14,
            annotations=notes,
            margin={"t": 28, "b": 64 if long_names else 26, "r": 4},
            xaxis={
                "type": "category",
                "tickformat": "",
                "tickmode": "linear",
                "dtick": 1,
                "tickangle": -35 if long_names else 0,
                "tickfont": {"size": 11.5, "color": colours.muted},
            },
            yaxis={"tickformat": ".0%", "range": [0, 1.08 * top], "nticks": 4},
        ),
    }
    return Chart(figure, alt, height)


def prediction_drift(days: pd.DataFrame, colours: Palette, *, span: Span, height: int = 230) -> Chart | None:
    """Draw the PSI of the predictions day by day with its threshold; ``days`` as of ``distributions.prediction_days``."""
    shown = days[(days["day"] >= span[0]) & (days["day"] < span[1])]
    known = shown[shown["psi"].notna()]
    if known.empty:
        return None
    xs = [iso(day) for day in shown["day"]]
    psi, threshold = (
        [None if pd.isna(x) else round(float(x), 4) for x in shown[name]] for name in ("psi", "threshold")
    )
    top = 1.15 * max(float(known["psi"].max()), float(known["threshold"].max()))
    end = known.iloc[-1]
    entries = [
        MarginWords(float(end["psi"]), number(end["psi"], digits=2), colours.accent),
        MarginWords(float(end["threshold"]), "threshold", colours.muted),
    ]
    figure = {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": threshold,
                "line": {"color": colours.muted, "width": 1.2, "dash": "dash"},
                "hovertemplate": "threshold %{y:.2f}<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": psi,
                "line": {"color": colours.accent, "width": 2.2},
                "hovertext": [f"{number(rows)} predictions" for rows in shown["rows"]],
                "hovertemplate": "PSI %{y:.2f} on %{hovertext}<extra></extra>",
            },
        ],
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN,
            annotations=beside_levels(entries, low=0, high=top, pixels=height - 36),
            xaxis={"range": [iso(day) for day in span]},
            yaxis={"range": [0, top]},
        ),
    }
    over = int((known["psi"] > known["threshold"]).sum())
    alt = (
        f"PSI of the predictions {number(end['psi'], digits=2)} on {short_date(end['day'])}, threshold "
        f"{number(end['threshold'], digits=2)}; above it on {over} of {plural(len(known), 'day')}."
    )
    return Chart(figure, alt, height)


def feature_map(days: pd.DataFrame, colours: Palette) -> Chart | None:
    """Draw drift of each feature on each day as a multiple of its own threshold; markers on top make the cells clickable.

    ``days`` has the columns of ``model_queries.feature_days``. A click gives the feature in ``customdata[0]`` and the day in
    ``customdata[1]``; a cell of a heatmap itself gives nothing.
    """
    known = days[days["ratio"].notna()].copy()
    if known.empty:
        return None
    # In the order of the ranked bars, so that the eye finds a feature at the same place.
    known["weight"] = known["psi"] * known["importance"].fillna(0.0)
    newest = known.sort_values("day").groupby("feature")[["weight", "psi"]].last()
    order = newest.sort_values(["weight", "psi"], ascending=False)
    features = list(order.index[:MAP_FEATURES])
    known = known[known["feature"].isin(features)]
    first, last = min(known["day"]), max(known["day"])
    all_days = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    ratios = {(row["feature"], row["day"]): float(row["ratio"]) for row in known.to_dict("records")}
    names = dict(zip(features, axis_names(features), strict=True))
    xs = [iso(day) for day in all_days]
    cells = [[ratios.get((feature, day)) for day in all_days] for feature in features]
    heat = {
        "type": "heatmap",
        "x": xs,
        "y": list(names.values()),
        "z": [[None if cell is None else round(cell, 3) for cell in row] for row in cells],
        "zmin": 0,
        "zmax": HEAT_TOP,
        "xgap": 2,
        "ygap": 2,
        "hoverinfo": "skip",
        "colorscale": [list(stop) for stop in colours.heat],
        "colorbar": {
            "thickness": 8,
            "len": 1,
            "outlinewidth": 0,
            "tickvals": [0, 1, 2, 3],
            "ticktext": ["0", "1 threshold", "2", "3+"],
            "tickfont": {"size": 12, "color": colours.muted},
        },
    }
    present = [(feature, day) for feature in features for day in all_days if (feature, day) in ratios]
    size = max(6, min(16, round(1000 / max(len(all_days), 1)) - 3))
    cover = {
        "type": "scatter",
        "mode": "markers",
        "x": [iso(day) for _, day in present],
        "y": [names[feature] for feature, _ in present],
        "customdata": [[feature, iso(day)] for feature, day in present],
        "hovertext": [
            f"{safe(feature, longest=60)}, {short_date(day)}: {number(ratios[feature, day], digits=1)} times its threshold"
            for feature, day in present
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {"symbol": "square", "size": size, "color": "rgba(0,0,0,0.01)"},
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
    }
    height = 40 + 23 * len(features)
    half = timedelta(hours=12)
    start, stop = pd.Timestamp(first) - half, pd.Timestamp(last) + half
    figure = {
        "data": [heat, cover],
        "layout": layout(
            colours,
            height=height,
            hovermode="closest",
            clickmode="event+select",
            margin={"l": 168, "r": 92, "t": 4},
            xaxis={"range": [start.isoformat(), stop.isoformat()], "showline": False},
            yaxis={
                "range": [len(features) - 0.5, -0.5],
                "showgrid": False,
                "tickmode": "linear",
                "dtick": 1,
                "tickfont": {"size": 12.5, "color": colours.text},
            },
        ),
    }
    over = known[(known["ratio"] > 1) & (known["day"] == last)]
    worst: dict[Any, Any] = known.sort_values("ratio").iloc[-1].to_dict()
    words = f"The largest was {worst['feature']} on {short_date(worst['day'])}, {number(worst['ratio'], digits=1)} times its threshold"
    return Chart(
        figure, f"{words}; on {short_date(last)} {len(over)} of {len(features)} features are above theirs.", height
    )
