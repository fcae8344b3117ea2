"""Values of one column as a database gave them: a tuple of Python values, or an Arrow array where the driver makes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt

    from monitoring.ports import Flags, Floats

Values: TypeAlias = Sequence[Any] | pa.Array
INFINITE = 2**63 - 1
"""DuckDB's time without end; its negative is the one without beginning."""
NOT_A_TIME = int(np.datetime64("NaT").astype(np.int64))


def as_python(values: Values) -> Sequence[Any]:
    """Return plain Python values, ``None`` where one is missing."""
    found: Sequence[Any] = values.to_pylist() if isinstance(values, pa.Array) else values
    return found


def is_of_one_kind(values: Values) -> bool:
    """Whether values differ as text if and only if they differ: all that are there are texts, or all whole numbers."""
    kinds = set() if isinstance(values, pa.Array) else set(map(type, values)) - {type(None)}
    return len(kinds) == 1 and kinds <= {str, int}


def chosen(values: Values, which: Flags) -> Values:
    """Return some of the values."""
    if isinstance(values, pa.Array):
        found: Values = values.filter(pa.array(which))
        return found
    return [values[at] for at in np.flatnonzero(which).tolist()]


def together(first: Values, second: Values) -> Values:
    """Return the values of both, one after the other."""
    if isinstance(first, pa.Array) and isinstance(second, pa.Array) and first.type == second.type:
        both: Values = pa.concat_arrays([first, second])
        return both
    return [*as_python(first), *as_python(second)]


def is_number(kind: pa.DataType) -> bool:
    """Whether a float can hold (or come near) what an Arrow type holds."""
    return bool(
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )


def arrow_floats(values: pa.Array) -> Floats:
    """Return an array of a numeric type as floats, missing ones as NaN."""
    if not pa.types.is_float64(values.type):
        values = values.cast(pa.float64(), safe=False)
    found: Floats = values.to_numpy(zero_copy_only=False)
    return found


def arrow_micros(values: pa.Array) -> npt.NDArray[np.int64] | None:
    """Return timestamps, dates and whole numbers as integers (a missing one as NumPy's NaT); nothing for other types.

    Times are microseconds since 1970, with a zone in UTC; endless ones count as missing.
    """
    kind = values.type
    found: npt.NDArray[np.int64]
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        micros = values.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
        found = micros.to_numpy(zero_copy_only=False).view(np.int64)
    elif pa.types.is_integer(kind):
        found = values.cast(pa.int64()).fill_null(NOT_A_TIME).to_numpy(zero_copy_only=False)
    else:
        return None
    is_endless = (found == INFINITE) | (found == -INFINITE)
    return np.where(is_endless, NOT_A_TIME, found) if is_endless.any() else found
