"""/api/v1/rates, /api/v1/rate-modifiers and /api/v1/rate-aliases: what units cost, and from when to when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from tallystick.llm.kinds import TOKENS
from tallystick_receiver.access import ADMIN, READ, Access, Denied
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import (
    Fields,
    cursor_parameter,
    cursor_text,
    fields_of,
    known_parameters,
    limit_parameter,
    org_parameter,
    own_org,
    parameter,
)
from tallystick_receiver.query.params import time_of
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.query.rate_fields import (
    alias_content,
    alias_of,
    modifier_content,
    modifier_of,
    rate_content,
    rate_of,
)
from tallystick_receiver.rates import Rate, Record
from tallystick_receiver.schemes import scheme_of
from tallystick_receiver.store.definitions import read_seen
from tallystick_receiver.store.rates import (
    Asked,
    OverlappingError,
    read_aliases,
    read_modifiers,
    read_rates,
    void_alias,
    void_modifier,
    void_rate,
    write_alias,
    write_modifier,
    write_rates,
)

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.access import Gate
    from tallystick_receiver.definitions import SeenMetric
    from tallystick_receiver.store.database import Database

RATES_MAX: Final = 5000
"""Rates in one request, which are recorded all or not at all."""
_UTC: Final = ZoneInfo("UTC")
_SHORT_NAMES: Final = tuple(scheme_of(TOKENS).names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One of the three tables, and what it is called."""

    path: str
    plural: str
    single: str
    read: Callable[[asyncpg.Connection, Asked], Awaitable[Sequence[Any]]]
    void: Callable[[asyncpg.Connection, Any], Awaitable[Any]]
    content: Callable[[Any], dict[str, Any]]


_RATES: Final = _Table(
    path="/api/v1/rates", plural="rates", single="rate", read=read_rates, void=void_rate, content=rate_content
)
_MODIFIERS: Final = _Table(
    path="/api/v1/rate-modifiers", plural="modifiers", single="modifier", read=read_modifiers, void=void_modifier,
    content=modifier_content,
)  # fmt: skip
_ALIASES: Final = _Table(
    path="/api/v1/rate-aliases", plural="aliases", single="alias", read=read_aliases, void=void_alias,
    content=alias_content,
)  # fmt: skip


class RateRoutes:
    """Record, void, show and list rates, factors and aliases; nothing is ever changed or deleted."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_post(_RATES.path, self.create_rates)
        router.add_post(_MODIFIERS.path, self.create_modifier)
        router.add_post(_ALIASES.path, self.create_alias)
        for table in (_RATES, _MODIFIERS, _ALIASES):
            router.add_get(table.path, self._lister(table))
            router.add_get(table.path + "/{id}", self._shower(table))
            router.add_post(table.path + "/{id}/void", self._voider(table))

    async def create_rates(self, request: web.Request) -> web.Response:
        """Record one rate, or as many as `rates` lists, all or none; `replace` voids what they overlap."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        is_replacing = fields.flag("replace", default=False)
        listed = fields.take("rates")
        bodies = [fields] if listed is None else _bodies(listed)
        if listed is not None:
            fields.end()
        async with self._database.reading() as connection, connection.transaction():
            seen = await read_seen(connection)
            rates = [self._rate(body, access, seen) for body in bodies]
            try:
                async with connection.transaction():
                    written = await write_rates(connection, rates, is_replacing=is_replacing)
            except OverlappingError as error:
                return problem(409, str(error))
        shown = [rate_content(rate) for rate in written]
        return _created(_RATES, shown[0]) if listed is None and len(shown) == 1 else answer({"rates": shown}, 201)

    async def create_modifier(self, request: web.Request) -> web.Response:
        """Record a factor."""
        return await self._create(request, _MODIFIERS, modifier_of, write_modifier)

    async def create_alias(self, request: web.Request) -> web.Response:
        """Record another name."""
        return await self._create(request, _ALIASES, alias_of, write_alias)

    async def _create(
        self, request: web.Request, table: _Table, parse: Callable[[Fields, str | None, datetime], Any],
        write: Callable[[asyncpg.Connection, Any], Awaitable[Any]],
    ) -> web.Response:  # fmt: skip
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        record = parse(fields, _org(fields, access), self._now())
        async with self._database.reading() as connection:
            try:
                async with connection.transaction():
                    written = await write(connection, record)
            except OverlappingError as error:
                return problem(409, str(error))
        return _created(table, table.content(written))

    def _rate(self, fields: Fields, access: Access, seen: Sequence[SeenMetric]) -> Rate:
        org, key = _org(fields, access), str(fields.peek("metricKey")).lower()
        known = [metric for metric in seen if metric.key == key]
        units = {metric.unit for metric in known}
        rate = rate_of(fields, org, units.pop() if len(units) == 1 else None, self._now())
        kinds = {metric.is_level for metric in known if metric.unit == rate.unit}
        if kinds == {True}:
            raise InvalidQuestion(
                f"{key} is a level: it says how much there is, not how much was used, so a rate would price nothing."
                " Count what is to be paid for (byte-hours, for instance) and record a rate for that"
            )
        return rate

    def _lister(self, table: _Table) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def listed(request: web.Request) -> web.Response:
            access = await self._gate.access(request.headers.get("Authorization"), READ)
            asked, limit = _asked(request, access, table)
            async with self._database.reading() as connection:
                found = await table.read(connection, asked)
            more = None
            if len(found) == limit:
                last = found[-1]
                more = cursor_text(*((last.metric, last.id) if table is _RATES else (last.id,)))
            return answer({table.plural: [table.content(record) for record in found], "nextCursor": more})

        return listed

    def _shower(self, table: _Table) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def shown(request: web.Request) -> web.Response:
            access = await self._gate.access(request.headers.get("Authorization"), READ)
            async with self._database.reading() as connection:
                found = await _find(connection, request, access, table)
            return problem(404, f"there is no such {table.single}") if found is None else answer(table.content(found))

        return shown

    def _voider(self, table: _Table) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def voided(request: web.Request) -> web.Response:
            access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
            async with self._database.reading() as connection, connection.transaction():
                found: Record | None = await _find(connection, request, access, table)
                if found is None:
                    return problem(404, f"there is no such {table.single}")
                if access.org is not None and found.org != access.org:
                    raise Denied(403, f"this {table.single} holds for all organisations: record one of your own")
                return answer(table.content(await table.void(connection, found)))

        return voided

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC)


def _bodies(listed: Any) -> list[Fields]:  # noqa: ANN401 - any JSON value
    if (
        not isinstance(listed, list)
        or not 1 <= len(listed) <= RATES_MAX
        or not all(isinstance(b, dict) for b in listed)
    ):
        raise InvalidQuestion(f"rates must be a list of 1 to {RATES_MAX} objects")
    return [Fields(body) for body in listed]


def _org(fields: Fields, access: Access) -> str | None:
    org = own_org(fields.optional_text("orgId"), access)
    if org == "":
        raise InvalidQuestion("orgId is empty")
    return org


def _created(table: _Table, content: dict[str, Any]) -> web.Response:
    response = answer(content, 201)
    response.headers["Location"] = f"{table.path}/{content['id']}"
    return response


def _asked(request: web.Request, access: Access, table: _Table) -> tuple[Asked, int]:
    of_rates = ("metricKey", *_SHORT_NAMES) if table is _RATES else ()
    known_parameters(request, "orgId", "at", "knownAt", "voided", "limit", "cursor", *of_rates)
    limit, after = limit_parameter(request), cursor_parameter(request, 2 if table is _RATES else 1)
    metric = parameter(request, "metricKey") if of_rates else None
    names = scheme_of(metric.lower() if metric else TOKENS).names
    selector = {}
    for short in of_rates[1:]:
        value = parameter(request, short)
        if value is not None:
            if short not in names:
                raise InvalidQuestion(f"{metric} has no {short}")
            selector[names[short]] = value
    voided = request.query.get("voided", "false")
    if voided not in ("true", "false"):
        raise InvalidQuestion("voided must be true or false")
    return Asked(
        org=org_parameter(request, access), metric=metric and metric.lower(), valid_at=_time(request, "at"),
        known_at=_time(request, "knownAt"), voided=voided == "true", selector=selector or None, after=after,
        limit=limit,
    ), limit  # fmt: skip


def _time(request: web.Request, name: str) -> datetime | None:
    text = parameter(request, name)
    return None if text is None else time_of(text, _UTC, name).astimezone(UTC)


async def _find(connection: asyncpg.Connection, request: web.Request, access: Access, table: _Table) -> Any:  # noqa: ANN401
    number = request.match_info["id"]
    if not number.isascii() or not number.isprintable():
        return None
    found = await table.read(connection, Asked(org=access.org, number=number, voided=True))
    return found[0] if found else None
