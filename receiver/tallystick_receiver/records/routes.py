"""POST /api/v1/usage/records: the life of one request of records, from bytes to the answer after its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.access import INGEST
from tallystick_receiver.errors import BodyError, InvalidQuestion, Malformed, Unavailable
from tallystick_receiver.query.problem import problem
from tallystick_receiver.records.cloud_event import Mapping
from tallystick_receiver.records.decode import EVENT_TYPE, EVENTS_TYPE, JSON_TYPE, Decoded, decode
from tallystick_receiver.records.results import answer_to

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.admission import TimeLimits
    from tallystick_receiver.otlp.intake import Intake
    from tallystick_receiver.otlp.wire import Buffer
    from tallystick_receiver.points import Batch
    from tallystick_receiver.streams import Streams
    from tallystick_receiver.telemetry import Telemetry

PATH: Final = "/api/v1/usage/records"
_TYPES: Final = (JSON_TYPE, EVENT_TYPE, EVENTS_TYPE)
_PARAMETERS: Final = ("subjectType", "quantityKey")
_KEYS_MAX: Final = 16


class RecordsRoutes:
    """Records of programs without OpenTelemetry."""

    def __init__(self, intake: Intake, gate: Gate, telemetry: Telemetry, *, records_max: int) -> None:
        self._intake = intake
        self._gate = gate
        self._telemetry = telemetry
        self._records_max = records_max

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_post(PATH, self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        """One record or a batch; the answer goes out after the commit."""
        access = await self._gate.access(request.headers.get("Authorization"), INGEST)
        self._telemetry.add("requests")
        try:
            return await self._receive(request, access.org)
        except (BodyError, Malformed) as error:
            self._telemetry.add("requests.malformed")
            return problem(getattr(error, "status", 400), str(error))
        except Unavailable as error:
            self._telemetry.add("requests.unavailable")
            return problem(503, str(error))

    async def _receive(self, request: web.Request, credential_org: str | None) -> web.Response:
        mapping = _mapping(request)
        content_type = request.content_type.lower()
        if content_type not in _TYPES:
            raise BodyError(415, f"Content-Type must be one of {', '.join(_TYPES)}")
        found: list[Decoded] = []

        def work(body: Buffer, streams: Streams, limits: TimeLimits) -> Batch:
            found.append(
                decode(
                    bytes(body[:]), content_type, mapping, streams=streams, credential_org=credential_org,
                    limits=limits, records_max=self._records_max,
                )
            )  # fmt: skip
            return found[0].batch

        receipt, _ = await self._intake.receive(request, work)
        return answer_to(found[0], receipt)


def _mapping(request: web.Request) -> Mapping:
    for name in request.query:
        if name not in _PARAMETERS:
            raise InvalidQuestion(f"there is no parameter {name[:60]!r}; there are {' and '.join(_PARAMETERS)}")
    if any(len(request.query.getall(name, [])) > 1 for name in _PARAMETERS):
        raise InvalidQuestion("a parameter is given more than once")
    keys = tuple(request.query["quantityKey"].split(",")) if "quantityKey" in request.query else ()
    if "" in keys or len(keys) > _KEYS_MAX:
        raise InvalidQuestion(f"quantityKey must list 1 to {_KEYS_MAX} members of data")
    kind = request.query.get("subjectType", "org")
    if not kind:
        raise InvalidQuestion("subjectType is empty")
    return Mapping(subject_type=kind, quantity_keys=keys)
