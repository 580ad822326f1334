"""/api/v1/thresholds: lines in somebody's usage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick.quantity import text_of
from tallystick.semconv import METRIC_NAME_LENGTH_MAX
from tallystick_receiver.access import ADMIN, READ, Access
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.periods import Reset
from tallystick_receiver.query.definition_fields import keeps
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
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.question import TIME_UNITS
from tallystick_receiver.store.definitions import definition_for
from tallystick_receiver.store.thresholds import delete_threshold, read_thresholds, write_threshold
from tallystick_receiver.thresholds import LEVEL_MAX, LEVELS, ORG, Action, Threshold, dimension_of, new_id

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

EMAILS_MAX: Final = 20
_LEVELS_MAX: Final = 20
_ONE: Final = Decimal(1)


class ThresholdRoutes:
    """Create, read, update, delete and list thresholds."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/thresholds", self.list)
        router.add_post("/api/v1/thresholds", self.create)
        router.add_get("/api/v1/thresholds/{id}", self.show)
        router.add_patch("/api/v1/thresholds/{id}", self.update)
        router.add_delete("/api/v1/thresholds/{id}", self.delete)

    async def list(self, request: web.Request) -> web.Response:
        """A page of thresholds, by id."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "metricKey", "limit", "cursor")
        org, limit, after = org_parameter(request, access), limit_parameter(request), cursor_parameter(request, 1)
        metric = parameter(request, "metricKey")
        async with self._database.reading() as connection:
            found = await read_thresholds(
                connection, org=org, metric=metric and metric.lower(), after=after[0] if after else None, limit=limit
            )
        more = cursor_text(found[-1].id) if len(found) == limit else None
        return answer({"thresholds": [_content(threshold) for threshold in found], "nextCursor": more})

    async def show(self, request: web.Request) -> web.Response:
        """One threshold."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        async with self._database.reading() as connection:
            found = await _find(connection, request, access)
        return problem(404, "there is no such threshold") if found is None else answer(_content(found))

    async def create(self, request: web.Request) -> web.Response:
        """Draw a line; usage of the current period counts at once."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        now = self._now()
        subject_type = fields.text("subjectType", ORG)
        named = fields.optional_text("orgId")
        subject = fields.text("subjectId", named or access.org if subject_type == ORG else None)
        org = own_org(named or (subject if subject_type == ORG else None), access)
        if org is None:
            raise InvalidQuestion("orgId is missing: it says whose usage, unless subjectType is org")
        fresh = Threshold(
            id=new_id("thr"), org=org, metric=fields.text("metricKey", length_max=METRIC_NAME_LENGTH_MAX).lower(),
            subject_type=subject_type, subject=subject, amount=fields.decimal("threshold"), reset=None, zone="UTC",
            levels=LEVELS, action=Action.ALERT, emails=(), slack=False, created_at=now, updated_at=now,
        )  # fmt: skip
        threshold = _changed(fresh, fields)
        async with self._database.reading() as connection, connection.transaction():
            await _refuse_unkept(connection, threshold)
            await write_threshold(connection, threshold, None)
        response = answer(_content(threshold), 201)
        response.headers["Location"] = f"/api/v1/thresholds/{threshold.id}"
        return response

    async def update(self, request: web.Request) -> web.Response:
        """Change what is named in the body."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        async with self._database.reading() as connection, connection.transaction():
            found = await _find(connection, request, access)
            if found is None:
                return problem(404, "there is no such threshold")
            if "orgId" in fields and fields.take("orgId") != found.org:
                raise InvalidQuestion("orgId cannot be changed: create another threshold")
            named = replace(
                found, updated_at=self._now(), amount=fields.decimal("threshold", found.amount),
                metric=fields.text("metricKey", found.metric, length_max=METRIC_NAME_LENGTH_MAX).lower(),
                subject_type=fields.text("subjectType", found.subject_type),
                subject=fields.text("subjectId", found.subject),
            )  # fmt: skip
            threshold = _changed(named, fields)
            await _refuse_unkept(connection, threshold)
            await write_threshold(connection, threshold, found)
        return answer(_content(threshold))

    async def delete(self, request: web.Request) -> web.Response:
        """Forget a threshold; its events stay."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        async with self._database.reading() as connection, connection.transaction():
            found = await _find(connection, request, access)
            if found is None:
                return problem(404, "there is no such threshold")
            await delete_threshold(connection, found.id)
        return web.Response(status=204)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC)


async def _find(connection: asyncpg.Connection, request: web.Request, access: Access) -> Threshold | None:
    number = request.match_info["id"]
    if not number.isascii() or not number.isprintable():
        return None
    found = await read_thresholds(connection, org=access.org, number=number)
    return found[0] if found else None


async def _refuse_unkept(connection: asyncpg.Connection, threshold: Threshold) -> None:
    """A threshold on a dimension that rollups do not keep would never see any usage."""
    definition = await definition_for(connection, threshold.updated_at, threshold.metric, threshold.org)
    if definition is not None and not keeps(definition, dimension_of(threshold.subject_type)):
        raise InvalidQuestion(f"subjectType: the definition of {threshold.metric} does not keep this dimension")


def _changed(base: Threshold, fields: Fields) -> Threshold:
    """With what a body says, each field checked."""
    if base.subject_type in {*TIME_UNITS, "type"}:
        raise InvalidQuestion("subjectType must be org, project, user or the key of a dimension")
    if base.subject_type == ORG and base.subject != base.org:
        raise InvalidQuestion("subjectId must be the organisation itself where subjectType is org")
    reset = base.reset
    if "resetPeriod" in fields:
        reset = _reset(fields)
    threshold = replace(
        base, reset=reset, zone=fields.zone("timeZone", base.zone), levels=levels_of(fields, base.levels),
        action=fields.choice("action", Action, base.action),
        emails=emails_of(fields, "notifyEmails", base.emails), slack=fields.flag("notifySlack", default=base.slack),
    )  # fmt: skip
    for name in ("id", "createdAt", "updatedAt"):
        fields.take(name)
    fields.end()
    return threshold


def _reset(fields: Fields) -> Reset | None:
    value = fields.optional_text("resetPeriod")
    return None if value is None else Fields({"resetPeriod": value}).choice("resetPeriod", Reset, None)


def levels_of(fields: Fields, default: tuple[int, ...]) -> tuple[int, ...]:
    """Percents, ascending."""
    value = fields.take("levels")
    if value is None:
        return default
    sentence = f"levels must be 1 to {_LEVELS_MAX} whole percents from 1 to {LEVEL_MAX}"
    if not isinstance(value, list) or not 1 <= len(value) <= _LEVELS_MAX:
        raise InvalidQuestion(sentence)
    return tuple(sorted({percent_of(level, sentence) for level in value}))


def percent_of(value: Any, sentence: str) -> int:  # noqa: ANN401 - any JSON value
    """A whole percent."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value % _ONE or not 1 <= value <= LEVEL_MAX:
        raise InvalidQuestion(sentence)
    return int(value)


def emails_of(fields: Fields, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses to write to."""
    emails = fields.texts(name, default, count_max=EMAILS_MAX)
    for email in emails:
        local, at, host = email.rpartition("@")
        if not (local and at and host) or any(c.isspace() or not c.isprintable() or c in '<>,;"' for c in email):
            raise InvalidQuestion(f"{name}: {email[:60]!r} is no e-mail address")
    return emails


def _content(threshold: Threshold) -> dict[str, Any]:
    return {
        "id": threshold.id, "orgId": threshold.org, "metricKey": threshold.metric,
        "subjectType": threshold.subject_type, "subjectId": threshold.subject,
        "threshold": text_of(threshold.amount), "resetPeriod": threshold.reset and threshold.reset.value,
        "timeZone": threshold.zone, "levels": list(threshold.levels), "action": threshold.action.value,
        "notifyEmails": list(threshold.emails), "notifySlack": threshold.slack,
        "createdAt": rfc3339(threshold.created_at), "updatedAt": rfc3339(threshold.updated_at),
    }  # fmt: skip
