"""Verifying and rebuilding in this process, for tests that know our modules."""

from __future__ import annotations

import asyncio
from datetime import datetime

from tallystick_receiver.cli.window import window_of
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.rebuild import rebuild_rollups
from tallystick_receiver.store.verify import Findings
from tallystick_receiver.store.verify import verify as books_of


def verify(url: str, *, start: datetime | None = None, end: datetime | None = None, org: str | None = None) -> Findings:
    """What a verification finds: every difference, so that none is crowded out by those of another kind."""

    async def run() -> Findings:
        async with connected(url) as connection:
            lower, upper = await window_of(connection, start, end)
            return await books_of(connection, start=lower, end=upper, org=org, differences_max=10_000)

    return asyncio.run(run())


def rebuild(url: str, *, start: datetime | None = None, end: datetime | None = None, org: str | None = None) -> int:
    """How many quarters were written."""

    async def run() -> int:
        async with connected(url) as connection:
            lower, upper = await window_of(connection, start, end)
            return await rebuild_rollups(connection, start=lower, end=upper, org=org)

    return asyncio.run(run())
