"""What was lost and is known to be lost: a file of JSON lines a writer, so that the gaps can be announced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from decimal import Context, Decimal
from enum import StrEnum
from math import isfinite
from typing import Any, Final
from uuid import uuid4

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from tallystick.quantity import text_of
from tallystick.semconv import SENDER_COLLECTION
from tallystick_exporter.parcel import Parcel, leaves_of, points_in

_EXACT: Final = Context(prec=1500)
"""Holds the sum of any doubles."""


class Reason(StrEnum):
    """Why usage was lost."""

    BYTES = "bytes"
    """The spool reached its bound in bytes."""
    AGE = "age"
    """It waited longer than receivers take late points."""
    MEMORY = "memory"
    """It could not be kept on disk, and memory reached its bound in points."""
    CORRUPT = "corrupt"
    """Its file is damaged; the file was moved aside."""
    REFUSED = "refused"
    """No receiver will ever take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Points of one metric of one writer that will never arrive."""

    id: str
    """No two losses share it: what is announced twice can be told."""
    reason: str
    service: str
    """The writer's service.name; empty when it is not known."""
    instance: str
    """The writer's service.instance.id; empty when it is not known."""
    metric: str
    """Empty when it is not known: the file of a corrupt piece told at most how many points it held."""
    unit: str
    start_ns: int
    end_ns: int
    points: int
    """Zero when it is not known."""
    sum: str | None
    """The exact total as decimal text; None for what is no delta sum, or not known."""


def losses_in(parcel: Parcel, reason: Reason) -> list[Loss]:
    """What is lost with a parcel, a loss a metric and writer; a tally is no usage."""
    try:
        request = ExportMetricsServiceRequest.FromString(parcel.body)
    except DecodeError:
        return [unknown_loss(reason, parcel.points, parcel.made_ns)]
    return folded(
        _loss(resource, metric, reason)
        for resource, metric in leaves_of(request)
        if points_in(metric) and metric.name != SENDER_COLLECTION
    )


def unknown_loss(reason: Reason, points: int, at_ns: int) -> Loss:
    """A loss of which nothing is known but when it was written and, perhaps, how many points it had."""
    return Loss(id=uuid4().hex, reason=reason.value, service="", instance="", metric="", unit="",
                start_ns=at_ns, end_ns=at_ns, points=points, sum=None)  # fmt: skip


def folded(losses: Iterable[Loss]) -> list[Loss]:
    """One loss for all of the same writer, metric, unit and reason: over the whole time, with the exact total."""
    found: dict[tuple[str, ...], Loss] = {}
    for loss in losses:
        key = (loss.reason, loss.service, loss.instance, loss.metric, loss.unit, "" if loss.sum is None else "sum")
        found[key] = _both(found[key], loss) if key in found else loss
    return list(found.values())


def line_of(loss: Loss) -> str:
    """A loss as a line of JSON, with its newline."""
    return json.dumps(asdict(loss), separators=(",", ":")) + "\n"


def losses_of(lines: Iterable[str]) -> Iterator[Loss]:
    """The losses in lines; one that a crash tore is left out."""
    for line in lines:
        try:
            yield Loss(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _both(one: Loss, other: Loss) -> Loss:
    total = None
    if one.sum is not None and other.sum is not None:
        total = text_of(_EXACT.add(Decimal(one.sum), Decimal(other.sum)))
    return replace(
        one,
        start_ns=min(one.start_ns, other.start_ns),
        end_ns=max(one.end_ns, other.end_ns),
        points=one.points + other.points,
        sum=total,
    )


def _loss(resource: Any, metric: Any, reason: Reason) -> Loss:  # noqa: ANN401 - protobuf's types
    named = {pair.key: pair.value.string_value for pair in resource.attributes}
    points = points_in(metric)
    end_ns = max(point.time_unix_nano for point in points)
    return Loss(
        id=uuid4().hex,
        reason=reason.value,
        service=named.get("service.name", ""),
        instance=named.get("service.instance.id", ""),
        metric=metric.name,
        unit=metric.unit,
        start_ns=min(point.start_time_unix_nano for point in points) or end_ns,
        end_ns=end_ns,
        points=len(points),
        sum=_total(metric),
    )


def _total(metric: Any) -> str | None:  # noqa: ANN401 - likewise
    if metric.WhichOneof("data") != "sum":
        return None
    if metric.sum.aggregation_temporality != AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA:
        return None
    whole, rest = 0, Decimal(0)
    for point in metric.sum.data_points:
        if point.HasField("as_int"):
            whole += point.as_int
        elif not isfinite(point.as_double):
            return None
        else:
            rest = _EXACT.add(rest, Decimal(repr(point.as_double)))
    return text_of(_EXACT.add(Decimal(whole), rest))
