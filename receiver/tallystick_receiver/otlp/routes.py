"""POST /v1/metrics: the life of one OTLP/HTTP request, from bytes to the answer after its commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from mmap import mmap
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.errors import BodyError, Malformed, Unavailable
from tallystick_receiver.otlp.body import read_body
from tallystick_receiver.otlp.decode import JSON, PROTOBUF, decode
from tallystick_receiver.otlp.respond import JSON_TYPE, PROTOBUF_TYPE, failure, success

if TYPE_CHECKING:
    from tallystick_receiver.ingest import Ingest, Receipt
    from tallystick_receiver.otlp.wire import Buffer
    from tallystick_receiver.points import Batch
    from tallystick_receiver.settings import Settings
    from tallystick_receiver.streams import Streams
    from tallystick_receiver.telemetry import Telemetry

_ENCODING_OF: Final = {PROTOBUF_TYPE: PROTOBUF, "application/protobuf": PROTOBUF, JSON_TYPE: JSON}


class Otlp:
    """The OTLP side of the receiver; one thread decodes, so that what it remembers needs no lock."""

    def __init__(
        self,
        ingest: Ingest,
        streams: Streams,
        telemetry: Telemetry,
        settings: Settings,
        now_ns: Callable[[], int],
    ) -> None:
        self._ingest = ingest
        self._streams = streams
        self._telemetry = telemetry
        self._settings = settings
        self._now_ns = now_ns
        self._decoder = ThreadPoolExecutor(1, "decode")
        self._large = asyncio.Semaphore(1)
        self._in_flight = 0

    def close(self) -> None:
        """Stop the decoding thread."""
        self._decoder.shutdown(wait=False, cancel_futures=True)

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
            receipt, reasons = await self._store(request, encoding, credential_org)
        except (BodyError, Malformed) as error:
            self._telemetry.add("requests.malformed")
            return failure(content_type, getattr(error, "status", 400), str(error))
        except Unavailable as error:
            self._telemetry.add("requests.unavailable")
            return failure(content_type, 503, str(error))
        return success(content_type, receipt.refused, reasons)

    async def replay(self, body: bytes, encoding: str, credential_org: str | None) -> tuple[Receipt, str]:
        """Send a quarantined point through the same stages again.

        Raises:
            Malformed, Unavailable: as for any request.
        """
        receipt, batch = await self._decode_and_submit(body, encoding, credential_org)
        return receipt, _reasons(batch, receipt)

    async def decode(self, body: Buffer, encoding: str, credential_org: str | None) -> Batch:
        """One body decoded and admitted, off the event loop.

        Raises:
            Malformed: the body is not an export request.
        """
        settings = self._settings
        limits = TimeLimits(
            now_ns=self._now_ns(),
            late_ns=settings.late_seconds_max * 10**9,
            ahead_ns=settings.ahead_seconds_max * 10**9,
        )

        def work() -> Batch:
            return decode(
                body, encoding, streams=self._streams, credential_org=credential_org, limits=limits,
                points_max=settings.points_per_request_max,
            )  # fmt: skip

        batch: Batch = await self._run(work)
        return batch

    async def _store(self, request: web.Request, encoding: str, credential_org: str | None) -> tuple[Receipt, str]:
        if self._in_flight >= self._settings.requests_in_flight_max:
            raise Unavailable(f"{self._in_flight} requests are in flight already")
        self._in_flight += 1
        try:
            body, holds = await self._read(request)
            try:
                receipt, batch = await self._decode_and_submit(body, encoding, credential_org)
            finally:
                if holds:
                    self._large.release()
        finally:
            self._in_flight -= 1
        return receipt, _reasons(batch, receipt)

    async def _read(self, request: web.Request) -> tuple[Buffer, bool]:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.body_seconds_max):
                return await read_body(
                    request, size_max=settings.body_bytes_max, small_max=settings.large_body_bytes,
                    large=self._large, run=self._run,
                )  # fmt: skip
        except TimeoutError:
            raise Unavailable(f"the body did not arrive within {settings.body_seconds_max:g} s") from None
        except ConnectionError:
            raise Unavailable("the sender went away in the middle of the body") from None

    async def _decode_and_submit(
        self, body: Buffer, encoding: str, credential_org: str | None
    ) -> tuple[Receipt, Batch]:
        try:
            batch = await self.decode(body, encoding, credential_org)
        finally:
            if isinstance(body, mmap):
                with contextlib.suppress(BufferError):  # a traceback may still hold a view; it frees it later
                    body.close()
        return await self._ingest.submit(batch), batch

    def _run(self, work: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:  # noqa: ANN401
        return asyncio.get_running_loop().run_in_executor(self._decoder, work, *arguments)


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
    return f"{receipt.refused} points refused and kept in quarantine: {listed}. {example}"[:1000].strip()
