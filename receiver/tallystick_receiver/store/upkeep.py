"""The upkeep of the storage: partitions ahead of time, policies as the settings want them, old usage dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.horizons import Kept, horizons_of
from tallystick_receiver.store.aggregated import forgotten_until
from tallystick_receiver.store.cost_retention import drop_costs
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.edition import Edition, recorded_edition
from tallystick_receiver.store.events import drop_events
from tallystick_receiver.store.forget_cumulative import forget_settled, forget_silent
from tallystick_receiver.store.partitions import DAY_NS, Partitions
from tallystick_receiver.store.policies import policies_of, set_policies
from tallystick_receiver.store.records import forget_records
from tallystick_receiver.store.retention import drop_old, dropped_before
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_LOCK: Final = 0x7A11_0003
_STATEMENT_SECONDS: Final = 600.0
_DAYS_AHEAD: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePlan:
    """What the operator wants of the storage.

    Attributes:
        kept: how long each layer is kept.
        chunk: the span of a chunk of points on TimescaleDB.
        columnstore_after: the age from which chunks are compressed, on the community edition.
        events: the age from which events are dropped; None for never.
    """

    kept: Kept
    chunk: timedelta
    columnstore_after: timedelta
    events: timedelta | None = None


def upkeep(
    database: Database, telemetry: Telemetry, plan: StoragePlan, *, seconds: float, now_ns: Callable[[], int]
) -> Duty:
    """The duty of the upkeep; the first round comes at once."""

    async def work(connection: asyncpg.Connection) -> None:
        telemetry.add("storage.dropped", await keep_up(connection, plan, now_ns()))

    return Duty(
        database, name="upkeep", lock=_LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS, work=work,
        at_once=True,
    )  # fmt: skip


async def keep_up(connection: asyncpg.Connection, plan: StoragePlan, now_ns: int) -> int:
    """One round.

    Its time is the receiver's or the database's, whichever is earlier: a clock that runs ahead must not drop usage.

    Returns:
        How many partitions, chunks or organisations' rollups were dropped.
    """
    edition = await recorded_edition(connection) or Edition.POSTGRESQL
    now_ns = min(now_ns, await connection.fetchval(statement("read_clock")))
    today = now_ns // DAY_NS
    await Partitions().ensure(connection, set(range(today, today + _DAYS_AHEAD + 1)))
    if edition.is_timescaledb:
        await connection.execute(statement("set_chunk_interval"), plan.chunk)
    if edition is Edition.COMMUNITY:
        await set_policies(connection, policies_of(plan.kept, plan.columnstore_after))
    horizons = horizons_of(plan.kept, datetime.fromtimestamp(now_ns / 1e9, UTC))
    before = (await dropped_before(connection))["usage_collection"]
    dropped = await drop_old(connection, edition, horizons)
    if horizons.costs is not None:
        dropped += await drop_costs(connection, horizons.costs)
    reachable_from = (await dropped_before(connection))["usage_collection"]
    if reachable_from != before:
        await forget_settled(connection, reachable_from)
        await forget_records(connection, reachable_from)
        if horizons.points is not None:
            await forget_silent(connection, horizons.points)
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    await connection.execute(statement("delete_old_periods"), forgotten_until(now, plan.kept.reach))
    if plan.events is not None:
        await drop_events(connection, now - plan.events)
    return dropped
