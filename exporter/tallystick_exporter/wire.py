"""One request over OTLP/HTTP, by OpenTelemetry's own exporter, and whether to try it again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from tallystick_exporter.temporality import delta_temporality

ENDPOINT_DEFAULT: Final = "http://127.0.0.1:4318/v1/metrics"
"""Not `localhost`, which may mean an IPv6 address where nobody listens."""

REQUEST_BYTES_MAX: Final = 64 * 1024 * 1024
"""OpenTelemetry's exporter, and receivers, drop a request that is larger (uncompressed)."""

_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""The specification: a client must not send the same request again after 400."""

_CREDENTIALS: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER",
)


class Outcome(Enum):
    """What became of a request."""

    DELIVERED = auto()
    LATER = auto()
    """The receiver is away, busy, or does not let us in: the same request may succeed later."""
    REFUSED = auto()
    """The receiver will never take it."""
    TOO_LARGE = auto()
    """Smaller requests may succeed."""
    UNENCODABLE = auto()
    """A point in it cannot be encoded: a value or a text that OTLP cannot carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where requests go; what is None comes from OpenTelemetry's environment variables."""

    endpoint: str | None = None
    headers: Mapping[str, str] | None = None
    compression: str | None = None
    timeout: float | None = None
    """Seconds for all tries of one request."""


class Wire:
    """Connections of one process. After a fork the child makes a new one: sockets must not be shared."""

    def __init__(self, destination: Destination) -> None:
        self._status: int | None = None
        has_endpoint = any(map(os.environ.get, (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT)))
        self._otlp = OTLPMetricExporter(
            endpoint=destination.endpoint or (None if has_endpoint else ENDPOINT_DEFAULT),
            headers=dict(destination.headers) if destination.headers else None,
            compression=Compression(destination.compression) if destination.compression else None,
            timeout=destination.timeout,
            session=self._session(),
            preferred_temporality=delta_temporality(),
        )

    def _session(self) -> requests.Session | None:
        """A session that tells the status of an answer, which the exporter keeps to itself."""
        if any(map(os.environ.get, _CREDENTIALS)):
            # The exporter then makes the session; what is refused counts as to be sent later.
            return None
        session = requests.Session()
        session.hooks["response"].append(self._answered)
        return session

    def _answered(self, response: requests.Response, *_: object, **__: object) -> None:
        self._status = response.status_code

    def send(self, piece: MetricsData) -> Outcome:
        """Send one request, with the exporter's own retries, and say what became of it."""
        self._status = None
        if self._is_delivered(piece):
            return Outcome.DELIVERED
        if self._status is None:
            return _outcome_without_answer(piece)
        if self._status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Outcome.TOO_LARGE
        return Outcome.REFUSED if self._status in _REFUSED else Outcome.LATER

    def _is_delivered(self, piece: MetricsData) -> bool:
        try:
            return self._otlp.export(piece) is MetricExportResult.SUCCESS
        except Exception:
            # Before 1.45 the exporter raises what its encoder does.
            if _outcome_without_answer(piece) is Outcome.UNENCODABLE:
                return False
            raise

    def shutdown(self, timeout_millis: float) -> None:
        """Give up a retry under way and close the connections."""
        self._otlp.shutdown(timeout_millis)


def _outcome_without_answer(piece: MetricsData) -> Outcome:
    try:
        request: Any = encode_metrics(piece)
        size: int = request.ByteSize()
    except Exception:  # noqa: BLE001 - the encoder raises what protobuf raises, TypeError, ValueError and more
        return Outcome.UNENCODABLE
    return Outcome.TOO_LARGE if size > REQUEST_BYTES_MAX else Outcome.LATER
