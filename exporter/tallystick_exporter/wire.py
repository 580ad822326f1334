"""One request over OTLP/HTTP, by OpenTelemetry's own exporter, and whether to try it again."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from importlib.metadata import entry_points
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from requests.adapters import BaseAdapter

from tallystick_exporter.piece_file import REQUEST_BYTES_MAX
from tallystick_exporter.temporality import delta_temporality

ENDPOINT_DEFAULT: Final = "http://127.0.0.1:4318/v1/metrics"
"""Not `localhost`, which may mean an IPv6 address where nobody listens."""

_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""The specification: a client must not send the same request again after 400."""

_CREDENTIALS: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
)

_NOTHING: Final = MetricsData(resource_metrics=[])

_COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "": lambda body: body, "gzip": gzip.compress, "deflate": zlib.compress,
}  # fmt: skip
"""By Content-Encoding, which the exporter sets."""


class Outcome(Enum):
    """What became of a request."""

    DELIVERED = auto()
    LATER = auto()
    """The receiver is away, busy, or does not let us in: the same request may succeed later."""
    REFUSED = auto()
    """The receiver will never take it."""
    TOO_LARGE = auto()
    """Smaller requests may succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where requests go; what is None comes from OpenTelemetry's environment variables."""

    endpoint: str | None = None
    headers: Mapping[str, str] | None = None
    compression: str | None = None
    timeout: float | None = None
    """Seconds for all tries of one request."""

    @property
    def url(self) -> str:
        """Where requests go, with OpenTelemetry's rule: the variable for metrics is taken as it is."""
        exact = self.endpoint or os.environ.get(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT)
        base = os.environ.get(OTEL_EXPORTER_OTLP_ENDPOINT)
        return exact or (f"{base.rstrip('/')}/v1/metrics" if base else ENDPOINT_DEFAULT)


class Wire:
    """Connections of one process. After a fork the child makes a new one: sockets must not be shared.

    OpenTelemetry's exporter is given nothing to export, and the request that it makes, with its address, headers,
    retries and deadline, gets our bytes on its way to the socket: so they are the same at every try.
    """

    def __init__(self, destination: Destination) -> None:
        self._freight = _Freight()
        self._otlp = OTLPMetricExporter(
            endpoint=destination.url,
            headers=dict(destination.headers) if destination.headers else None,
            compression=Compression(destination.compression) if destination.compression else None,
            timeout=destination.timeout,
            session=_session(self._freight),
            preferred_temporality=delta_temporality(),
        )

    def send(self, body: bytes) -> Outcome:
        """Send one request, with the exporter's own retries, and say what became of it."""
        if len(body) > REQUEST_BYTES_MAX:
            return Outcome.TOO_LARGE
        self._freight.body, self._freight.status = body, None
        try:
            if self._otlp.export(_NOTHING) is MetricExportResult.SUCCESS:
                return Outcome.DELIVERED
        finally:
            self._freight.body = b""
        if self._freight.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Outcome.TOO_LARGE
        return Outcome.REFUSED if self._freight.status in _REFUSED else Outcome.LATER

    def shutdown(self, timeout_millis: float) -> None:
        """Give up a retry under way and close the connections."""
        self._otlp.shutdown(timeout_millis)


@dataclass(slots=True)
class _Freight:
    """What the next request carries, and the status of the last answer, which the exporter keeps to itself."""

    body: bytes = b""
    status: int | None = None


class _Loading(BaseAdapter):
    """Puts our bytes into a request that is ready to go."""

    def __init__(self, carrier: BaseAdapter, freight: _Freight) -> None:
        super().__init__()
        self._carrier = carrier
        self._freight = freight

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        if request.method == "POST":
            request.body = _COMPRESS[str(request.headers.get("Content-Encoding", ""))](self._freight.body)
            request.headers["Content-Length"] = str(len(request.body))
        self._freight.status = None
        response = self._carrier.send(request, *args, **options)
        self._freight.status = response.status_code
        return response

    def close(self) -> None:
        self._carrier.close()


def _session(freight: _Freight) -> requests.Session:
    """The session that the environment asks for, else a new one, whose requests are loaded."""
    name = next(filter(None, map(os.environ.get, _CREDENTIALS)), None)
    session = requests.Session()
    if name is not None:
        (provider,) = entry_points(group="opentelemetry_otlp_credential_provider", name=name)
        session = provider.load()()
    for prefix, carrier in list(session.adapters.items()):
        session.mount(prefix, _Loading(carrier, freight))
    return session
