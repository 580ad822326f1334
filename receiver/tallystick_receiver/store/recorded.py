"""usage.recorded: what a commit stored, appended in that commit and told by one leader soon after.

The commit takes no lock for it. Whoever appends events holds an advisory lock until its own commit, so the lane of
usage leaves rows behind instead, and the leader moves them: deleted here and written there in one transaction, so that
none is lost or told twice.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tallystick.quantity import text_of
from tallystick.semconv import KIND_LEVEL
from tallystick_receiver.events import Event, EventType, new_event
from tallystick_receiver.store import pgcopy
from tallystick_receiver.store.events import write_events
from tallystick_receiver.store.join_kinds import join_kinds
from tallystick_receiver.store.rows import exact_sum
from tallystick_receiver.store.statements import statement
from tallystick_receiver.subscriptions import Subscription, is_wanted

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from tallystick_receiver.points import Points

RECORDED_COLUMNS: Final = ("org_id", "at", "metric_ids", "points", "quantities")
METRICS_MAX: Final = 100
"""Metrics of one event; more of them make several."""
_ROWS_MAX: Final = 500
_Metrics = dict[int, Any]


def recorded_chunks(points: Points, now_ns: int) -> Iterator[bytes]:
    """usage_recorded: a row for each organisation, with points and sum of each of its metrics."""
    yield pgcopy.HEADER
    at = int(pgcopy.microseconds(np.array([now_ns]))[0])
    order = np.lexsort((points.metric_id, points.org_id))
    org, metric = points.org_id[order], points.metric_id[order]
    mantissa, exponent = points.mantissa[order], points.exponent[order]
    starts = [0, *(np.flatnonzero((org[1:] != org[:-1]) | (metric[1:] != metric[:-1])) + 1).tolist()]
    ends = [*starts[1:], len(order)]
    for _, group in itertools.groupby(zip(starts, ends, strict=True), key=lambda bounds: int(org[bounds[0]])):
        found = list(group)
        first = np.array([start for start, _ in found])
        yield pgcopy.row([
            pgcopy.int8(int(org[first[0]])), pgcopy.int8(at), pgcopy.array(metric[first]),
            pgcopy.array(np.array([end - start for start, end in found], dtype=np.int32)),
            pgcopy.numeric_array([exact_sum(mantissa[start:end], exponent[start:end]) for start, end in found]),
        ])  # fmt: skip
    yield pgcopy.TRAILER


async def tell_recorded(connection: asyncpg.Connection, subscriptions: Sequence[Subscription], now: datetime) -> int:
    """Make events of what commits left, if anybody wants them.

    Returns:
        How many rows were taken; fewer than there may be, so ask again until it is 0.
    """
    async with connection.transaction():
        taken = await connection.fetch(statement("take_recorded"), _ROWS_MAX)
        if taken:
            metrics = {row["metric_id"]: row for row in await connection.fetch(statement("read_metrics"))}
            await write_events(connection, [e for row in taken for e in _events(row, metrics, subscriptions, now)])
    return len(taken)


def _events(
    row: asyncpg.Record, metrics: _Metrics, subscriptions: Sequence[Subscription], now: datetime
) -> list[Event]:
    org = row["org"]
    content = [found for found in _recorded(row, metrics) if is_wanted(subscriptions, org, found["metricKey"])]
    at = row["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        new_event(EventType.USAGE_RECORDED, org=org, at=now, content={"committedAt": at, **piece})
        for piece in pieces(content)
    ]


def _recorded(row: asyncpg.Record, metrics: _Metrics) -> list[dict[str, Any]]:
    """What one commit stored, by key and unit; sums and histograms are joined as in every answer."""
    rows = [
        {"metric_id": number, "org": None, "project": None, "bucket": None, "dimensions": (),
         "quantity": Decimal(quantity), "points": points}
        for number, points, quantity in zip(row["metric_ids"], row["points"], row["quantities"], strict=True)
        if number in metrics
    ]  # fmt: skip
    by_kind: dict[bool, list[dict[str, Any]]] = defaultdict(list)
    for found in rows:
        by_kind[metrics[found["metric_id"]]["kind"] == KIND_LEVEL].append(found)
    sums = join_kinds(by_kind[False], metrics)
    return sorted(
        (_content(found, metrics, is_level=is_level) for is_level, all_ in ((False, sums), (True, by_kind[True]))
         for found in all_),
        key=lambda content: (content["metricKey"], content["unit"]),
    )  # fmt: skip


def _content(found: Any, metrics: _Metrics, *, is_level: bool) -> dict[str, Any]:  # noqa: ANN401 - a row
    metric = metrics[found["metric_id"]]
    return {
        "metricKey": metric["key"], "unit": metric["unit"],
        "quantity": None if is_level else text_of(found["quantity"]), "count": found["points"],
    }  # fmt: skip


def pieces(metrics: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The metrics of one fact in events of bounded size, each of which says which piece of how many it is."""
    found = list(metrics)
    count = -(-len(found) // METRICS_MAX)
    for number in range(count):
        start = number * METRICS_MAX
        yield {"metrics": found[start : start + METRICS_MAX], "part": number + 1, "parts": count}
