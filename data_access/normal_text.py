"""Values as normalised text, so that 1, 1.0, true and "1" are the same class everywhere."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from monitoring.ports import CodedTexts

if TYPE_CHECKING:
    from collections.abc import Callable

    from data_access.log_values import Values
    from monitoring.ports import Texts

# Beyond this a float no longer tells neighbouring integers apart.
EXACT_INTEGER = 2.0**53
NOT_A_VALUE = {"NaN", "NaT", "<NA>"}


def category_text(value: object) -> str | None:
    """Return a category as text: missing for NULL and NaN, ``true``/``false``, integral floats without a point.

    >>> [category_text(v) for v in (None, float("nan"), True, 1.0, 2, "a ", 0.5)]
    [None, None, 'true', '1', '2', 'a ', '0.5']
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return _float_text(float(value))
    text = str(value)
    if isinstance(value, Decimal):  # 1.000 is the integer it equals
        text = f"{value.normalize():f}"
    return None if text in NOT_A_VALUE else text


def _float_text(number: float) -> str | None:
    if math.isnan(number):
        return None
    return str(int(number)) if number.is_integer() and abs(number) < EXACT_INTEGER else str(number)


def class_text(value: object) -> str | None:
    """Return a class or a label as text: 1, 1.0, true and "1" are one class.

    >>> {class_text(v) for v in (1, 1.0, True, "1", "1.0", "true", "TRUE")}
    {'1'}
    >>> class_text("on_time")
    'on_time'
    """
    text = category_text(value)
    if text is None:
        return None
    text = text.strip()
    lowered = text.lower()
    if lowered in {"true", "false"}:
        return "1" if lowered == "true" else "0"
    if text.endswith("0") and "." in text:
        whole, _, fraction = text.partition(".")
        if whole.lstrip("-").isdigit() and not fraction.strip("0"):
            return whole
    return text or None


def texts(
    values: Values, *, is_boolean: bool = False, normalise: Callable[[object], str | None] = category_text
) -> Texts:
    """Return the values as normalised text, shape ``(rows,)``; each distinct value is looked at once.

    ``is_boolean`` is for engines that keep booleans as 0 and 1.
    """
    if isinstance(values, pa.Array):
        return _arrow_texts(values, normalise)
    kinds = set(map(type, values)) - {type(None)}
    result = np.empty(len(values), dtype=object)
    if kinds <= {str} and normalise is category_text:
        result[:] = values
    elif len(kinds) <= 1:
        known = {value: normalise(_as_boolean(value) if is_boolean else value) for value in set(values)}
        result[:] = [known[value] for value in values]
    else:  # 1, 1.0 and true are one key of a dictionary
        result[:] = [normalise(_as_boolean(value) if is_boolean else value) for value in values]
    return result


def coded_texts(values: Values, *, is_boolean: bool = False) -> Texts | CodedTexts:
    """Return categories as normalised text, each text once where the engine keeps or finds them so."""
    return _coded(values, category_text) if isinstance(values, pa.Array) else texts(values, is_boolean=is_boolean)


def _arrow_texts(values: pa.Array, normalise: Callable[[object], str | None]) -> Texts:
    if normalise is category_text and pa.types.is_string(values.type):
        return np.asarray(values.to_numpy(zero_copy_only=False))
    return _coded(values, normalise).texts


def _coded(values: pa.Array, normalise: Callable[[object], str | None]) -> CodedTexts:
    coded = values.dictionary_encode()
    names = np.array([*map(normalise, coded.dictionary.to_pylist()), None], dtype=object)
    return CodedTexts(names, coded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False))


def _as_boolean(value: object) -> object:
    return bool(value) if isinstance(value, int) else value
