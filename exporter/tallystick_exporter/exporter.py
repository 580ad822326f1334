"""Usage over OTLP/HTTP: OpenTelemetry's own exporter, with deltas and requests of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from tallystick_exporter.temporality import delta_temporality

POINTS_A_REQUEST_MAX: Final = 5_000


class UsageExporter(MetricExporter):
    """Sends collections to a Tallystick receiver, or to a Collector before it.

    All arguments are optional; what is not given comes from OpenTelemetry's own variables
    (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, ..._HEADERS, ..._COMPRESSION, ..._TIMEOUT).

    Args:
        endpoint: the full URL, such as http://127.0.0.1:4318/v1/metrics.
        headers: sent with every request, such as Authorization.
        compression: none, gzip or deflate.
        timeout: seconds for all tries of one request.
        points_a_request_max: a collection with more points is sent in several requests.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        compression: str | None = None,
        timeout: float | None = None,
        points_a_request_max: int = POINTS_A_REQUEST_MAX,
    ) -> None:
        super().__init__(preferred_temporality=delta_temporality())
        self._otlp = OTLPMetricExporter(
            endpoint=endpoint,
            headers=dict(headers) if headers else None,
            compression=Compression(compression) if compression else None,
            timeout=timeout,
            preferred_temporality=delta_temporality(),
            max_export_batch_size=points_a_request_max,
        )

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        """Send one collection; a failure says nothing about how much of it arrived."""
        return self._otlp.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return self._otlp.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Close the connection."""
        self._otlp.shutdown(timeout_millis, **kwargs)
