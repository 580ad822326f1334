"""The OpenTelemetry SDK as an application sets it up: a provider whose reader is the plugin `tallystick`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from tallystick import Metering

_EXPORT_MILLISECONDS: Final = 1_000


@asynccontextmanager
async def metering_to(receiver_url: str) -> AsyncIterator[Metering]:
    """A Metering whose usage goes to the receiver every second; on leaving, all of it has been sent."""
    # By the name that OTEL_METRICS_EXPORTER takes: receiver and exporter never import each other.
    (plugin,) = entry_points(group="opentelemetry_metrics_exporter", name="tallystick")
    usage_reader: Any = plugin.load()
    resource = Resource.create({"service.name": "log-platform", "service.instance.id": str(uuid.uuid4())})
    provider = MeterProvider(
        metric_readers=[
            usage_reader(endpoint=f"{receiver_url}/v1/metrics", export_interval_millis=_EXPORT_MILLISECONDS)
        ],
        resource=resource,
        shutdown_on_exit=False,
    )
    metrics.set_meter_provider(provider)
    try:
        yield Metering()
    finally:
        await asyncio.to_thread(provider.shutdown)
