"""The duty that prices usage: hours whose usage changed, hours whose rates changed, and months that are closed.

Python decides which tariff holds for which key and when (pricing.py); PostgreSQL multiplies. An hour of an
organisation is priced whole, from its rollups, in the transaction that takes the notes of its change: so it does not
matter what came in which order, nor how often it is priced.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.llm.kinds import TOKENS
from tallystick_receiver.adapters import Line, foreign_metrics, lines_of
from tallystick_receiver.changes import Topic, change_in
from tallystick_receiver.costs import TOTAL_DIMENSIONS
from tallystick_receiver.identity import id_of, identity_text
from tallystick_receiver.periods import month_of
from tallystick_receiver.pricing import SUPERSEDED, Key, RateBook, Tariff
from tallystick_receiver.ranges import HOUR
from tallystick_receiver.schemes import expected_metrics, scheme_of
from tallystick_receiver.store.changes import tell
from tallystick_receiver.store.database import set_locally
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.months import Month, begin_months, close_months, read_months
from tallystick_receiver.store.rates import rates_print, read_book
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.statements import statement, statement_over

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)
LOCK: Final = 0x7A11_000A
"""Whoever holds it prices."""
_STATEMENT_SECONDS: Final = 120.0
_LINES_AT_ONCE: Final = 10_000
_SERVICE: Final = "service.name"
_TOTALS: Final = "add_to_totals"
_ROWS_TO_HASH: Final = 2000


def pricer(
    database: Database, telemetry: Telemetry, *, seconds: float, open_for: timedelta, now_ns: Callable[[], int]
) -> Duty:
    """The duty of pricing, every `seconds` and once rates change; a month stays open for `open_for` after its end."""
    costing = Costing(telemetry, open_for=open_for)

    async def work(connection: asyncpg.Connection) -> None:
        await costing.round(connection, datetime.fromtimestamp(now_ns() / 1e9, UTC))

    async def is_urgent(connection: asyncpg.Connection) -> bool:
        found: bool = await connection.fetchval(statement("has_rerates"))
        return found

    return Duty(
        database, name="pricing", lock=LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS, work=work,
        is_urgent=is_urgent,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """Rates as known at one time, and by which dimensions they price each metric."""

    rates: RateBook

    def metrics(self, org: str) -> list[str]:
        """What is priced of an organisation's usage."""
        rated = {rate.metric for rate in self.rates.rates if rate.org in (None, org)}
        return sorted(rated | set(expected_metrics()))


class Costing:
    """Rounds, and what one remembers for the next: the rates, while nobody changes them."""

    def __init__(self, telemetry: Telemetry, *, open_for: timedelta) -> None:
        self._telemetry = telemetry
        self._open_for = open_for
        self._print: tuple[int, ...] | None = None
        self._books: dict[datetime | None, _Book] = {}

    async def round(self, connection: asyncpg.Connection, now: datetime) -> int:
        """Price whatever is due, and close the months whose time has come.

        Returns:
            How many rows of cost were written or deleted.
        """
        started = datetime.fromtimestamp(await connection.fetchval(statement("read_clock")) / 1e9, UTC)
        async with connection.transaction():
            await self._expand(connection)
        changed = 0
        while (due := await connection.fetchrow(statement("read_due_org"))) is not None:
            async with connection.transaction(isolation="repeatable_read"):
                changed += await self._price(connection, due["org_id"], due["name"], now)
        async with connection.transaction():
            await close_months(connection, now, self._open_for)
        await connection.execute(statement("write_asof"), started)
        self._telemetry.add("costs.written", changed)
        return changed

    async def _expand(self, connection: asyncpg.Connection) -> None:
        """Changed rates become hours that are due."""
        for row in await connection.fetch(statement("take_rerates")):
            book = await self._book(connection, None)
            metrics = {row["metric"]} if row["metric"] else {*book.rates.metrics(), *expected_metrics()}
            sources = [*metrics, *(foreign_metrics() if TOKENS in metrics else ())]
            valid = row["valid"]
            await connection.execute(
                statement("due_rerates"), row["org_id"], sources, valid.lower, valid.upper, row["of_closed"]
            )

    async def _price(self, connection: asyncpg.Connection, org_id: int, org: str, now: datetime) -> int:
        kept_from = (await dropped_before(connection))["usage_quarter_hourly"]
        taken = await connection.fetch(statement("take_due"), org_id)
        # Of what is not kept any more nobody knows what it would cost: what it did cost stays.
        hours = [row["hour"] for row in taken if row["hour"] >= kept_from]
        months = await read_months(connection)
        by_month: dict[datetime, list[datetime]] = defaultdict(list)
        for hour in hours:
            by_month[month_of(hour)].append(hour)
        changed = 0
        for start, within in sorted(by_month.items()):
            month = months.get(start)
            changed += await self._price_month(connection, org_id, org, within, month, now)
        if changed:
            await tell(connection, change_in(Topic.COST, [org_id]))
        return changed

    async def _price_month(
        self, connection: asyncpg.Connection, org_id: int, org: str, hours: list[datetime], month: Month | None,
        now: datetime,
    ) -> int:  # fmt: skip
        closed = month is not None and month.known_at is not None
        book = await self._book(connection, month.known_at if month else None)
        metrics = book.metrics(org)
        used = await connection.fetch(statement("read_due_dims"), org_id, hours)
        dims = [row["dims_id"] for row in used]
        await self._write_lines(connection, org_id, org, dims, metrics)
        keys = await connection.fetch(statement("read_due_keys"), org_id, dims, metrics)
        segments = _Segments()
        for row in keys:
            key = Key(metric=row["metric"], unit=row["unit"], attributes=json.loads(row["attributes"]))
            segments.add(row["key_id"], book.rates.segments(org, key, hours[0], hours[-1] + HOUR))
        await _write_tariffs(connection, [*segments.tariffs.values(), SUPERSEDED])
        precedences = {row[name] for row in keys for name in ("best", "worst")} - {None}
        arguments = (
            org_id, hours, metrics, *segments.columns, tariff_id(SUPERSEDED), len(precedences) > 1, month_of(hours[0]),
        )  # fmt: skip
        await _prefer(connection, hashing=sum(row["rows"] for row in used) > _ROWS_TO_HASH)
        if closed:
            changed = await connection.fetchval(statement_over("adjust_costs", _TOTALS), *arguments, now)
        else:
            changed, replaced = await connection.fetchrow(statement_over("write_costs", _TOTALS), *arguments)
            if replaced:
                await connection.execute(statement("delete_empty_totals"), org_id, month_of(hours[0]))
            if keys and month is None:
                await begin_months(connection, [month_of(hours[0])], now)
        return int(changed)

    async def _book(self, connection: asyncpg.Connection, known_at: datetime | None) -> _Book:
        """Rates as known at a time (None: now); read again only when somebody changed them."""
        print_ = await rates_print(connection)
        if print_ != self._print:
            self._books.clear()
            self._print = print_
        if known_at not in self._books:
            self._books[known_at] = _Book(rates=await read_book(connection, known_at))
        return self._books[known_at]

    async def _write_lines(
        self, connection: asyncpg.Connection, org_id: int, org: str, dims: list[int], metrics: list[str]
    ) -> None:
        """Lines of sets of dimensions that are new, and keys by the dimensions that rates name now."""
        current = (await self._book(connection, None)).rates
        known = {
            row["metric"]: frozenset(row["dimensions"]) for row in await connection.fetch(statement("read_schemes"))
        }
        wanted = {metric: _dimensions(metric, current) | known.get(metric, frozenset()) for metric in metrics}
        for metric, dimensions in wanted.items():
            if known.get(metric) != dimensions:
                await _renew_keys(connection, metric, dimensions)
        sources = [*metrics, *(foreign_metrics() if TOKENS in metrics else ())]
        rows = await connection.fetch(statement("read_new_dims"), org_id, dims, sources)
        lines: list[tuple[Any, ...]] = []
        keys: dict[int, Key] = {}
        groups: dict[int, tuple[Any, ...]] = {}
        for row in rows:
            attributes = json.loads(row["attributes"])
            for line in lines_of(row["metric"], row["unit"], row["kind"], attributes):
                key = key_of(line.metric, line.unit, line.attributes, wanted[line.metric])
                keys[key_id(key)] = key
                sender = id_of(identity_text("sender", org, row["project_id"], line.attributes.get(_SERVICE)))
                group = _group_columns(row, line)
                groups[group[0]] = group
                lines.append((*_line_columns(row, line), sender, key_id(key), group[0]))
        if lines:
            await _write_keys(connection, keys)
            await connection.execute(statement("write_groups"), org_id, *zip(*groups.values(), strict=True))
            await connection.execute(statement("write_lines"), org_id, *zip(*lines, strict=True))


class _Segments:
    """What a unit costs, by key and time, as columns; and the tariffs that occur."""

    def __init__(self) -> None:
        self.tariffs: dict[int, Tariff] = {}
        self._rows: list[tuple[Any, ...]] = []

    def add(self, key: int, segments: Iterable[tuple[datetime, datetime, Tariff]]) -> None:
        """The segments of one key."""
        for start, end, tariff in segments:
            number = tariff_id(tariff)
            self.tariffs[number] = tariff
            self._rows.append((key, start, end, number, tariff.price))

    @property
    def columns(self) -> tuple[Sequence[Any], ...]:
        """Keys, from, to, tariffs, prices."""
        return tuple(zip(*self._rows, strict=True)) or ((), (), (), (), ())


def key_of(metric: str, unit: str, attributes: dict[str, str] | Any, dimensions: frozenset[str]) -> Key:  # noqa: ANN401
    """What the price of a line is looked up by."""
    named = {name: attributes[name] for name in sorted(dimensions) if name in attributes}
    return Key(metric=metric, unit=unit, attributes={**scheme_of(metric).defaults, **named})


def key_id(key: Key) -> int:
    """The same for the same key, always."""
    return id_of(identity_text("cost_key", key.metric, key.unit, sorted(key.attributes.items())))


def tariff_id(tariff: Tariff) -> int:
    """The same for the same tariff, always."""
    prices = [None if p is None else str(p) for p in (tariff.list_price, tariff.price, tariff.billed_price)]
    return id_of(identity_text(
        "tariff", tariff.state.value, tariff.rate_id, tariff.modifier_ids, tariff.currency, prices, tariff.resolved,
        tariff.notes,
    ))  # fmt: skip


def _dimensions(metric: str, book: RateBook) -> frozenset[str]:
    return book.dimensions(metric) | frozenset(scheme_of(metric).keys)


def _line_columns(row: asyncpg.Record, line: Line) -> tuple[Any, ...]:
    return (
        row["dims_id"], line.part, row["project_id"], line.metric, line.unit, line.factor, _json(line.attributes),
        line.source, line.grade, line.precedence,
    )  # fmt: skip


def _group_columns(row: asyncpg.Record, line: Line) -> tuple[Any, ...]:
    """What monthly totals keep of a line; its hash comes first."""
    kept = _json({name: value for name, value in line.attributes.items() if name in TOTAL_DIMENSIONS})
    columns = (row["project_id"], line.metric, line.unit, kept, line.source, line.grade)
    return id_of(identity_text("cost_group", *columns)), *columns


async def _prefer(connection: asyncpg.Connection, *, hashing: bool) -> None:
    """Where many rows are priced, joins are hashed, whatever the planner thinks of tables that it has no figures of."""
    settings = {"work_mem": "128MB", "plan_cache_mode": "force_custom_plan", "max_parallel_workers_per_gather": "0"}
    await set_locally(connection, {**settings, "enable_nestloop": "off" if hashing else "on"})


async def _write_keys(connection: asyncpg.Connection, keys: dict[int, Key]) -> None:
    columns = [(number, key.metric, key.unit, _json(key.attributes)) for number, key in sorted(keys.items())]
    await connection.execute(statement("write_keys"), *zip(*columns, strict=True))


async def _renew_keys(connection: asyncpg.Connection, metric: str, dimensions: frozenset[str]) -> None:
    """Rates name other dimensions of a metric than before, so its lines are looked up by other keys."""
    await connection.execute(statement("write_scheme"), metric, sorted(dimensions))
    after: tuple[Any, ...] = (None, None, None)
    while rows := await connection.fetch(statement("read_lines_of_metric"), metric, *after, _LINES_AT_ONCE):
        keys: dict[int, Key] = {}
        columns = []
        for row in rows:
            key = key_of(metric, row["unit"], json.loads(row["attributes"]), dimensions)
            keys[key_id(key)] = key
            columns.append((row["org_id"], row["dims_id"], row["part"], key_id(key)))
        await _write_keys(connection, keys)
        await connection.execute(statement("write_line_keys"), *zip(*columns, strict=True))
        after = columns[-1][:3]


async def _write_tariffs(connection: asyncpg.Connection, tariffs: Sequence[Tariff]) -> None:
    columns = sorted(
        (
            tariff_id(t), t.state.value, t.rate_id, json.dumps(t.modifier_ids), t.currency, t.list_price, t.price,
            t.billed_price, json.dumps(dict(t.resolved)), json.dumps(t.notes),
        )
        for t in tariffs
    )  # fmt: skip
    await connection.execute(statement("write_tariffs"), *zip(*columns, strict=True))


def _json(attributes: Any) -> str:  # noqa: ANN401 - a mapping of texts
    return json.dumps(dict(attributes), ensure_ascii=False, sort_keys=True)
