"""/api/v1/metrics: what metrics mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from tallystick.semconv import METRIC_NAME_LENGTH_MAX
from tallystick_receiver.access import ADMIN, READ, Access, Denied
from tallystick_receiver.definitions import SAMPLED, Aggregation, MetricDefinition, fits, metrics_read_by
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.periods import Reset
from tallystick_receiver.query.definition_fields import changed, keeps
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
    is_recorded,
    read_definitions,
    read_seen,
    write_definition,
)
from tallystick_receiver.store.keeping import hold_keeping
from tallystick_receiver.store.thresholds import read_thresholds, touch_metric, uses_metric
from tallystick_receiver.thresholds import dimension_of

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database


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
            await hold_keeping(connection)
            present = [d for d in await read_definitions(connection, now, org=org, key=key) if d.org == org]
            if present and not present[0].is_seen:
                return problem(409, f"this metric is defined already, as {present[0].id}: update it with PATCH")
            base = replace(present[0], updated_at=now) if present else fresh
            return await self._write(connection, base, fields, 201)

    async def update(self, request: web.Request) -> web.Response:
        """Change what is named: how usage is read, and what is kept of usage to come; what is stored stays."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        async with self._database.reading() as connection, connection.transaction():
            await hold_keeping(connection)
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
            await hold_keeping(connection)
            found = await self._find(connection, request, access)
            if found is None:
                return problem(404, "there is no such metric")
            _only_own(found, access)
            if found.is_seen:
                return problem(409, "its usage defined this metric, so there is nothing to delete")
            if await uses_metric(connection, found.key, found.org):
                return problem(409, "thresholds use this metric: delete them first")
            await delete_definition(connection, found.key, found.org, self._now())
        return web.Response(status=204)

    async def _write(
        self, connection: asyncpg.Connection, base: MetricDefinition, fields: Fields, status: int
    ) -> web.Response:
        definition = changed(base, fields)
        metrics = metrics_read_by(definition, await read_seen(connection))
        if not fits(definition.aggregation, metrics) and not await is_recorded(connection, metrics):
            kinds = ", ".join(sorted({metric.kind for metric in metrics}))
            raise InvalidQuestion(
                f"aggregationType {definition.aggregation} is not known of {definition.key}, which comes as {kinds}: "
                "sums and histograms have sum, count, avg and unique; "
                "levels have last, min, max, avg, count and unique"
            )
        if definition.dimensions is not None and definition.aggregation in SAMPLED:
            raise InvalidQuestion(
                f"dimensions: {definition.aggregation} is of levels, which keep all of them, since their last samples "
                "add up by them"
            )
        if definition.dimensions is not None and any(metric.is_level for metric in metrics):
            raise InvalidQuestion("dimensions: a level keeps all of them, since its last samples add up by them")
        lost = await _watched(connection, definition)
        if lost:
            return problem(409, f"thresholds watch {lost[0]}, which dimensions does not list: delete them first")
        written = await write_definition(connection, definition)
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


async def _watched(connection: asyncpg.Connection, definition: MetricDefinition) -> list[str]:
    """Dimensions that thresholds watch and rollups would keep no longer."""
    found = await read_thresholds(connection, org=definition.org, metric=definition.key)
    keys = {dimension_of(threshold.subject_type) for threshold in found}
    return sorted(key or "" for key in keys if not keeps(definition, key))


def _only_own(definition: MetricDefinition, access: Access) -> None:
    """A key that is bound to an organisation sees what holds for all, and changes its own only."""
    if access.org is not None and definition.org != access.org:
        raise Denied(403, "this definition holds for all organisations: create one of your own")
