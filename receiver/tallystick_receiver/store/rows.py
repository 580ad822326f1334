"""Staged points -> the binary COPY of the three tables that one commit appends to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import numpy as np

from tallystick.quantity import Quantity
from tallystick_receiver.deltas import Deltas
from tallystick_receiver.points import Points
from tallystick_receiver.staging import Part
from tallystick_receiver.store import pgcopy

POINT_COLUMNS: Final = (
    "ts", "org_id", "series_id", "writer_id", "start_ns", "mantissa", "exponent", "end_rest",
)  # fmt: skip
COLLECTION_COLUMNS: Final = (
    "writer_id", "end_ns", "part", "received_at", "points", "series_ids", "start_ns", "mantissas", "exponents",
    "metric_ids", "metric_points", "metric_sums",
)  # fmt: skip
DELTA_COLUMNS: Final = (
    "org_id", "quarter", "dims_ids", "mantissas", "exponents", "points", "level_ns", "amount",
)  # fmt: skip

_POINTS_A_COPY: Final = 65_536
_DELTAS_A_ROW: Final = 64
"""64 deltas take 1.5 kB: below PostgreSQL's 2 kB limit from which a row is compressed and stored elsewhere."""
_EXACT: Final = 2.0**62
_WHOLE: Final = 2.0**53
_ABOVE: Final = 1.0 + 2.0**-40


def point_copies(points: Points) -> Iterator[bytes]:
    """usage_point, as COPY bodies of bounded size: each is a statement of its own, with its own time limit."""
    for first in range(0, len(points), _POINTS_A_COPY):
        chunk = slice(first, first + _POINTS_A_COPY)
        end_ns = points.end_ns[chunk]
        rows = pgcopy.table([
            pgcopy.microseconds(end_ns - 1), points.org_id[chunk], points.series_id[chunk], points.writer_id[chunk],
            points.start_ns[chunk], points.mantissa[chunk], points.exponent[chunk],
            ((end_ns - 1) % 1000).astype(np.int16),
        ])  # fmt: skip
        yield pgcopy.HEADER + rows + pgcopy.TRAILER


def collection_chunks(parts: list[Part], now_ns: int) -> Iterator[bytes]:
    """usage_collection."""
    yield pgcopy.HEADER
    received_at = int(pgcopy.microseconds(np.array([now_ns]))[0])
    for part in parts:
        points = part.points
        start = points.start_ns
        uniform = len(start) == 1 or bool((start == start[0]).all())
        metric_ids, metric_points, metric_sums = metric_sums_of(points)
        yield pgcopy.row([
            pgcopy.int8(part.writer_id), pgcopy.int8(part.end_ns), pgcopy.int4(part.number),
            pgcopy.int8(received_at), pgcopy.int4(len(points)), pgcopy.array(points.series_id),
            pgcopy.array(start[:1] if uniform else start), pgcopy.array(points.mantissa),
            pgcopy.array(points.exponent) if points.exponent.any() else pgcopy.NULL,
            pgcopy.array(metric_ids), pgcopy.array(metric_points), pgcopy.numeric_array(metric_sums),
        ])  # fmt: skip
    yield pgcopy.TRAILER


def delta_chunks(deltas: Deltas) -> Iterator[bytes]:
    """usage_delta: rows of up to 64 deltas that share organisation and quarter."""
    yield pgcopy.HEADER
    is_level = deltas.level_ns >= 0
    org, quarter = deltas.org_id, deltas.quarter_ns
    bounds = np.flatnonzero((org[1:] != org[:-1]) | (quarter[1:] != quarter[:-1]) | (is_level[1:] != is_level[:-1]))
    edges = [0, *(bounds + 1).tolist(), len(deltas)]
    dims, mantissas = pgcopy.Items(deltas.dims_id), pgcopy.Items(deltas.mantissa)
    exponents = pgcopy.Items(deltas.exponent) if deltas.exponent.any() else None
    points = pgcopy.Items(deltas.points) if (deltas.points > 1).any() else None
    levels = pgcopy.Items(deltas.level_ns)
    quarter_us = pgcopy.microseconds(quarter)
    pages = [
        (start, min(start + _DELTAS_A_ROW, last))
        for first, last in itertools.pairwise(edges)
        for start in range(first, last, _DELTAS_A_ROW)
    ]
    for (start, stop), amount in zip(pages, _amounts(deltas, [start for start, _ in pages]), strict=True):
        yield pgcopy.row([
            pgcopy.int8(int(org[start])), pgcopy.int8(int(quarter_us[start])), dims.field(start, stop),
            mantissas.field(start, stop), pgcopy.NULL if exponents is None else exponents.field(start, stop),
            pgcopy.NULL if points is None else points.field(start, stop),
            levels.field(start, stop) if is_level[start] else pgcopy.NULL,
            pgcopy.NULL if amount < 0 else pgcopy.int8(amount),
        ])  # fmt: skip
    yield pgcopy.TRAILER


def _amounts(deltas: Deltas, starts: list[int]) -> list[int]:
    """By how much each row lets its organisation grow, at most; -1 where it does not only add, or too much."""
    if not starts:
        return []
    with np.errstate(over="ignore", invalid="ignore"):
        values = deltas.mantissa.astype(np.float64) * 10.0**deltas.exponent
    sums = np.add.reduceat(values, starts)
    takes = np.minimum.reduceat(values, starts) < 0
    is_level = deltas.level_ns[starts] >= 0
    # Integers up to 2^53 are exact as floats; of others a little more is said than there is.
    is_exact = (sums < _WHOLE) & (not deltas.exponent.any())
    bounds = np.where(is_exact, sums, np.ceil(sums * _ABOVE))
    unknown = takes | is_level | ~(bounds < _EXACT)
    found: list[int] = np.where(unknown, -1, bounds).astype(np.int64).tolist()
    return found


def metric_sums_of(points: Points) -> tuple[np.ndarray, np.ndarray, list[Decimal]]:
    """Metric ids, points of each, and their exact sums: what the sender's half is compared with."""
    if len(points) == 1:
        quantity = Quantity(int(points.mantissa[0]), int(points.exponent[0]))
        return points.metric_id, np.ones(1, dtype=np.int32), [quantity.to_decimal()]
    metric_ids, inverse, counts = np.unique(points.metric_id, return_inverse=True, return_counts=True)
    sums = []
    for number in range(len(metric_ids)):
        chosen = inverse == number
        sums.append(exact_sum(points.mantissa[chosen], points.exponent[chosen]))
    return metric_ids, counts.astype(np.int32), sums


def exact_sum(mantissa: np.ndarray, exponent: np.ndarray) -> Decimal:
    """The sum of mantissa * 10**exponent, digit for digit."""
    lowest = int(exponent.min())
    total = 0
    for power in np.unique(exponent).tolist():
        values = mantissa[exponent == power]
        fits = float(np.abs(values.astype(np.float64)).sum()) < _EXACT
        subtotal = int(values.sum()) if fits else sum(values.tolist())
        total += subtotal * 10 ** (power - lowest)
    sign, digits, _ = Decimal(total).as_tuple()
    return Decimal((sign, digits, lowest))
