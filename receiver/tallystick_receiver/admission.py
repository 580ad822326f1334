"""The rules that a point's own numbers must obey, decided for a whole request at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tallystick.quantity import quantity_of
from tallystick.refusal import Reason
from tallystick.semconv import INT64_MAX

_EXACT_INTEGER = 2.0**53
_SCALED_MAX = 10.0**15
_DECIMALS_TRIED = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """How old and how early a point may be, against the receiver's clock; all in nanoseconds."""

    now_ns: int
    late_ns: int
    ahead_ns: int


def refuse_times(start: np.ndarray, end: np.ndarray, limits: TimeLimits) -> dict[Reason, np.ndarray]:
    """Which points are refused for their times (uint64 nanoseconds), as masks; the first reason wins."""
    limit = np.uint64(INT64_MAX)
    oldest = np.uint64(max(limits.now_ns - limits.late_ns, 0))
    newest = np.uint64(limits.now_ns + limits.ahead_ns)
    return {
        Reason.TIME_MISSING: end == 0,
        Reason.TIME_OUT_OF_RANGE: (end > limit) | (start > limit),
        Reason.TOO_OLD: end < oldest,
        Reason.TOO_FAR_AHEAD: end > newest,
    }


def refuse_values(doubles: np.ndarray, is_double: np.ndarray, integers: np.ndarray,
                  is_level: np.ndarray) -> dict[Reason, np.ndarray]:  # fmt: skip
    """Which points are refused for their values, as masks; a level may be negative, a monotonic delta not."""
    not_finite = is_double & ~np.isfinite(doubles)
    below_zero = np.where(is_double, doubles < 0, integers < 0)
    return {
        Reason.NOT_A_NUMBER: not_finite,
        Reason.NEGATIVE: below_zero & ~is_level & ~not_finite,
    }


def decimals_of(doubles: np.ndarray, is_double: np.ndarray,
                integers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Mantissas (int64) and exponents (int16) of finite values: a double counts as its shortest decimal.

    A decimal of at most 15 digits that reads back as the double is its shortest one, so trying one to nine
    decimals settles nearly all doubles without leaving numpy.
    """
    mantissa = integers.copy()
    exponent = np.zeros(len(integers), dtype=np.int16)
    left = np.flatnonzero(is_double)
    if not len(left):
        return mantissa, exponent
    values = doubles[left]
    whole = (values == np.trunc(values)) & (np.abs(values) <= _EXACT_INTEGER)
    mantissa[left[whole]] = values[whole].astype(np.int64)
    left = left[~whole]
    for decimals in range(1, _DECIMALS_TRIED + 1):
        if not len(left):
            break
        values = doubles[left]
        with np.errstate(over="ignore"):
            scaled = np.rint(values * 10.0**decimals)
        fits = (np.abs(scaled) < _SCALED_MAX) & (scaled / 10.0**decimals == values)
        mantissa[left[fits]] = scaled[fits].astype(np.int64)
        exponent[left[fits]] = -decimals
        left = left[~fits]
    for position in left.tolist():
        quantity = quantity_of(float(doubles[position]))
        mantissa[position], exponent[position] = quantity.mantissa, quantity.exponent
    return mantissa, exponent
