"""Which rows of a log still count: the newest of an id does, from the day it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

    from monitoring.ports import Days, Texts

    Stamps = npt.NDArray[np.datetime64]

NEVER = np.datetime64("NaT", "D")


def days_replaced(
    *, ids: Texts, keys: tuple[Stamps, ...], others: Texts, other_keys: tuple[Stamps, ...], other_days: Days
) -> Days:
    """Return for each entry the first day on which an entry of the same id with a greater key had arrived.

    ``others`` are all entries to compare with and may hold the entries themselves; ``other_days`` is when they arrived.
    Keys compare like tuples. NaT where nothing replaces an entry; entries without an id are never replaced.
    """
    result = np.full(len(ids), NEVER)
    if not have_several(others):
        return result
    several = pd.Series(others).dropna()
    several = several[several.duplicated(keep=False)]
    wanted = pd.Series(ids).isin(several.unique()).to_numpy()
    if not wanted.any():
        return result
    names = [f"key_{at}" for at in range(len(keys))]
    table = pd.DataFrame({"id": others, "day": other_days.astype(np.int64)} | dict(zip(names, other_keys, strict=True)))
    table = table[table["id"].isin(set(ids[wanted]))]
    firsts = table.groupby(["id", *names])["day"].min().reset_index()  # sorted by id and keys
    latest_first = firsts.iloc[::-1]
    replaced = latest_first.groupby("id")["day"].cummin().groupby(latest_first["id"]).shift()
    firsts = firsts.assign(replaced=replaced)
    entries = pd.DataFrame({"id": ids[wanted]} | {n: key[wanted] for n, key in zip(names, keys, strict=True)})
    found = entries.merge(firsts, on=["id", *names], how="left")["replaced"].to_numpy(dtype=float)
    result[wanted] = np.where(np.isnan(found), NEVER, np.nan_to_num(found).astype("datetime64[D]"))
    return result


def is_repeated(*, ids: Texts, keys: tuple[npt.NDArray[np.datetime64], ...]) -> npt.NDArray[np.bool_]:
    """Return which entries are followed by one with the same id and keys: of equals the last in order counts."""
    if not have_several(ids):
        return np.zeros(len(ids), dtype=bool)
    known = np.array([each is not None for each in ids], dtype=bool)
    table = pd.DataFrame({"id": ids} | {f"key_{at}": key for at, key in enumerate(keys)})
    return np.asarray(table.duplicated(keep="last").to_numpy() & known)


def have_several(ids: Texts) -> bool:
    """Whether any id occurs more than once."""
    known = [each for each in ids.tolist() if each is not None]
    return len(set(known)) < len(known)
