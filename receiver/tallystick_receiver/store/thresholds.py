"""Thresholds and alerts in the database. Whoever changes one has it evaluated at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.identity import org_id_of
from tallystick_receiver.periods import Reset
from tallystick_receiver.ranges import QUARTER, floor
from tallystick_receiver.store.statements import statement
from tallystick_receiver.thresholds import Action, Alert, Threshold

if TYPE_CHECKING:
    import asyncpg

_ALL: Final = 2**31


async def read_thresholds(
    connection: asyncpg.Connection, *, org: str | None = None, metric: str | None = None, number: str | None = None,
    after: str | None = None, limit: int = _ALL,
) -> list[Threshold]:  # fmt: skip
    """Thresholds by id; what is None does not restrict."""
    rows = await connection.fetch(statement("read_thresholds"), org, metric, number, after, limit)
    return [threshold_of(row) for row in rows]


async def read_thresholds_of(connection: asyncpg.Connection, org_ids: Iterable[int] | None) -> list[Threshold]:
    """Thresholds of these organisations, None for all, by id."""
    ids = None if org_ids is None else list(org_ids)
    # Sorted here: with PostgreSQL's sort switched off, as for questions, it would read everybody's thresholds by key.
    rows = await connection.fetch(statement("read_thresholds_of"), ids)
    return sorted(map(threshold_of, rows), key=lambda threshold: threshold.id)


async def write_threshold(connection: asyncpg.Connection, threshold: Threshold, before: Threshold | None) -> None:
    """Keep a threshold.

    Args:
        connection: in a transaction.
        threshold: as it shall be.
        before: as it was. When it looks at other usage or other periods now, it is armed anew.
    """
    await connection.execute(
        statement("write_threshold"), threshold.id, threshold.org, org_id_of(threshold.org), threshold.metric,
        threshold.subject_type, threshold.subject, threshold.amount, threshold.reset and threshold.reset.value,
        threshold.zone, threshold.levels, threshold.action.value, threshold.emails, threshold.slack,
        threshold.created_at, threshold.updated_at,
    )  # fmt: skip
    if before is not None and not threshold.watches(before):
        await connection.execute(statement("delete_crossings"), threshold.id)
    await connection.execute(statement("touch_usage"), org_id_of(threshold.org), floor(threshold.updated_at, QUARTER))


async def delete_threshold(connection: asyncpg.Connection, number: str) -> None:
    """Forget a threshold and which levels it reached; its events stay."""
    await connection.execute(statement("delete_threshold"), number)
    await connection.execute(statement("delete_crossings"), number)


async def uses_metric(connection: asyncpg.Connection, key: str, org: str | None) -> bool:
    """Whether thresholds read usage as this definition says."""
    found: bool = await connection.fetchval(statement("uses_metric"), key, org)
    return found


async def touch_metric(connection: asyncpg.Connection, key: str | None, now: datetime) -> None:
    """Have all thresholds on a metric (None: all) evaluated for the current period."""
    await connection.execute(statement("touch_metric"), key, floor(now, QUARTER))


async def read_alerts(
    connection: asyncpg.Connection, *, org: str | None = None, number: str | None = None
) -> list[Alert]:
    """Alerts that concern an organisation, or all."""
    rows = await connection.fetch(statement("read_alerts"), org, number)
    return [Alert(**{**row, "emails": tuple(row["emails"])}) for row in rows]


async def write_alert(connection: asyncpg.Connection, alert: Alert) -> None:
    """Keep an alert; the thresholds that it concerns are evaluated."""
    await connection.execute(
        statement("write_alert"), alert.id, alert.org, alert.metric, alert.percent, alert.emails, alert.slack,
        alert.created_at,
    )  # fmt: skip
    await touch_metric(connection, alert.metric, alert.created_at)


async def delete_alert(connection: asyncpg.Connection, number: str) -> None:
    """Forget an alert."""
    await connection.execute(statement("delete_alert"), number)


def threshold_of(row: Sequence[Any]) -> Threshold:
    """A row of columns in the order of read_thresholds.sql."""
    (number, org, metric, subject_type, subject, amount, reset, zone, levels, action, emails, slack, created_at,
     updated_at) = row  # fmt: skip
    return Threshold(
        id=number, org=org, metric=metric, subject_type=subject_type, subject=subject, amount=amount,
        reset=None if reset is None else Reset(reset), zone=zone, levels=tuple(levels), action=Action(action),
        emails=tuple(emails), slack=slack, created_at=created_at, updated_at=updated_at,
    )  # fmt: skip
