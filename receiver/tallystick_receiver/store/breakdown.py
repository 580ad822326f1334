"""How many events and bytes, by any group: what GET /api/v1/usage/breakdown answers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.semconv import KIND_HISTOGRAM, KIND_OPERATIONS, KIND_SUM
from tallystick_receiver.store.join_kinds import Row
from tallystick_receiver.store.scene import snapshot
from tallystick_receiver.store.usage import read_sums, refuse_long

if TYPE_CHECKING:
    from tallystick_receiver.question import Question
    from tallystick_receiver.store.database import Database

_WIDE: Final = Context(prec=2000)
_BYTE: Final = "By"

Group = tuple[str | None, str | None, str | None, datetime | None, tuple[str | None, ...]]
"""Type, organisation, project, bucket and dimensions; what is not grouped by is None."""


@dataclass(slots=True, kw_only=True)
class Volume:
    """What came together."""

    events: Decimal = Decimal(0)
    bytes: Decimal = Decimal(0)


def is_event(unit: str, kind: str) -> bool:
    """Whether the quantity of a metric is a number of events.

    A histogram counts its operations, whatever their unit. A sum counts events when its unit says that it counts: `1`,
    or an annotation like `{request}`. Tokens are what an event consumes. Of anything else (bytes, seconds, no unit)
    nobody knows how many events it was: the number of points is that of the sender's collections.
    """
    if kind == KIND_OPERATIONS:
        return True
    return kind == KIND_SUM and (unit == "1" or (unit.startswith("{") and unit.endswith("}") and unit != "{token}"))


def is_volume(unit: str, kind: str) -> bool:
    """Whether the quantity of a metric is a number of bytes; levels do not add up."""
    return unit == _BYTE and kind in (KIND_SUM, KIND_HISTOGRAM)


async def read_breakdown(database: Database, question: Question, rows_max: int) -> dict[Group, Volume]:
    """Events and bytes of each group that has any.

    Args:
        database: where.
        question: what; its types choose metrics.
        rows_max: metrics of groups at most.

    Raises:
        InvalidQuestion: there are more, or the window needs what was dropped.
        Unavailable: the database is out of reach.
    """
    async with snapshot(database, question) as scene:
        counted = {
            i: metric
            for i, metric in scene.metrics.items()
            if is_event(metric["unit"], metric["kind"]) or is_volume(metric["unit"], metric["kind"])
        }
        rows = await read_sums(replace(scene, metrics=counted), question, rows_max)
    refuse_long(len(rows), rows_max)
    return _joined(rows, counted, by_type="type" in question.group_by)


def _joined(rows: list[Row], metrics: dict[int, Any], *, by_type: bool) -> dict[Group, Volume]:
    groups: dict[Group, Volume] = defaultdict(Volume)
    for row in rows:
        metric = metrics[row["metric_id"]]
        type_ = metric["key"] if by_type else None
        into = groups[type_, row["org"], row["project"], row["bucket"], tuple(row["dimensions"])]
        if is_event(metric["unit"], metric["kind"]):
            into.events = _WIDE.add(into.events, row["quantity"])
        else:
            into.bytes = _WIDE.add(into.bytes, row["quantity"])
    return groups
