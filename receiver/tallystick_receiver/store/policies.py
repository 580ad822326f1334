"""The community edition's policies, kept in step with the settings.

A refresh must cover what late data can reach, and must not reach what was dropped: it would empty the aggregates there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tallystick_receiver.horizons import Kept
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_LONGER = 30 * DAY
"""Aggregates outlive the rollups that they are compared with, however long no receiver ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A job of TimescaleDB: how it is added, how it is removed, and on what."""

    procedure: str
    relation: str
    arguments: tuple[timedelta, ...]

    @property
    def name(self) -> str:
        """The name of its SQL files."""
        return self.procedure.removeprefix("policy_")


def policies_of(kept: Kept, columnstore_after: timedelta) -> list[Policy]:
    """What should run."""
    refresh, retention = "policy_refresh_continuous_aggregate", "policy_retention"
    found = [
        Policy(procedure=refresh, relation="usage_hourly_aggregate",
               arguments=(kept.reach + DAY, HOUR, HOUR / 6)),
        Policy(procedure=refresh, relation="usage_daily_aggregate", arguments=(kept.reach + 2 * DAY, DAY, HOUR)),
        Policy(procedure="policy_compression", relation="usage_point", arguments=(columnstore_after,)),
    ]  # fmt: skip
    for relation, days in (("usage_hourly_aggregate", kept.hourly_days), ("usage_daily_aggregate", kept.daily_days)):
        if days:
            age = max(days * DAY, kept.reach) + _LONGER
            found.append(Policy(procedure=retention, relation=relation, arguments=(age,)))
    return found


async def set_policies(connection: asyncpg.Connection, policies: list[Policy]) -> None:
    """Add, change and remove policies until exactly these run; one that is right already is left alone."""
    rows = await connection.fetch(statement("read_policies"))
    found = {(row["procedure"], row["relation"]): json.loads(row["arguments"]) for row in rows}
    wanted = {(policy.procedure, policy.relation): policy for policy in policies}
    for key in found.keys() | wanted.keys():
        policy = wanted.get(key)
        if policy is not None and _same(found.get(key), policy):
            continue
        procedure, relation = key
        async with connection.transaction():
            if key in found:
                await connection.execute(statement("remove_" + procedure.removeprefix("policy_")), relation)
            if policy is not None:
                await connection.execute(statement("add_" + policy.name), relation, *policy.arguments)


def _same(seconds: list[Any] | None, policy: Policy) -> bool:
    return seconds is not None and [float(s) for s in seconds if s is not None] == [
        argument.total_seconds() for argument in policy.arguments
    ]
