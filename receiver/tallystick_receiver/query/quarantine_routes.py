"""The quarantine over HTTP: what was refused and why, and sending it again when the cause is gone."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tallystick.refusal import Reason
from tallystick.semconv import INT64_MAX, INT64_MIN
from tallystick_receiver.access import ADMIN, READ, Access
from tallystick_receiver.errors import InvalidQuestion, Malformed
from tallystick_receiver.query.fields import limit_parameter, org_parameter
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.refused import (
    Cursor,
    QuarantinedPoint,
    mark_replayed,
    read_quarantine,
    read_quarantined_point,
)

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.ingest import Receipt
    from tallystick_receiver.store.database import Database

_OLDEST: Final = "oldest"
_NEWEST: Final = "newest"
Replay = Callable[[bytes, str, str | None], Awaitable[tuple["Receipt", str]]]


class QuarantineRoutes:
    """List, show and replay refused points."""

    def __init__(self, database: Database, gate: Gate, replay: Replay, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._replay = replay
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/quarantine", self.list)
        router.add_post("/api/v1/quarantine/replay", self.replay_all)
        router.add_get(r"/api/v1/quarantine/{id:-?\d{1,19}}", self.show)
        router.add_post(r"/api/v1/quarantine/{id:-?\d{1,19}}/replay", self.replay_one)

    async def list(self, request: web.Request) -> web.Response:
        """A page of refused points, oldest or newest first."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        reason, org = _reason(request), org_parameter(request, access)
        limit = limit_parameter(request)
        points = await read_quarantine(
            self._database, reason=reason, org=org, after=_cursor(request.query.get("cursor")), limit=limit,
            newest_first=_is_newest_first(request),
        )  # fmt: skip
        more = _cursor_text(points[-1]) if len(points) == limit else None
        return answer({"points": [_shown(point) for point in points], "nextCursor": more})

    async def show(self, request: web.Request) -> web.Response:
        """One refused point, with what was sent."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        point = await self._point(request, access)
        return problem(404, "there is no such point") if point is None else answer(_shown(point))

    async def replay_one(self, request: web.Request) -> web.Response:
        """Send one refused point again, with the organisation its key was bound to then."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        point = await self._point(request, access)
        return problem(404, "there is no such point") if point is None else answer(await self._again(point))

    async def replay_all(self, request: web.Request) -> web.Response:
        """Send a page of refused points again; repeat with the cursor until there is none."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        limit = limit_parameter(request)
        points = await read_quarantine(
            self._database, reason=_reason(request), org=org_parameter(request, access),
            after=_cursor(request.query.get("cursor")), limit=limit,
        )  # fmt: skip
        outcomes = [await self._again(point) for point in points if point.replayed_at is None]
        more = _cursor_text(points[-1]) if len(points) == limit else None
        return answer({"points": outcomes, "nextCursor": more})

    async def _again(self, point: QuarantinedPoint) -> dict[str, Any]:
        try:
            receipt, reasons = await self._replay(point.body, point.encoding, point.credential_org)
        except Malformed as error:
            return {"id": str(point.quarantine_id), "outcome": "refused", "detail": str(error)}
        if receipt.refused:
            return {"id": str(point.quarantine_id), "outcome": "refused", "detail": reasons}
        await mark_replayed(self._database, point.quarantine_id, datetime.fromtimestamp(self._now_ns() / 1e9, UTC))
        outcome = "accepted" if receipt.accepted else "duplicate"
        return {"id": str(point.quarantine_id), "outcome": outcome, "detail": ""}

    async def _point(self, request: web.Request, access: Access) -> QuarantinedPoint | None:
        text = request.match_info["id"]
        if not text.lstrip("-").isdigit() or not -(2**63) <= int(text) < 2**63:
            return None
        point = await read_quarantined_point(self._database, int(text))
        visible = point is not None and access.org in (None, point.org, point.credential_org)
        return point if visible else None


def _shown(point: QuarantinedPoint) -> dict[str, Any]:
    return {
        "id": str(point.quarantine_id), "reason": point.reason, "detail": point.detail, "orgId": point.org,
        "firstSeen": rfc3339(point.first_seen), "lastSeen": rfc3339(point.last_seen), "times": point.times,
        "replayedAt": None if point.replayed_at is None else rfc3339(point.replayed_at),
        "request": _request(point),
    }  # fmt: skip


def _request(point: QuarantinedPoint) -> Any:  # noqa: ANN401 - any JSON value
    """What was sent, as readable as it can be made."""
    if point.encoding == "json":
        return json.loads(point.body)
    try:
        return MessageToDict(ExportMetricsServiceRequest.FromString(point.body))
    except (DecodeError, UnicodeDecodeError):
        return {"base64": base64.b64encode(point.body).decode()}


def _reason(request: web.Request) -> str | None:
    reason = request.query.get("reason")
    if reason is not None and reason not in set(Reason):
        raise InvalidQuestion(f"reason must be one of {', '.join(Reason)}")
    return reason


def _is_newest_first(request: web.Request) -> bool:
    order = request.query.get("order", _OLDEST)
    if order not in (_OLDEST, _NEWEST):
        raise InvalidQuestion(f"order must be {_OLDEST} or {_NEWEST}, by when a point was seen last")
    return order == _NEWEST


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    try:
        time, number = json.loads(base64.urlsafe_b64decode(text))
        cursor = datetime.fromisoformat(time).astimezone(UTC), int(number)
    except (ValueError, TypeError, OverflowError):
        raise InvalidQuestion("cursor is not one that was given out") from None
    if not INT64_MIN <= cursor[1] <= INT64_MAX:
        raise InvalidQuestion("cursor is not one that was given out")
    return cursor


def _cursor_text(point: QuarantinedPoint) -> str:
    content = json.dumps([point.last_seen.isoformat(), point.quarantine_id])
    return base64.urlsafe_b64encode(content.encode()).decode()
