"""The teller: one leader makes events of usage, where somebody asked for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.holding import Hold
from tallystick_receiver.store.aggregated import Closing, tell_aggregated
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.recorded import tell_recorded
from tallystick_receiver.store.subscriptions import read_subscriptions
from tallystick_receiver.subscriptions import Told

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database

_LOCK: Final = 0x7A11_0017
_STATEMENT_SECONDS: Final = 60.0


def teller(
    database: Database, *, seconds: float, grace: timedelta, late: timedelta, hold_seconds: int,
    now_ns: Callable[[], int],
) -> Duty:  # fmt: skip
    """The duty of telling, every `seconds`."""

    async def work(connection: asyncpg.Connection) -> None:
        await tell(connection, Closing(grace=grace, late=late, hold=Hold(seconds=hold_seconds, now_ns=now_ns())))

    return Duty(
        database, name="telling", lock=_LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS, work=work
    )


async def tell(connection: asyncpg.Connection, closing: Closing) -> None:
    """One round, in as many transactions as there are rows for."""
    subscriptions = await read_subscriptions(connection)
    recorded = [s for s in subscriptions if s.type is Told.RECORDED]
    while await tell_recorded(connection, recorded, datetime.fromtimestamp(closing.hold.now_ns / 1e9, UTC)):
        pass
    aggregated = [s for s in subscriptions if s.type is Told.AGGREGATED]
    while await tell_aggregated(connection, aggregated, closing):
        pass
