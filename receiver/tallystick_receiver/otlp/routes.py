"""POST /v1/metrics: the life of one OTLP/HTTP request, from bytes to the answer after its commit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.errors import BodyError, Malformed, Unavailable
from tallystick_receiver.otlp.decode import JSON, PROTOBUF, decode
from tallystick_receiver.otlp.respond import JSON_TYPE, PROTOBUF_TYPE, failure, success

if TYPE_CHECKING:
    from tallystick_receiver.admission import TimeLimits
    from tallystick_receiver.ingest import Receipt
    from tallystick_receiver.otlp.intake import Decode, Intake
    from tallystick_receiver.otlp.wire import Buffer
    from tallystick_receiver.points import Batch
    from tallystick_receiver.settings import Settings
    from tallystick_receiver.streams import Streams
    from tallystick_receiver.telemetry import Telemetry

_ENCODING_OF: Final = {PROTOBUF_TYPE: PROTOBUF, "application/protobuf": PROTOBUF, JSON_TYPE: JSON}


class Otlp:
    """The OTLP side of the receiver."""

    def __init__(self, intake: Intake, telemetry: Telemetry, settings: Settings) -> None:
        self._intake = intake
        self._telemetry = telemetry
        self._settings = settings

    async def receive(self, request: web.Request, credential_org: str | None) -> web.Response:
        """Answer one export request; every outcome is in OTLP's own form."""
        content_type = content_type_of(request)
        self._telemetry.add("requests")
        try:
            if request.method != "POST":
                response = failure(content_type, 405, "only POST is supported")
                response.headers["Allow"] = "POST"
                return response
            encoding = _ENCODING_OF.get(request.content_type.lower() if "Content-Type" in request.headers else "")
            if encoding is None:
                raise BodyError(415, f"Content-Type must be {PROTOBUF_TYPE} or {JSON_TYPE}")  # noqa: TRY301
            receipt, batch = await self._intake.receive(request, self._decoding(encoding, credential_org))
        except (BodyError, Malformed) as error:
            self._telemetry.add("requests.malformed")
            return failure(content_type, getattr(error, "status", 400), str(error))
        except Unavailable as error:
            self._telemetry.add("requests.unavailable")
            return failure(content_type, 503, str(error))
        return success(content_type, receipt.refused, _reasons(batch, receipt))

    async def replay(self, body: bytes, encoding: str, credential_org: str | None) -> tuple[Receipt, str]:
        """Send a quarantined point through the same stages again.

        Raises:
            Malformed, Unavailable: as for any request.
        """
        receipt, batch = await self._intake.submit(body, self._decoding(encoding, credential_org))
        return receipt, _reasons(batch, receipt)

    def _decoding(self, encoding: str, credential_org: str | None) -> Decode:
        points_max = self._settings.points_per_request_max

        def work(body: Buffer, streams: Streams, limits: TimeLimits) -> Batch:
            return decode(
                body, encoding, streams=streams, credential_org=credential_org, limits=limits, points_max=points_max
            )

        return work


def content_type_of(request: web.Request) -> str:
    """The content type of the answer: that of the request, protobuf when it has none of ours."""
    return JSON_TYPE if request.content_type.lower() == JSON_TYPE else PROTOBUF_TYPE


def _reasons(batch: Batch, receipt: Receipt) -> str:
    """What was refused, in one English sentence of bounded length (OTLP: error_message)."""
    if not receipt.refused:
        return ""
    counts = Counter(point.reason.value for point in batch.refused)
    conflicts = receipt.refused - batch.refused_count
    if conflicts:
        counts["conflict"] += conflicts
    listed = ", ".join(f"{count} {reason}" for reason, count in counts.most_common(10))
    example = next((point.detail for point in batch.refused), "")
    points = "point" if receipt.refused == 1 else "points"
    return f"{receipt.refused} {points} refused and kept in quarantine: {listed}. {example}"[:1000].strip()
