"""Points -> deltas: what a commit adds per organisation, quarter of an hour and set of dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tallystick.semconv import INT64_MAX, INT64_MIN
from tallystick_receiver.points import QUARTER_NS, Points

_SAFE: Final = 2.0**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """Columns of equal length, sorted by organisation and quarter; `level_ns` is -1 for sums."""

    org_id: np.ndarray
    quarter_ns: np.ndarray
    dims_id: np.ndarray
    mantissa: np.ndarray
    exponent: np.ndarray
    points: np.ndarray
    level_ns: np.ndarray

    def __len__(self) -> int:
        return len(self.org_id)


def deltas_of(points: Points) -> Deltas:
    """Sums per (org, quarter, dims, exponent), exact; each sample of a level stays by itself.

    Deltas add up, so a sum that does not fit 64 bits simply becomes two of them. A point belongs to the quarter
    of its end time less one nanosecond (design section 2).
    """
    quarter = (points.end_ns - 1) // QUARTER_NS * QUARTER_NS
    level_ns = np.where(points.is_level, points.end_ns, -1)
    order = np.lexsort((points.exponent, points.dims_id, level_ns, quarter, points.is_level, points.org_id))
    keys = (points.org_id, points.is_level, quarter, level_ns, points.dims_id, points.exponent)
    changes = np.zeros(len(order), dtype=bool)
    if len(order):
        changes[0] = True
    for key in keys:
        ordered = key[order]
        changes[1:] |= ordered[1:] != ordered[:-1]
    changes |= points.is_level[order]
    first = np.flatnonzero(changes)
    count = np.diff(np.append(first, len(order)))
    mantissa = points.mantissa[order]
    if len(order) and float(np.abs(mantissa.astype(np.float64)).max()) * int(count.max()) >= _SAFE:
        mantissa, first, count = _sum_large(mantissa, first, count)
    elif len(order):
        mantissa = np.add.reduceat(mantissa, first)
    chosen = order[first]
    return Deltas(
        org_id=points.org_id[chosen], quarter_ns=quarter[chosen], dims_id=points.dims_id[chosen],
        mantissa=mantissa, exponent=points.exponent[chosen], points=count.astype(np.int32),
        level_ns=level_ns[chosen],
    )  # fmt: skip


def _sum_large(mantissa: np.ndarray, first: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sums that may not fit 64 bits, begun anew where they would not."""
    sums: list[int] = []
    firsts: list[int] = []
    counts: list[int] = []
    for start, length in zip(first.tolist(), count.tolist(), strict=True):
        total, begun = 0, start
        for position, value in enumerate(mantissa[start : start + length].tolist(), start):
            if not INT64_MIN <= total + value <= INT64_MAX:
                sums.append(total)
                firsts.append(begun)
                counts.append(position - begun)
                total, begun = 0, position
            total += value
        sums.append(total)
        firsts.append(begun)
        counts.append(start + length - begun)
    return (
        np.array(sums, dtype=np.int64),
        np.array(firsts, dtype=np.int64),
        np.array(counts, dtype=np.int64),
    )
