"""Where the portfolio stands, in sentences: what every place that shows its counts says with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.presentation import joined, number, plural
from monitoring.assessment import Verdict
from monitoring.error_control import beyond_chance, chance_of, expected_chance_signals

if TYPE_CHECKING:
    from data_access.portfolio_filter import PortfolioFilter
    from data_access.portfolio_standing import Standing


def heading(standing: Standing, wanted: PortfolioFilter, *, zombies: int = 0) -> str:
    """Return the answer in one line; a retired model that is still scored needs someone, too."""
    if not standing.models:
        return "No model passes these filters"
    which = "" if wanted.without_verdicts.is_empty else "chosen "
    models = f"{standing.judged:,} of {plural(standing.models, f'{which}model')}"
    needing = standing.needing_someone + zombies
    rest = f"{needing:,} need{'s' if needing == 1 else ''} someone" if needing else "nothing needs anyone"
    return f"{models} judged; {rest}"


def coverage(standing: Standing) -> str:
    """Return why models are not judged, and on what the others rest."""
    parts = []
    if unknown := standing.counts[Verdict.UNKNOWN]:
        reasons = [f"{count:,} {reason}" for reason, count in standing.not_judged.items()]
        parts.append(f"{unknown:,} not judged: {', '.join(reasons)}.")
    elif standing.serving:
        parts.append("Every model in service is judged." if standing.retired else "Every model is judged.")
    if estimated := standing.estimated[Verdict.KEEP]:
        parts.append(f"Of those performing well, {estimated:,} on estimates.")
    if estimated := standing.estimated[Verdict.RETRAIN]:
        parts.append(f"Of those to retrain, {estimated:,} on estimates.")
    if standing.failed:
        parts.append(f"The last assessment of {plural(standing.failed, 'model')} failed; the reason is on its page.")
    aside = [
        f"{count:,} {word}"
        for count, word in ((standing.suspended, "suspended"), (standing.retired, "retired"))
        if count
    ]
    if aside:
        parts.append(f"{joined(aside).capitalize()}.")
    return " ".join(parts)


def chance_line(standing: Standing, *, level: float) -> str:
    """Return how many measured losses are more than chance, and how many signals chance alone would give.

    ``level`` is the proof that a retraining needs in the tier that needs least of it.
    """
    if not standing.measured:
        return ""
    found = beyond_chance([chance_of(distance) for distance in standing.distances], models=standing.measured)
    signals = expected_chance_signals(standing.measured, level=level)
    stands_out = (
        f"{number(found)} of {plural(standing.measured, 'model')} measured on labels {'has' if found == 1 else 'have'} lost "
        "more than chance explains, and about one in ten of those is expected to be chance"
        if found
        else f"no loss of the {plural(standing.measured, 'model')} measured on labels is more than chance explains"
    )
    monthly = f"at most {plural(round(signals), 'retrain signal')}" if signals >= 1 else "fewer than one retrain signal"
    return f"{stands_out[:1].upper()}{stands_out[1:]} · by chance alone {monthly} a month"
