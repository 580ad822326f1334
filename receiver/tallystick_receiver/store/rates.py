"""Rates, factors and aliases in the database. Whoever changes one has the usage that it concerns priced again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from tallystick_receiver.identity import org_id_of
from tallystick_receiver.pricing import RateBook
from tallystick_receiver.rates import Alias, Layer, Match, Modifier, Rate, Span
from tallystick_receiver.store.statements import statement
from tallystick_receiver.thresholds import new_id
from tallystick_receiver.week import WeekHours, week_hours

if TYPE_CHECKING:
    from datetime import date

_LOCK: Final = 0x7A11_0009
_ALL: Final = 2**31


class OverlappingError(ValueError):
    """A live row of the same thing holds at the same time: void it first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which rows of the rate tables are asked for; what is None does not restrict.

    Attributes:
        org: its own ones and those for all.
        valid_at: those that apply at a time.
        known_at: as it was known then; None: as it is known now.
        voided: whether voided ones are shown, too.
        selector: dimensions that they must name.
        after: where the page before ended.
    """

    org: str | None = None
    metric: str | None = None
    number: str | None = None
    valid_at: datetime | None = None
    known_at: datetime | None = None
    voided: bool = False
    selector: Mapping[str, str] | None = None
    after: tuple[str, ...] | None = None
    limit: int = _ALL


async def lock_rates(connection: asyncpg.Connection) -> datetime:
    """Take turns with whoever else changes what is known of prices.

    Args:
        connection: in a transaction.

    Returns:
        From when on it is known, by the database's clock.
    """
    now: datetime = await connection.fetchval(statement("lock_rates"), _LOCK)
    return now


async def read_book(connection: asyncpg.Connection, known_at: datetime | None) -> RateBook:
    """All that counts now, or counted at a time."""
    asked = Asked(known_at=known_at)
    return RateBook(
        rates=await read_rates(connection, asked), modifiers=await read_modifiers(connection, asked),
        aliases=await read_aliases(connection, asked),
    )  # fmt: skip


async def rates_print(connection: asyncpg.Connection) -> tuple[int, ...]:
    """Something that changes whenever rates do."""
    return tuple(await connection.fetchrow(statement("read_rates_print")))


async def read_rates(connection: asyncpg.Connection, asked: Asked) -> list[Rate]:
    """Rates by metric and id."""
    selector = None if asked.selector is None else json.dumps(dict(asked.selector))
    rows = await connection.fetch(
        statement("read_rates"), asked.org, asked.metric, asked.number, asked.valid_at, asked.known_at, asked.voided,
        selector, *(asked.after or (None, None)), asked.limit,
    )  # fmt: skip
    return [_rate(row) for row in rows]


async def read_modifiers(connection: asyncpg.Connection, asked: Asked) -> list[Modifier]:
    """Factors by id."""
    return [_modifier(row) for row in await connection.fetch(statement("read_modifiers"), *_arguments(asked))]


async def read_aliases(connection: asyncpg.Connection, asked: Asked) -> list[Alias]:
    """Other names by id."""
    return [_alias(row) for row in await connection.fetch(statement("read_aliases"), *_arguments(asked))]


async def write_rates(connection: asyncpg.Connection, rates: Sequence[Rate], *, is_replacing: bool) -> list[Rate]:
    """Record rates, all or none.

    Args:
        connection: in a transaction.
        rates: their ids and times of recording are final but for `recorded_at`, which is that of the lock.
        is_replacing: whether live rates that they overlap are voided and recorded anew for the rest of their time.

    Returns:
        What was recorded, the rests of replaced ones included.

    Raises:
        OverlappingError: some overlap live ones, or each other; nothing is recorded.
    """
    now = await lock_rates(connection)
    fresh = [replace(rate, recorded_at=now) for rate in rates]
    before: list[Rate] = []
    if is_replacing:
        before = await _overlapping(connection, fresh)
        await connection.execute(statement("void_rates"), [rate.id for rate in before], now)
        fresh += _rests(before, fresh, now)
    try:
        await connection.execute(statement("write_rates"), *zip(*map(_columns, fresh), strict=True))
    except asyncpg.ExclusionViolationError as error:
        raise OverlappingError(
            "a live rate of the same metric, selector and organisation holds at the same time: void it, or replace it"
        ) from error
    await _rerate(connection, [*before, *fresh])
    return fresh


async def void_rate(connection: asyncpg.Connection, rate: Rate) -> Rate:
    """Say that a rate was wrong: it counts no longer, and stays to be asked for."""
    now = await lock_rates(connection)
    if not await connection.fetch(statement("void_rates"), [rate.id], now):
        return rate
    await _rerate(connection, [rate])
    return replace(rate, voided_at=now)


async def write_modifier(connection: asyncpg.Connection, modifier: Modifier) -> Modifier:
    """Record a factor.

    Raises:
        OverlappingError: there is a live one for the same.
    """
    now = await lock_rates(connection)
    try:
        await connection.execute(
            statement("write_modifier"), modifier.id, modifier.org, modifier.layer.value, modifier.metric,
            _json(modifier.selector), modifier.factor, modifier.valid.start, modifier.valid.end, modifier.source_url,
            modifier.checked_on, modifier.note, now,
        )  # fmt: skip
    except asyncpg.ExclusionViolationError as error:
        raise OverlappingError(
            "a live factor of the same layer, metric, selector and organisation holds at the same time: void it first"
        ) from error
    await rerate(connection, modifier.org, None, modifier.valid)
    return replace(modifier, recorded_at=now)


async def void_modifier(connection: asyncpg.Connection, modifier: Modifier) -> Modifier:
    """As `void_rate`."""
    now = await lock_rates(connection)
    if not await connection.fetch(statement("void_modifier"), modifier.id, now):
        return modifier
    await rerate(connection, modifier.org, None, modifier.valid)
    return replace(modifier, voided_at=now)


async def write_alias(connection: asyncpg.Connection, alias: Alias) -> Alias:
    """Record another name.

    Raises:
        OverlappingError: there is a live one for the same.
    """
    now = await lock_rates(connection)
    try:
        await connection.execute(
            statement("write_alias"), alias.id, alias.org, alias.dimension, alias.match.value, alias.pattern,
            _json(alias.selector), alias.value, alias.priority, alias.valid.start, alias.valid.end, alias.note, now,
        )  # fmt: skip
    except asyncpg.ExclusionViolationError as error:
        raise OverlappingError("a live alias of the same pattern holds at the same time: void it first") from error
    await rerate(connection, alias.org, None, alias.valid)
    return replace(alias, recorded_at=now)


async def void_alias(connection: asyncpg.Connection, alias: Alias) -> Alias:
    """As `void_rate`."""
    now = await lock_rates(connection)
    if not await connection.fetch(statement("void_alias"), alias.id, now):
        return alias
    await rerate(connection, alias.org, None, alias.valid)
    return replace(alias, voided_at=now)


async def rerate(
    connection: asyncpg.Connection, org: str | None, metric: str | None, valid: Span, *, of_closed: bool = False
) -> None:
    """Have usage of a time priced again: of an organisation (None: all) and a metric (None: all)."""
    org_id = None if org is None else org_id_of(org)
    await connection.execute(statement("write_rerate"), org_id, metric, valid.start, valid.end, of_closed)


async def _rerate(connection: asyncpg.Connection, rates: Sequence[Rate]) -> None:
    for org, metric, valid in {(rate.org, rate.metric, rate.valid) for rate in rates}:
        await rerate(connection, org, metric, valid)


async def _overlapping(connection: asyncpg.Connection, rates: Sequence[Rate]) -> list[Rate]:
    columns = [
        (rate.org, rate.metric, rate.unit, _json(rate.selector), rate.valid.start, rate.valid.end, _week(rate.week))
        for rate in rates
    ]
    rows = await connection.fetch(statement("read_overlapping_rates"), *zip(*columns, strict=True))
    return [found for row in rows for found in await read_rates(connection, Asked(number=row["id"]))]


def _rests(before: Sequence[Rate], fresh: Sequence[Rate], now: datetime) -> list[Rate]:
    """What is left of replaced rates: their time, and their hours of the week, without those of the new ones."""
    rests = list(before)
    for new in fresh:
        rests = [part for rest in rests for part in _without(rest, new)]
    return [replace(rest, id=new_id("rat"), recorded_at=now) for rest in rests]


def _without(rest: Rate, new: Rate) -> list[Rate]:
    if (rest.org, rest.metric, rest.unit, rest.selector) != (new.org, new.metric, new.unit, new.selector):
        return [rest]
    inner_start = max((t for t in (rest.valid.start, new.valid.start) if t is not None), default=None)
    inner_end = min((t for t in (rest.valid.end, new.valid.end) if t is not None), default=None)
    if inner_start is not None and inner_end is not None and inner_start >= inner_end:
        return [rest]
    pieces = []
    if inner_start is not None and (rest.valid.start is None or rest.valid.start < inner_start):
        pieces.append(replace(rest, valid=Span(rest.valid.start, inner_start)))
    other_hours = rest.week.hours - new.week.hours
    if other_hours:
        pieces.append(replace(rest, valid=Span(inner_start, inner_end), week=WeekHours(other_hours)))
    if inner_end is not None and (rest.valid.end is None or inner_end < rest.valid.end):
        pieces.append(replace(rest, valid=Span(inner_end, rest.valid.end)))
    return pieces


def _arguments(asked: Asked) -> tuple[object, ...]:
    after = asked.after[0] if asked.after else None
    return asked.org, asked.number, asked.valid_at, asked.known_at, asked.voided, after, asked.limit


def _columns(rate: Rate) -> tuple[object, ...]:
    return (
        rate.id, rate.org, rate.metric, rate.unit, _json(rate.selector), rate.price, rate.per_units, rate.currency,
        rate.valid.start, rate.valid.end, _week(rate.week), rate.source_url, rate.checked_on, rate.note,
        rate.recorded_at,
    )  # fmt: skip


def _json(selector: Mapping[str, str]) -> str:
    return json.dumps(dict(selector), sort_keys=True)


def _week(week: WeekHours) -> str:
    return "{" + ",".join(f"[{start},{end})" for start, end in week.ranges) + "}"


def _span(valid: asyncpg.Range) -> Span:
    return Span(valid.lower, valid.upper)


def _rate(row: asyncpg.Record) -> Rate:
    fields: dict[str, Any] = dict(row)
    hours = [(part.lower, part.upper) for part in fields.pop("week_hours")]
    checked_on: date = fields.pop("checked_on")
    return Rate(**_shared(fields), checked_on=checked_on, week=week_hours(hours))


def _modifier(row: asyncpg.Record) -> Modifier:
    fields = _shared(dict(row))
    return Modifier(**{**fields, "layer": Layer(fields["layer"])})


def _alias(row: asyncpg.Record) -> Alias:
    fields = _shared(dict(row))
    return Alias(**{**fields, "match": Match(fields["match"])})


def _shared(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "selector": json.loads(fields["selector"]), "valid": _span(fields["valid"])}
