"""Every colour of the product, for the light and the dark mode; no other module writes one down."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.assessment import Verdict


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one mode; ``verdicts`` are text colours of at least 4.5:1 on page and panel, ``watch_fill`` is never text."""

    page: str
    panel: str
    text: str
    muted: str
    accent: str
    button: str
    border: str
    grid: str
    axis: str
    quiet: str
    watch_fill: str
    reference_band: str
    interval: str
    verdicts: dict[Verdict, str]
    heat: tuple[tuple[float, str], ...]
    """Feature x day scale from 0 to 3 times the threshold, as shares of the range, with the jump at the threshold."""
    categories: tuple[str, ...]
    """Ten, because Streamlit silently drops plotly's colours when fewer are given."""


LIGHT = Palette(
    page="#FFFFFF",
    panel="#F5F7FA",
    text="#17202E",
    muted="#56637A",
    accent="#2354C7",
    button="#2354C7",
    border="#D9E0E8",
    grid="#E6EBF1",
    axis="#C5CFDB",
    quiet="#A9B5C4",
    watch_fill="#C27803",
    reference_band="rgba(86,99,122,.13)",
    interval="rgba(35,84,199,.16)",
    verdicts={
        Verdict.RETRAIN: "#A8093F",
        Verdict.FIX_DATA: "#6B34B5",
        Verdict.RETIRE: "#1B2637",
        Verdict.WATCH: "#885709",
        Verdict.UNKNOWN: "#6C707E",
        Verdict.KEEP: "#43605C",
    },
    heat=(
        (0.0, "#F5F7FA"),
        (0.3, "#E3EAF5"),
        (0.333, "#F7E3B5"),
        (0.6, "#E0A458"),
        (0.85, "#C4553F"),
        (1.0, "#A8093F"),
    ),
    categories=(
        "#2354C7",
        "#0E7C86",
        "#885709",
        "#6B34B5",
        "#A8093F",
        "#5B6B82",
        "#3B8EA5",
        "#A0522D",
        "#43605C",
        "#8A3B8F",
    ),
)

DARK = Palette(
    page="#11161D",
    panel="#1A212B",
    text="#E8EDF4",
    muted="#9DAABC",
    accent="#7FA8FF",
    button="#376BDD",
    border="#2C3644",
    grid="#222B37",
    axis="#3A4656",
    quiet="#56637A",
    watch_fill="#FFBF36",
    reference_band="rgba(157,170,188,.16)",
    interval="rgba(127,168,255,.20)",
    verdicts={
        Verdict.RETRAIN: "#F2666F",
        Verdict.FIX_DATA: "#C8A7FF",
        Verdict.RETIRE: "#F4F7FB",
        Verdict.WATCH: "#FFBF36",
        Verdict.UNKNOWN: "#808A9E",
        Verdict.KEEP: "#9DBEB8",
    },
    heat=(
        (0.0, "#171D26"),
        (0.3, "#212D40"),
        (0.333, "#4A3B16"),
        (0.6, "#8F6422"),
        (0.85, "#D0654A"),
        (1.0, "#F2666F"),
    ),
    categories=(
        "#7FA8FF",
        "#4FC3CC",
        "#FFBF36",
        "#C8A7FF",
        "#F2666F",
        "#9DAABC",
        "#7CC7DB",
        "#E0A07A",
        "#9DBEB8",
        "#D39AD8",
    ),
)


def palette(mode: str | None) -> Palette:
    """Return the colours of ``mode`` (``dark``, else light)."""
    return DARK if mode == "dark" else LIGHT


def _mode_theme(mode: Palette, *, tints: dict[str, str]) -> dict[str, object]:
    """Return one mode's theme options; in markdown the named colours carry the verdicts."""
    named = {
        "red": mode.verdicts[Verdict.RETRAIN],
        "orange": mode.verdicts[Verdict.WATCH],
        "yellow": mode.verdicts[Verdict.WATCH],
        "violet": mode.verdicts[Verdict.FIX_DATA],
        "green": mode.verdicts[Verdict.KEEP],
        "blue": mode.accent,
        "gray": mode.muted,
    }
    return {
        "primaryColor": mode.button,
        "backgroundColor": mode.page,
        "secondaryBackgroundColor": mode.panel,
        "textColor": mode.text,
        "linkColor": mode.accent,
        "borderColor": mode.border,
        "dataframeBorderColor": tints["dataframe"],
        "dataframeHeaderBackgroundColor": mode.page,
        "dataframeHeaderTextColor": mode.muted,
        **{f"{name}TextColor": colour for name, colour in named.items()},
        **{f"{name}BackgroundColor": tints[name] for name in named},
        "chartCategoricalColors": list(mode.categories),
    }


def theme() -> dict[str, object]:
    """Return Streamlit's theme as configuration options; given to the server, so it holds from whichever folder it starts."""
    light = _mode_theme(
        LIGHT,
        tints={
            "dataframe": "#EDF1F5",
            "red": "#FBEAEF",
            "orange": "#FCF3E1",
            "yellow": "#FCF3E1",
            "violet": "#F2ECFB",
            "green": "#EAF3F1",
            "blue": "#EAF0FC",
            "gray": "#EEF2F7",
        },
    )
    dark = _mode_theme(
        DARK,
        tints={
            "dataframe": "#1E2631",
            "red": "#3A1C26",
            "orange": "#35290F",
            "yellow": "#35290F",
            "violet": "#2B2144",
            "green": "#1B2B2A",
            "blue": "#1B2740",
            "gray": "#222B37",
        },
    )
    frame: dict[str, object] = {
        "theme.font": "sans-serif",
        "theme.baseFontSize": 14,
        "theme.baseRadius": "6px",
        "theme.buttonRadius": "6px",
        "theme.headingFontSizes": ["24px", "18px", "15px", "14px", "14px", "12px"],
        "theme.headingFontWeights": [650, 500, 600, 600, 600, 600],
        "theme.paddingTop": "1.1rem",
        "theme.paddingBottom": "1.5rem",
        "theme.linkUnderline": False,
        "theme.showWidgetBorder": True,
    }
    return (
        frame
        | {f"theme.light.{name}": value for name, value in light.items()}
        | {f"theme.dark.{name}": value for name, value in dark.items()}
    )
