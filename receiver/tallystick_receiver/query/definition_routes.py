"""/api/v1/metrics: what metrics mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from tallystick.semconv import METRIC_NAME_LENGTH_MAX, UNIT_LENGTH_MAX
from tallystick_receiver.access import ADMIN, READ, Access, Denied
from tallystick_receiver.definitions import Aggregation, MetricDefinition, fits, metrics_read_by
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.periods import Reset
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
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.definitions import (
    definition_content,
    delete_definition,
    read_definitions,
    read_seen,
    write_definition,
)
from tallystick_receiver.store.thresholds import touch_metric, uses_metric

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_DESCRIPTION_LENGTH_MAX = 2000


class DefinitionRoutes:
    """Create, read, update, delete and list metric definitions."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/metrics", self.list)
        router.add_post("/api/v1/metrics", self.create)
        router.add_get("/api/v1/metrics/{id}", self.show)
        router.add_patch("/api/v1/metrics/{id}", self.update)
        router.add_delete("/api/v1/metrics/{id}", self.delete)

    async def list(self, request: web.Request) -> web.Response:
        """A page of definitions, by key."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "key", "limit", "cursor")
        org, limit, after = org_parameter(request, access), limit_parameter(request), cursor_parameter(request, 2)
        key = parameter(request, "key")
        async with self._database.reading() as connection:
            found = await read_definitions(
                connection, self._now(), org=org, key=key and key.lower(),
                after=(after[0], after[1]) if after else None, limit=limit,
            )  # fmt: skip
        more = cursor_text(found[-1].key, found[-1].org or "") if len(found) == limit else None
        return answer({"metrics": [definition_content(definition) for definition in found], "nextCursor": more})

    async def show(self, request: web.Request) -> web.Response:
        """One definition."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        async with self._database.reading() as connection:
            found = await self._find(connection, request, access)
        return problem(404, "there is no such metric") if found is None else answer(definition_content(found))

    async def create(self, request: web.Request) -> web.Response:
        """Define a metric, or what it means for one organisation."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        now = self._now()
        key = fields.text("key", length_max=METRIC_NAME_LENGTH_MAX).lower()
        org = own_org(fields.optional_text("orgId"), access)
        if org == "":
            raise InvalidQuestion("orgId is empty")
        fresh = MetricDefinition(
            key=key, org=org, name=key, description="", unit="", aggregation=Aggregation.SUM, reset=Reset.MONTHLY,
            is_seen=False, created_at=now, updated_at=now,
        )  # fmt: skip
        async with self._database.reading() as connection, connection.transaction():
            present = [d for d in await read_definitions(connection, now, org=org, key=key) if d.org == org]
            if present and not present[0].is_seen:
                return problem(409, f"this metric is defined already, as {present[0].id}: update it with PATCH")
            base = replace(present[0], updated_at=now) if present else fresh
            return await self._write(connection, base, fields, 201)

    async def update(self, request: web.Request) -> web.Response:
        """Change what is named in the body; what is stored does not change, only how it is read."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        async with self._database.reading() as connection, connection.transaction():
            found = await self._find(connection, request, access)
            if found is None:
                return problem(404, "there is no such metric")
            _only_own(found, access)
            for name, value in (("key", found.key), ("orgId", found.org)):
                if name in fields and fields.take(name) != value:
                    raise InvalidQuestion(f"{name} cannot be changed: define another metric")
            return await self._write(connection, replace(found, updated_at=self._now()), fields, 200)

    async def delete(self, request: web.Request) -> web.Response:
        """Forget a definition, unless thresholds use it or usage defined it."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        async with self._database.reading() as connection, connection.transaction():
            found = await self._find(connection, request, access)
            if found is None:
                return problem(404, "there is no such metric")
            _only_own(found, access)
            if found.is_seen:
                return problem(409, "its usage defined this metric, so there is nothing to delete")
            if await uses_metric(connection, found.key, found.org):
                return problem(409, "thresholds use this metric: delete them first")
            await delete_definition(connection, found.key, found.org)
        return web.Response(status=204)

    async def _write(
        self, connection: asyncpg.Connection, base: MetricDefinition, fields: Fields, status: int
    ) -> web.Response:
        if fields.take("dimensions") is not None:
            return problem(501, "dimensions: limiting the attributes that are kept is not there yet; leave it out")
        aggregation = fields.optional_text("aggregationType")
        if aggregation is not None and aggregation.lower() == "unique":
            return problem(501, "aggregationType: counting distinct values (unique) is not there yet")
        changed = replace(
            base,
            name=fields.text("name", base.name),
            unit=fields.text("unit", base.unit, length_max=UNIT_LENGTH_MAX, may_be_empty=True),
            description=fields.text(
                "description", base.description, length_max=_DESCRIPTION_LENGTH_MAX, may_be_empty=True
            ),
            reset=fields.choice("resetPeriod", Reset, base.reset),
            aggregation=base.aggregation if aggregation is None
            else Fields({"aggregationType": aggregation}).choice("aggregationType", Aggregation, None),
        )  # fmt: skip
        for name in ("id", "definedBy", "createdAt", "updatedAt"):
            fields.take(name)
        fields.end()
        metrics = metrics_read_by(changed, await read_seen(connection))
        if not fits(changed.aggregation, metrics):
            kinds = ", ".join(sorted({metric.kind for metric in metrics}))
            raise InvalidQuestion(
                f"aggregationType {changed.aggregation} is not known of {changed.key}, which comes as {kinds}: "
                "sums and histograms have sum, count and avg; levels have last, min, max, avg and count"
            )
        written = await write_definition(connection, changed)
        await touch_metric(connection, written.key, written.updated_at)
        response = answer(definition_content(written), status)
        response.headers["Location"] = f"/api/v1/metrics/{written.id}"
        return response

    async def _find(
        self, connection: asyncpg.Connection, request: web.Request, access: Access
    ) -> MetricDefinition | None:
        number = request.match_info["id"]
        if not number.isascii() or not number.isprintable():
            return None
        found = await read_definitions(connection, self._now(), org=access.org, number=number)
        return found[0] if found else None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC)


def _only_own(definition: MetricDefinition, access: Access) -> None:
    """A key that is bound to an organisation sees what holds for all, and changes its own only."""
    if access.org is not None and definition.org != access.org:
        raise Denied(403, "this definition holds for all organisations: create one of your own")
