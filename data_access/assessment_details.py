"""Details of an assessment as few bytes: what every day of one reference repeats is kept once, the rest as columns, compressed."""

from __future__ import annotations

import json
import zlib
from hashlib import sha256
from typing import Any

LEVEL, RAW = 6, -15
PLAIN, COLUMNS = b"\x00", b"\x01"
"""First byte: the details as they are (how a registry of schema 0001 was upgraded), or without facts and in columns."""
PER_FEATURE = ("importance", "nulls_reference", "source", "kind")
"""What is known of a feature as soon as its reference is."""
PER_REFERENCE = ("has_importance", "reference")
DECIMALS = 10_000
FAMILIAR = (
    b'"confusion":[],"bias":null,"mean_absolute_error":null,"calibration":[[0,0],[10,2],[100,50]],"second_yardstick":true'
    b'"flags":[[],["nulls"],["stuck"],["rescaled"],["unit"],["new_level"],["type_change"],["level_change"]]'
    b'{"features":{"psi":[0,null,10],"threshold":[1000,1000,1000,1000,1000],"excess":[0,0,0,0,0,0,0,0],"rows":[10000000,'
    b'"nulls":[0,0,0,0,0,0],"flags":[[],[],[],[],[]]},"score":{"psi":0.0,"threshold":0.1},"performance":{"windows":{"7":'
    b'{"labels":1000,"z":-0.5,"effect":-0.01},"14":{"labels":,"z":0.,"effect":0.0},"28":{"labels":,"z":-1.,"effect":0.0}},'
    b'"onset":"2026-01-01","cusum":0.0,"tolerance":0.05,"skill":0.5,"metric_7":0.8,"label_mean":[0.],'
    b'"label_mean_reference":[0.],"second_yardstick":false,"confusion":['
)
"""Text that details are made of; a day's own text is stored as its difference to it. Stored days depend on it: never change it."""


def split_details(details: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the facts that other days of the same reference repeat, and this day's own part as bytes."""
    features = details.get("features") or {}
    facts: dict[str, Any] = {name: details[name] for name in PER_REFERENCE if name in details}
    own = {name: value for name, value in details.items() if name not in facts}
    fields = list(next(iter(features.values()), {}))
    if features and all(list(said) == fields for said in features.values()):
        facts["features"] = list(features)
        facts["fields"] = fields
        columns = {field: [said[field] for said in features.values()] for field in fields}
        facts["columns"] = {field: columns.pop(field) for field in PER_FEATURE if field in columns}
        own["features"] = {field: _scaled(values) for field, values in columns.items()}
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY, FAMILIAR)
    text = json.dumps(own, separators=(",", ":")).encode()
    return facts, COLUMNS + compressor.compress(text) + compressor.flush()


def joined_details(facts: dict[str, Any] | None, payload: bytes) -> dict[str, Any]:
    """Return the details that ``split_details`` was given."""
    if payload[:1] == PLAIN:
        plain: dict[str, Any] = json.loads(zlib.decompress(payload[1:], RAW))
        return plain
    inflater, facts = zlib.decompressobj(RAW, FAMILIAR), facts or {}
    own = json.loads(inflater.decompress(payload[1:]) + inflater.flush())
    if "columns" in facts:
        columns = {field: _plain(values) for field, values in own["features"].items()} | facts["columns"]
        ordered = [columns[field] for field in facts["fields"]]
        own["features"] = {
            name: dict(zip(facts["fields"], values, strict=True))
            for name, *values in zip(facts["features"], *ordered, strict=True)
        }
    details: dict[str, Any] = {name: facts[name] for name in PER_REFERENCE if name in facts} | own
    return details


def facts_hash(facts: dict[str, Any]) -> str:
    """Return what facts are recognised by."""
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _scaled(values: list[Any]) -> list[Any] | dict[str, list[Any]]:
    """Return numbers of at most four decimals as whole ten-thousandths; anything else as it is."""
    if not any(isinstance(value, float) for value in values):
        return values
    if not all(value is None or isinstance(value, float) for value in values):
        return values
    whole = [None if value is None else round(value * DECIMALS) for value in values]
    same = all(n is None or n / DECIMALS == value for n, value in zip(whole, values, strict=True))
    return {"e-4": whole} if same else values


def _plain(values: list[Any] | dict[str, list[Any]]) -> list[Any]:
    """Return the values that ``_scaled`` was given."""
    if isinstance(values, list):
        return values
    return [None if n is None else n / DECIMALS for n in values["e-4"]]
