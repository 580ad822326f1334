"""Sums, and the sums and counts of histograms, of one type and unit -> one row (design section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any, Final

from tallystick.semconv import KIND_OPERATIONS, KIND_SUM

KINDS_OF_A_ROW: Final = 3
"""Rows that PostgreSQL may find for one row of an answer."""
_WIDE: Final = Context(prec=2000)
_GROUP: Final = ("org", "project", "bucket", "dimensions")

Row = Mapping[str, Any]


def join_kinds(rows: Iterable[Row], metrics: Mapping[int, Row]) -> list[Row]:
    """Rows by metric, joined by type and unit.

    What histograms count is the number of operations, what they sum is quantity; the points of a sum are operations,
    for nobody knows better.

    Args:
        rows: with metric_id, the columns of a group, quantity (Decimal) and points.
        metrics: key, unit and kind by id.

    Returns:
        The same columns; metric_id is that of any of the joined.
    """
    found = list(rows)
    if all(metrics[row["metric_id"]]["kind"] == KIND_SUM for row in found):
        return found
    joined: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in found:
        metric = metrics[row["metric_id"]]
        group = tuple(tuple(row[name]) if name == "dimensions" else row[name] for name in _GROUP)
        into = joined.setdefault(
            (metric["key"], metric["unit"], group), dict(row) | {"quantity": Decimal(0), "points": 0}
        )
        if metric["kind"] == KIND_OPERATIONS:
            into["points"] += int(row["quantity"])
        else:
            into["quantity"] = _WIDE.add(into["quantity"], row["quantity"])
            into["points"] += row["points"] if metric["kind"] == KIND_SUM else 0
    return list(joined.values())
