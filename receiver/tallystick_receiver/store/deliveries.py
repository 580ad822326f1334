"""Deliveries in the database: taken when they are due, noted afterwards, listed, sent again, and forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tallystick_receiver.deliveries import Attempt, Kind, State, Verdict
from tallystick_receiver.store.statements import statement
from tallystick_receiver.store.webhooks import webhook_of

if TYPE_CHECKING:
    import asyncpg

_DELETED_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery as the API shows it; of `webhook` and `email` the recipient is one."""

    number: int
    kind: str
    webhook: str | None
    email: str | None
    state: State
    attempts: int
    since: datetime
    due_at: datetime
    tried_at: datetime | None
    finished_at: datetime | None
    error: str | None
    event: str
    event_type: str
    event_org: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """How many deliveries there are, and what became of those that were too many."""

    waiting: int
    parked: int
    parked_now: int
    dropped_now: int


async def claim_deliveries(
    connection: asyncpg.Connection, kinds: Collection[Kind], *, now: datetime, lease_end: datetime, most: int,
    lane_most: int, free: Mapping[str, int],
) -> list[Attempt]:  # fmt: skip
    """Take deliveries that are due; each counts as tried from here on.

    Args:
        connection: the leader's.
        kinds: which ones.
        now: what is due by then.
        lease_end: when they are due again if nothing is noted.
        most: how many at most, the first of each lane before the second of any.
        lane_most: how many of a lane at most.
        free: lanes with other bounds.
    """
    rows = await connection.fetch(
        statement("claim_deliveries"), [kind.value for kind in kinds], now, lease_end, most, lane_most,
        list(free), list(free.values()),
    )  # fmt: skip
    return [
        Attempt(
            number=row["number"], kind=Kind(row["delivery_kind"]), lane=row["lane"], attempts=row["attempts"],
            since=row["since"], webhook=None if row["url"] is None else webhook_of(row), email=row["email"],
            event=row["event"], at=row["at"], body=row["body"],
        )
        for row in rows
    ]  # fmt: skip


async def note_deliveries(connection: asyncpg.Connection, verdicts: Sequence[Verdict], now: datetime) -> None:
    """Write down what attempts made of their deliveries; none is fine."""
    if verdicts:
        await connection.execute(
            statement("note_deliveries"), [v.number for v in verdicts], [v.attempts for v in verdicts],
            [v.state.value for v in verdicts], [v.due_at for v in verdicts], [v.error for v in verdicts], now,
        )  # fmt: skip


async def read_deliveries(
    connection: asyncpg.Connection, *, org: str | None = None, state: State | None = None, event: str | None = None,
    webhook: str | None = None, number: int | None = None, before: int | None = None, limit: int = 1,
) -> list[StoredDelivery]:  # fmt: skip
    """Deliveries, newest first; what is None does not restrict, `org` is whose recipients they are."""
    rows = await connection.fetch(
        statement("read_deliveries"), org, state and state.value, event, webhook, number, before, limit
    )  # fmt: skip
    return [StoredDelivery(**{**row, "state": State(row["state"])}) for row in rows]


async def resend_delivery(connection: asyncpg.Connection, number: int, now: datetime) -> None:
    """Have a delivery tried again, under the same id, for as long as a new one."""
    await connection.execute(statement("resend_delivery"), number, now)


async def limit_deliveries(connection: asyncpg.Connection, *, now: datetime, before: datetime, lane_most: int) -> Stock:
    """Forget what ended long ago or has no event any more, and keep each lane within its bound.

    Args:
        connection: not in a transaction.
        now: the time.
        before: what ended earlier is forgotten.
        lane_most: how many of a lane may wait (older ones are parked), and may be parked (older ones are forgotten).
    """
    while len(await connection.fetch(statement("delete_old_deliveries"), before, _DELETED_AT_ONCE)) == _DELETED_AT_ONCE:
        pass
    eventless = len(await connection.fetch(statement("delete_eventless_deliveries")))
    why = f"more than {lane_most} were waiting"
    parked_now = len(await connection.fetch(statement("park_surplus"), lane_most, why, now))
    dropped_now = eventless + len(await connection.fetch(statement("delete_parked_surplus"), lane_most))
    row = await connection.fetchrow(statement("count_deliveries"))
    return Stock(waiting=row["waiting"], parked=row["parked"], parked_now=parked_now, dropped_now=dropped_now)
