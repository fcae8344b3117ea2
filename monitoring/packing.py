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
    from collections.abc import Sequence

    from monitoring.ports import Floats

LEVEL = 6
RAW = -15
"""Deflate without the header and the check sum of zlib: the database checks what it stores."""
SECOND_FORMAT = b"\x01"
"""First byte of a day; days of schema 0001 begin with the length of their header, which is never 1."""
MANY = 255


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


def _whole_bytes(values: np.ndarray) -> tuple[bytes, bytes]:
    """Return whole numbers in a byte each, and those of 255 and more once again in eight bytes."""
    flat = values.reshape(-1).astype(np.uint64)
    return np.minimum(flat, MANY).astype(np.uint8).tobytes(), flat[flat >= MANY].astype("<u8").tobytes()


def _whole_values(data: np.ndarray, rest: bytes) -> np.ndarray:
    """Return the whole numbers that ``_whole_bytes`` was given, in one dimension."""
    values = data.reshape(-1).astype(np.int64)
    if rest:
        values[values == MANY] = np.frombuffer(rest, dtype="<u8")
    return values


def _float_planes(values: Floats) -> bytes:
    """Return all first bytes of numbers, then all second ones and so on: sign and exponent first."""
    return values.astype(">f8").view(np.uint8).reshape(-1, 8).T.tobytes()


def _floats(planes: np.ndarray) -> Floats:
    """Return the numbers whose bytes are ``(..., 8, n)``, the first byte first."""
    floats: Floats = np.ascontiguousarray(np.swapaxes(planes, -1, -2)).view(">f8")[..., 0].astype(np.float64)
    return floats


def _packed(*parts: bytes) -> bytes:
    """Return the parts compressed, each with a code of its own: counts, exponents and digits are distributed differently."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW, zlib.DEF_MEM_LEVEL + 1)
    packed = [compressor.compress(part) + compressor.flush(zlib.Z_BLOCK) for part in parts if part]
    return SECOND_FORMAT + b"".join(packed) + compressor.flush()


def _unpacked(payload: bytes) -> bytes:
    return zlib.decompress(payload[1:], RAW)


def pack_day(profiles: DayProfiles, at: int) -> bytes:
    """Return one day of profiles as bytes; the layout says how many counts and sums there are, remarks come last."""
    counts, rest = _whole_bytes(profiles.counts[at])
    sums = profiles.numeric_sums[at].copy()
    sums[:, 0] = profiles.rows[at] - sums[:, 0]  # finite values: mostly all rows, or all but a few
    floats = (sums.T.reshape(-1), profiles.sums[at, -2:], profiles.lows[at], profiles.highs[at])
    planes = _float_planes(np.concatenate(floats))
    exponents = len(planes) // 4
    remarks = b""
    if profiles.remarks is not None and profiles.remarks[at].any():
        remarks = profiles.remarks[at].astype("<i8").tobytes()
    return _packed(counts, planes[:exponents], planes[exponents:], rest, remarks)


def unpack_days(layout: Layout, days: Sequence[tuple[date, int, bytes]]) -> DayProfiles:
    """Return day profiles from ``(day, rows, payload)`` in ascending order of days."""
    n, numeric, n_counts = len(days), len(layout.numeric), layout.n_counts
    n_floats = layout.n_sums + 2 * numeric
    size = n_counts + 8 * n_floats
    raw = [_unpacked(p) if p[:1] == SECOND_FORMAT else _as_second_format(layout, rows, p) for _, rows, p in days]
    data = np.frombuffer(b"".join(r[:size] for r in raw), dtype=np.uint8).reshape(n, size)
    ends = [size + 8 * int(many) for many in (data[:, :n_counts] == MANY).sum(axis=1)]
    rest = b"".join(r[size:end] for r, end in zip(raw, ends, strict=True))
    counts = _whole_values(data[:, :n_counts], rest).reshape(n, n_counts)
    floats = _floats(data[:, n_counts:].reshape(n, 8, n_floats))
    rows = np.array([rows for _, rows, _ in days], dtype=np.int64)
    kinds = (layout.n_sums - 2) // max(numeric, 1)
    sums = np.swapaxes(floats[:, : layout.n_sums - 2].reshape(n, kinds, numeric), 1, 2).copy()
    sums[..., 0] = rows[:, None] - sums[..., 0]
    by_feature = sums.reshape(n, layout.n_sums - 2)
    scores, lows, highs = np.split(floats[:, layout.n_sums - 2 :], [2, 2 + numeric], axis=1)
    day = np.array([day for day, _, _ in days], dtype="datetime64[D]")
    return DayProfiles(
        day, rows, counts, np.concatenate((by_feature, scores), axis=1), lows, highs, _remarks(raw, ends)
    )


def _remarks(raw: Sequence[bytes], ends: Sequence[int]) -> np.ndarray | None:
    """Return the remarks that stand behind each day's counts and sums, nothing where no day has any."""
    width = max((len(r) - end for r, end in zip(raw, ends, strict=True)), default=0)
    if not width:
        return None
    return np.array([np.frombuffer(r[end:] or bytes(width), dtype="<i8") for r, end in zip(raw, ends, strict=True)])


def _as_second_format(layout: Layout, rows: int, payload: bytes) -> bytes:
    """Return what a day packed in the first format (registries of schema 0001) is in the second, not compressed."""
    _, arrays = unpack_arrays(payload)
    counts = np.zeros(layout.n_counts, dtype=np.int64)
    counts[np.cumsum(arrays["at"].astype(np.int64))] = arrays["n"]
    sums, extremes = np.split(arrays["x"], [layout.n_sums])
    by_feature = sums[:-2].reshape(len(layout.numeric), -1).copy()
    by_feature[:, :1] = rows - by_feature[:, :1]
    data, rest = _whole_bytes(counts)
    return data + _float_planes(np.concatenate((by_feature.T.reshape(-1), sums[-2:], extremes))) + rest


def pack_labels(layout: LabelLayout, labels: LabelProfiles, chosen: np.ndarray) -> bytes:
    """Return the label sums of one arrival day (``chosen`` indices) as bytes: columns of whole numbers apart from the others.

    Sums of the naive loss that follow from how often each class came are left out.
    """
    vectors = _without_naive(layout, labels.vectors[chosen])
    ages = (labels.arrival[chosen] - labels.day[chosen]).astype("<i4")
    whole = ((vectors == np.rint(vectors)) & (vectors >= 0) & (vectors < 2.0**63)).all(axis=0)
    counts, rest = _whole_bytes(vectors[:, whole].T)
    planes = _float_planes(vectors[:, ~whole].T.reshape(-1))
    exponents = len(planes) // 4
    head = struct.pack("<I", len(chosen)) + np.packbits(whole).tobytes() + ages.tobytes()
    return _packed(head, counts, planes[:exponents], planes[exponents:], rest)


def _without_naive(layout: LabelLayout, vectors: Floats) -> Floats:
    """Return label sums with zeros for those of the naive loss where ``_with_naive`` finds exactly them again."""
    found = layout.naive_of_classes(vectors)
    if found is None:
        return vectors
    left_out = vectors.copy()
    for name, values in zip(("naive", "naive2"), found, strict=True):
        at = layout.slices[name].start
        if np.array_equal(vectors[:, at], values):
            left_out[:, at] = 0.0
    return left_out


def _with_naive(layout: LabelLayout, vectors: Floats) -> Floats:
    """Return label sums with those of the naive loss that were left out; one that is zero follows from the classes as well."""
    found = layout.naive_of_classes(vectors)
    if found is not None:
        for name, values in zip(("naive", "naive2"), found, strict=True):
            at = layout.slices[name].start
            vectors[:, at] = np.where(vectors[:, at] == 0.0, values, vectors[:, at])
    return vectors


def unpack_labels(layout: LabelLayout, arrivals: Sequence[tuple[date, bytes]]) -> LabelProfiles:
    """Return label sums from ``(arrival day, payload)`` in ascending order."""
    head = 4 + (layout.width + 7) // 8
    alike: dict[bytes, list[tuple[int, bytes]]] = {}
    found: list[tuple[np.ndarray, Floats]] = [(np.zeros(0, dtype=np.int64), np.zeros((0, layout.width)))] * len(
        arrivals
    )
    for i, (arrived, payload) in enumerate(arrivals):
        if payload[:1] == SECOND_FORMAT:
            raw = _unpacked(payload)
            alike.setdefault(raw[:head], []).append((i, raw))
        else:
            day, vectors = _first_format_labels(layout.width, payload)
            found[i] = (np.datetime64(arrived, "D").astype(np.int64) - day, vectors)
    for key, group in alike.items():
        ages, vectors = _label_vectors(layout.width, key, [raw for _, raw in group])
        for at, (i, _) in enumerate(group):
            found[i] = (ages[at], vectors[at])
    none = np.array([], dtype="datetime64[D]")
    if not arrivals:
        return LabelProfiles(none, none, np.zeros((0, layout.width)))
    arrival = np.repeat(np.array([day for day, _ in arrivals], dtype="datetime64[D]"), [len(age) for age, _ in found])
    age = np.concatenate([age for age, _ in found])
    vectors = _with_naive(layout, np.concatenate([vectors for _, vectors in found]))
    return LabelProfiles(arrival, arrival - age, vectors)


def _label_vectors(width: int, head: bytes, raws: list[bytes]) -> tuple[np.ndarray, Floats]:
    """Return ages in days ``(arrivals, pairs)`` and sums ``(arrivals, pairs, width)`` of arrival days that are laid out alike."""
    (n,) = struct.unpack_from("<I", head)
    whole = np.unpackbits(np.frombuffer(head, dtype=np.uint8, offset=4), count=width).astype(bool)
    columns, days = int(whole.sum()), len(raws)
    counts_at = len(head) + 4 * n
    floats_at, size = counts_at + n * columns, n * (width - columns)
    end = floats_at + 8 * size
    data = np.frombuffer(b"".join(raw[:end] for raw in raws), dtype=np.uint8).reshape(days, end)
    ages = np.ascontiguousarray(data[:, len(head) : counts_at]).view("<i4").astype(np.int64)
    vectors = np.empty((days, n, width))
    counts = _whole_values(data[:, counts_at:floats_at], b"".join(raw[end:] for raw in raws))
    vectors[:, :, whole] = np.swapaxes(counts.reshape(days, columns, n), 1, 2)
    floats = _floats(data[:, floats_at:].reshape(days, 8, size))
    vectors[:, :, ~whole] = np.swapaxes(floats.reshape(days, width - columns, n), 1, 2)
    return ages, vectors


def _first_format_labels(width: int, payload: bytes) -> tuple[np.ndarray, Floats]:
    """Return the prediction days (as numbers) and the sums of labels packed in the first format (schema 0001)."""
    _, arrays = unpack_arrays(payload)
    at = np.cumsum(arrays["at"].astype(np.int64))
    whole = np.unpackbits(arrays["whole"], count=len(at)).astype(bool)
    values: Floats = np.zeros(len(at))
    values[whole], values[~whole] = arrays["n"], arrays["x"]
    flat = np.zeros(len(arrays["day"]) * width)
    flat[at] = values
    return arrays["day"].astype(np.int64), flat.reshape(-1, width)


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
