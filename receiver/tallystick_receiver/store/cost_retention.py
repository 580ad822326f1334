"""Dropping rows of cost that are kept no longer; what months cost stays in their totals.

Nothing goes that a correction may need: a month goes whole, when it is closed, nothing of it waits to be priced, and
the rollups that it was priced from are gone. Nor does what a balance is reckoned from.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

import asyncpg

from tallystick_receiver.store.statements import statement

_log = logging.getLogger(__name__)
_LOCK_WAIT: Final = "SET LOCAL lock_timeout = '1s'"


async def drop_costs(connection: asyncpg.Connection, before: datetime) -> int:
    """Drop rows of cost of whole months before a time, and the lines and tariffs that nothing refers to any more.

    Args:
        connection: an own one.
        before: the rollups of hours before then are gone already.

    Returns:
        Of how many organisations something was dropped.
    """
    horizon = await connection.fetchval(statement("read_cost_horizon"), before)
    orgs = [] if horizon is None else await connection.fetch(statement("read_orgs_with_costs"), horizon)
    if not orgs:
        return 0
    # Answers refuse the hours from the first row on that goes.
    await connection.execute(statement("write_retention"), "usage_cost", horizon)
    for org in orgs:
        await connection.execute(statement("delete_costs"), org["org_id"], org["horizon"])
    try:
        await _drop_dictionaries(connection, [org["org_id"] for org in orgs])
    except asyncpg.LockNotAvailableError as error:
        _log.info("dropping lines and tariffs waits for the next month: %s", error)
    _log.info("dropped the rows of cost before %s", horizon.date())
    return len(orgs)


async def _drop_dictionaries(connection: asyncpg.Connection, orgs: list[int]) -> None:
    """Under the locks nobody rolls up or writes a tariff, so what is unused now is needed by no one under way."""
    async with connection.transaction():
        await connection.execute(_LOCK_WAIT)
        for lock in ("lock_rollups", "lock_tariffs", "lock_costs"):
            await connection.execute(statement(lock))
        for org_id in orgs:
            await connection.execute(statement("delete_unused_lines"), org_id)
        await connection.execute(statement("delete_unused_tariffs"))
