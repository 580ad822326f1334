"""A request in its encoded form: the same bytes, times and identity at every try; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from secrets import token_hex
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import MetricsData

from tallystick_exporter.encoding import encoded
from tallystick_exporter.pieces import pieces, points_of

_numbers: Final = count()


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """A serialized ExportMetricsServiceRequest; parcels sort by their names: by time, then as they were made."""

    name: str
    body: bytes
    points: int
    made_ns: int
    """When its collection was taken, on the wall clock."""


def parcel_of(body: bytes, points: int, made_ns: int) -> Parcel:
    """A parcel with a name that no other one has, of this process or of its forks."""
    return Parcel(f"{made_ns:020d}-{next(_numbers):08d}-{token_hex(4)}", body, points, made_ns)


def parcels_of(piece: MetricsData, made_ns: int, refuse: Callable[[int], None]) -> Iterator[Parcel]:
    """Encode a piece; what OTLP cannot carry is found by halving and left out, so that it spoils nothing else.

    Args:
        piece: what is sent in one request, unless it holds such a point.
        made_ns: when it was collected, on the wall clock.
        refuse: told how many points were left out.
    """
    points = points_of(piece)
    try:
        body = encoded(piece)
    except Exception:  # noqa: BLE001 - the encoder raises what protobuf raises, TypeError, ValueError and more
        if points <= 1:
            refuse(points)
            return
        for half in pieces(piece, (points + 1) // 2):
            yield from parcels_of(half, made_ns, refuse)
    else:
        yield parcel_of(body, points, made_ns)


def halves(parcel: Parcel) -> tuple[Parcel, Parcel]:
    """The same points with the same times and identity in two requests; for a parcel of two points or more."""
    middle = parcel.points // 2
    first, second = _part(parcel.body, 0, middle), _part(parcel.body, middle, parcel.points)
    return (
        parcel_of(first, middle, parcel.made_ns),
        parcel_of(second, parcel.points - middle, parcel.made_ns),
    )


def leaves_of(request: ExportMetricsServiceRequest) -> Iterator[tuple[Any, Any]]:
    """Each metric of a request with its resource."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.WhichOneof("data"):
                    yield resource.resource, metric


def points_in(metric: Any) -> Any:  # noqa: ANN401 - protobuf's containers have no common type
    """The points of a metric of any kind."""
    return getattr(metric, metric.WhichOneof("data")).data_points


def _part(body: bytes, start: int, stop: int) -> bytes:
    """The request with the points from `start` up to `stop` only."""
    request = ExportMetricsServiceRequest.FromString(body)
    before = 0
    for _, metric in leaves_of(request):
        points = points_in(metric)
        size = len(points)
        del points[max(stop - before, 0) :]
        del points[: max(start - before, 0)]
        before += size
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            _keep(scope.metrics, lambda metric: metric.WhichOneof("data") and points_in(metric))
        _keep(resource.scope_metrics, lambda scope: scope.metrics)
    _keep(request.resource_metrics, lambda resource: resource.scope_metrics)
    return request.SerializeToString()


def _keep(found: Any, wanted: Callable[[Any], Any]) -> None:  # noqa: ANN401 - likewise
    for index in reversed(range(len(found))):
        if not wanted(found[index]):
            del found[index]
