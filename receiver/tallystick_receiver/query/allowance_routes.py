"""GET /api/v1/usage/allowance: may a subject go on? Advice from usage that is committed, nothing is blocked here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from tallystick.quantity import text_of
from tallystick_receiver.access import READ
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.holding import Hold
from tallystick_receiver.query.fields import known_parameters, org_parameter, parameter, zone_of
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.allowance import Asked, read_allowance
from tallystick_receiver.thresholds import ORG

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database


class AllowanceRoutes:
    """What is left."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int], hold_seconds: int) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns
        self._hold_seconds = hold_seconds

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/usage/allowance", self.allowance)

    async def allowance(self, request: web.Request) -> web.Response:
        """Whether the tightest limit of a subject is reached, and when it resets."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "metricKey", "subjectType", "subjectId", "tz")
        org, metric = org_parameter(request, access), parameter(request, "metricKey")
        if org is None or metric is None:
            raise InvalidQuestion("orgId and metricKey are needed")
        subject_type = parameter(request, "subjectType") or ORG
        subject = parameter(request, "subjectId") or (org if subject_type == ORG else None)
        if subject is None or (subject_type == ORG and subject != org):
            raise InvalidQuestion("subjectId is needed: who, where subjectType is not org")
        asked = Asked(
            org=org, metric=metric.lower(), subject_type=subject_type, subject=subject,
            zone=zone_of(parameter(request, "tz") or "UTC", "tz").key,
        )  # fmt: skip
        hold = Hold(seconds=self._hold_seconds, now_ns=self._now_ns())
        found = await read_allowance(self._database, asked, hold)
        return answer({
            "allowed": found.is_allowed,
            "used": None if found.used is None else text_of(found.used),
            "limit": None if found.limit is None else text_of(found.limit),
            "resetsAt": None if found.resets_at is None else rfc3339(found.resets_at),
            "asOf": rfc3339(datetime.fromtimestamp(hold.now_ns / 1e9, UTC)),
        })  # fmt: skip
