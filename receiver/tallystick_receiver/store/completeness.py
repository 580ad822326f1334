"""How complete the usage of a window is: the read side of the balance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from tallystick.semconv import KIND_LEVEL
from tallystick_receiver.question import matches
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

LISTED_MAX: Final = 1000
"""Gaps, silent and unannounced writers in one answer; there may be more."""


class State(StrEnum):
    """What can be said about a window; the worst that is certain comes first."""

    GAPS = "gaps"
    """Something is known to be missing."""
    UNKNOWN = "unknown"
    """Somebody wrote without announcing, or announced and fell silent; or nobody ever announced anything."""
    COMPLETE = "complete"
    """All that was announced is here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is asked about.

    Attributes:
        start, end: the window, half open.
        org: of one organisation, or None for all.
        types: metric keys or patterns; empty for all.
    """

    start: datetime
    end: datetime
    org: str | None
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterName:
    """A writer as people know it; with `org`, its key is bound to that organisation."""

    org: str | None
    namespace: str
    service: str
    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Usage that was announced and is not here; of a level, which does not add up, the quantity is None."""

    writer: WriterName
    metric: str
    unit: str
    start: datetime
    end: datetime
    points: int
    quantity: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A writer of which more is to be expected, or that wrote without announcing."""

    writer: WriterName
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """The answer.

    Attributes:
        until: up to then everything is here or listed as a gap; None when nobody announced anything.
        senders: how many announce.
        silent: those that fell silent, each from when on nothing is known of it.
        unannounced: those that wrote without announcing, and when.
        copied: what may be counted more than once, at most, since a foreign SDK forked with unsent deltas.
    """

    until: datetime | None
    senders: int
    gaps: list[Gap]
    silent: list[Silence]
    unannounced: list[Silence]
    copied: list[Gap]

    @property
    def state(self) -> State:
        """The worst that is certain."""
        if self.gaps:
            return State.GAPS
        if self.silent or self.unannounced or not self.senders:
            return State.UNKNOWN
        return State.COMPLETE


async def read_completeness(
    connection: asyncpg.Connection, scope: Scope, *, now: datetime, silent_after: timedelta, late: timedelta,
    listed_max: int = LISTED_MAX,
) -> Completeness:  # fmt: skip
    """What can be said about a window at this moment.

    Args:
        connection: in a transaction, if other questions are asked of the same moment; ask this one first.
        scope: what is asked about.
        now: the receiver's clock.
        silent_after: a sender is silent after three intervals without news, but not before this.
        late: age up to which points are accepted; a sender that is silent for longer is given up.
        listed_max: gaps and writers in the answer.
    """
    end = min(scope.end, now)
    after_ns, until_ns = _ns(scope.start), max(_ns(end), _ns(scope.start))
    metric_ids = None
    if scope.types:
        known = await connection.fetch(statement("read_metrics"))
        metric_ids = [row["metric_id"] for row in known if matches(row["key"], scope.types)]
    senders = await connection.fetch(
        statement("read_senders"), after_ns, until_ns, scope.org, now, silent_after, late, listed_max
    )
    gaps = await connection.fetch(statement("read_gaps"), after_ns, until_ns, scope.org, metric_ids, listed_max)
    copies = await connection.fetch(statement("read_copies"), after_ns, until_ns, scope.org, metric_ids, listed_max)
    unannounced = await connection.fetch(
        statement("read_unannounced"), scope.start, end, scope.org, metric_ids, listed_max
    )
    waited_for = [row for row in senders if row["is_open"] and row["accounted_to_ns"] < until_ns]
    silent = [row for row in waited_for if row["is_silent"]]
    return Completeness(
        until=_time(min((row["accounted_to_ns"] for row in waited_for), default=until_ns)) if senders else None,
        senders=senders[0]["senders"] if senders else 0,
        gaps=[_gap(row) for row in gaps],
        copied=[_gap(row) for row in copies],
        silent=[_silence(row, end) for row in silent],
        unannounced=[Silence(writer=_writer(row), start=row["first"], end=row["last"]) for row in unannounced],
    )


def _gap(row: asyncpg.Record) -> Gap:
    return Gap(
        writer=_writer(row), metric=row["key"], unit=row["unit"], start=_time(row["start_ns"]),
        end=_time(row["end_ns"]), points=row["points"], quantity=None if row["kind"] == KIND_LEVEL else row["quantity"],
    )  # fmt: skip


def _silence(row: asyncpg.Record, end: datetime) -> Silence:
    start = _time(row["accounted_to_ns"])
    if row["is_given_up"]:
        end = min(end, start + timedelta(microseconds=row["interval_ns"] / 1e3))
    return Silence(writer=_writer(row), start=start, end=end)


def _writer(row: Any) -> WriterName:  # noqa: ANN401 - a record
    return WriterName(
        org=row["credential_org"], namespace=row["namespace"], service=row["name"], instance=row["instance"]
    )


def _ns(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def _time(time_ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
