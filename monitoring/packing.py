"""Profiles and references as compact bytes: numbers by byte planes, compressed; never pickles."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.label_profile import LabelLayout, LabelProfiles
from monitoring.portfolio import Task
from monitoring.ports import ReferenceOrigin
from monitoring.profile import CategoryBins, DayProfiles, Layout, NumericBins, ScoreBins
from monitoring.reference import Reference

if TYPE_CHECKING:
    from monitoring.ports import Floats

LEVEL = 6


def _planes(values: np.ndarray) -> bytes:
    """Return the bytes of an array, all first bytes first: equal bytes stand together and compress."""
    raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, values.dtype.itemsize)
    return raw.T.tobytes()


def _values(data: bytes, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    size = np.dtype(dtype).itemsize
    raw = np.frombuffer(data, dtype=np.uint8).reshape(size, -1).T
    return np.ascontiguousarray(raw).view(dtype).reshape(shape).copy()


def pack_arrays(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """Return a JSON header and named arrays as bytes; integers are stored in the fewest bytes that hold them."""
    parts, described = [], []
    for name, given in arrays.items():
        values = given
        if values.dtype.kind == "i" and values.size and values.min() >= 0:
            values = values.astype(np.min_scalar_type(int(values.max())))
        data = zlib.compress(_planes(values), LEVEL)
        described.append([name, values.dtype.str, list(values.shape), len(data)])
        parts.append(data)
    head = zlib.compress(json.dumps([header, described], separators=(",", ":")).encode(), LEVEL)
    return struct.pack("<I", len(head)) + head + b"".join(parts)


def unpack_arrays(payload: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what ``pack_arrays`` was given."""
    (length,) = struct.unpack_from("<I", payload)
    header, described = json.loads(zlib.decompress(payload[4 : 4 + length]))
    at, arrays = 4 + length, {}
    for name, dtype, shape, size in described:
        arrays[name] = _values(zlib.decompress(payload[at : at + size]), dtype, tuple(shape))
        at += size
    return header, arrays


def pack_day(profiles: DayProfiles, at: int) -> bytes:
    """Return one day of profiles as bytes."""
    counts, floats = profiles.counts[at], [profiles.sums[at], profiles.lows[at], profiles.highs[at]]
    present = np.flatnonzero(counts)
    arrays = {"at": np.diff(present, prepend=0), "n": counts[present], "x": np.concatenate(floats)}
    if profiles.remarks is not None and profiles.remarks[at].any():
        arrays["r"] = profiles.remarks[at]
    return pack_arrays({}, arrays)


def unpack_days(layout: Layout, days: list[tuple[date, int, bytes]]) -> DayProfiles:
    """Return day profiles from ``(day, rows, payload)`` in ascending order of days."""
    n, numeric = len(days), len(layout.numeric)
    counts = np.zeros((n, layout.n_counts), dtype=np.int64)
    floats, remarks = np.zeros((n, layout.n_sums + 2 * numeric)), None
    for i, (_, _, payload) in enumerate(days):
        _, arrays = unpack_arrays(payload)
        counts[i, np.cumsum(arrays["at"].astype(np.int64))] = arrays["n"]
        floats[i] = arrays["x"]
        if "r" in arrays:
            remarks = np.zeros((n, len(arrays["r"])), dtype=np.int64) if remarks is None else remarks
            remarks[i] = arrays["r"]
    sums, lows, highs = np.split(floats, [layout.n_sums, layout.n_sums + numeric], axis=1)
    day = np.array([day for day, _, _ in days], dtype="datetime64[D]")
    rows = np.array([rows for _, rows, _ in days], dtype=np.int64)
    return DayProfiles(day, rows, counts, sums, lows, highs, remarks)


def pack_labels(labels: LabelProfiles, chosen: np.ndarray) -> bytes:
    """Return the label sums of one arrival day (``chosen`` indices) as bytes, sparse."""
    vectors = labels.vectors[chosen]
    flat = vectors.reshape(-1)
    present = np.flatnonzero(flat)
    values = flat[present]
    whole = values == np.rint(values)
    return pack_arrays(
        {},
        {
            "day": labels.day[chosen].astype(np.int64),
            "at": np.diff(present, prepend=0),
            "whole": np.packbits(whole),
            "n": values[whole].astype(np.int64),
            "x": values[~whole],
        },
    )


def unpack_labels(layout: LabelLayout, arrivals: list[tuple[date, bytes]]) -> LabelProfiles:
    """Return label sums from ``(arrival day, payload)`` in ascending order."""
    arrival, day, vectors = [], [], []
    for arrived, payload in arrivals:
        _, arrays = unpack_arrays(payload)
        at = np.cumsum(arrays["at"].astype(np.int64))
        whole = np.unpackbits(arrays["whole"], count=len(at)).astype(bool)
        values: Floats = np.zeros(len(at))
        values[whole], values[~whole] = arrays["n"], arrays["x"]
        flat = np.zeros(len(arrays["day"]) * layout.width)
        flat[at] = values
        vectors.append(flat.reshape(-1, layout.width))
        day.append(arrays["day"].astype("datetime64[D]"))
        arrival.append(np.full(len(arrays["day"]), np.datetime64(arrived, "D")))
    none = np.array([], dtype="datetime64[D]")
    if not day:
        return LabelProfiles(none, none, np.zeros((0, layout.width)))
    return LabelProfiles(np.concatenate(arrival), np.concatenate(day), np.concatenate(vectors))


def pack_reference(reference: Reference) -> bytes:
    """Return a reference as bytes: bins and constants in the header, its days as arrays."""
    features = [
        {"name": name, "kind": str(bins.kind)} | _bins_as_json(bins) for name, bins in reference.layout.features.items()
    ]
    labels = reference.label_layout
    header = {
        "features": features,
        "score": asdict(reference.layout.score),
        "labels": {
            "task": str(labels.task),
            "classes": labels.classes,
            "label_means": labels.label_means,
            "loss_ratio": labels.loss_ratio,
            "hard": labels.hard,
        },
        "importance": reference.importance,
        "has_importance": reference.has_importance,
        "sources": reference.sources,
        "origin": str(reference.origin),
        "first_day": reference.first_day.isoformat(),
        "last_day": reference.last_day.isoformat(),
        "has_days": reference.has_days,
    }
    days = reference.profiles
    arrays = {
        "day": days.day.astype(np.int64),
        "rows": days.rows,
        "counts": days.counts,
        "sums": days.sums,
        "lows": days.lows,
        "highs": days.highs,
        "label_day": reference.labels.day.astype(np.int64),
        "vectors": reference.labels.vectors,
    }
    if days.remarks is not None:
        arrays["remarks"] = days.remarks
    return pack_arrays(header, arrays)


def _bins_as_json(bins: NumericBins | CategoryBins) -> dict[str, Any]:
    fields = asdict(bins)
    return fields | {"rare": sorted(bins.rare)} if isinstance(bins, CategoryBins) else fields


def _bins_of(fields: dict[str, Any]) -> NumericBins | CategoryBins:
    if fields["kind"] == "numeric":
        edges, coarse = tuple(fields["edges"]), tuple(fields["coarse_edges"])
        return NumericBins(edges, coarse, fields["lowest"], fields["highest"])
    return CategoryBins(
        tuple(fields["levels"]), frozenset(fields["rare"]), fields["near_unique"], fields["expected_unseen"]
    )


def unpack_reference(payload: bytes) -> Reference:
    """Return the reference that ``pack_reference`` was given."""
    header, arrays = unpack_arrays(payload)
    score = header["score"]
    bins = ScoreBins(tuple(score["edges"]), tuple(score["test_edges"]), score["lowest"], score["highest"])
    layout = Layout({fields["name"]: _bins_of(fields) for fields in header["features"]}, bins)
    labels = header["labels"]
    label_layout = LabelLayout(
        Task(labels["task"]),
        labels["classes"],
        bins,
        tuple(labels["label_means"]),
        labels["loss_ratio"],
        labels["hard"],
    )
    label_day = arrays["label_day"].astype("datetime64[D]")
    return Reference(
        layout=layout,
        label_layout=label_layout,
        profiles=DayProfiles(
            arrays["day"].astype("datetime64[D]"),
            arrays["rows"].astype(np.int64),
            arrays["counts"].astype(np.int64),
            arrays["sums"],
            arrays["lows"],
            arrays["highs"],
            arrays["remarks"].astype(np.int64) if "remarks" in arrays else None,
        ),
        labels=LabelProfiles(label_day, label_day, arrays["vectors"]),
        importance=header["importance"],
        has_importance=header["has_importance"],
        sources=header["sources"],
        origin=ReferenceOrigin(header["origin"]),
        first_day=date.fromisoformat(header["first_day"]),
        last_day=date.fromisoformat(header["last_day"]),
        has_days=header["has_days"],
    )
