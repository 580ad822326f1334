"""Whose a refused point would have been: its own attributes say so, else its resource's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tallystick.semconv import ID_LENGTH_MAX

_KINDS: Final = frozenset({"sum", "gauge", "histogram", "exponentialHistogram", "summary"})


def named_org(body: bytes, encoding: str, keys: Sequence[str]) -> str | None:
    """The organisation that a request of one point names; None where none is to be found, whatever is wrong with it.

    Args:
        body: the request.
        encoding: "protobuf" or "json".
        keys: attributes that name organisations, the first one first.
    """
    try:
        own, inherited = _of_json(body) if encoding == "json" else _of_protobuf(body)
    except (DecodeError, UnicodeDecodeError, ValueError, LookupError, TypeError, AttributeError):
        return None
    found = next((named[key] for named in (own, inherited) for key in keys if key in named), None)
    return found if found is not None and 0 < len(found) <= ID_LENGTH_MAX else None


def _of_protobuf(body: bytes) -> tuple[dict[str, str], dict[str, str]]:
    whole = ExportMetricsServiceRequest.FromString(body).resource_metrics[0]
    metric = whole.scope_metrics[0].metrics[0]
    point = getattr(metric, metric.WhichOneof("data") or "").data_points[0]
    own, inherited = (
        {pair.key: pair.value.string_value for pair in attributes if pair.value.HasField("string_value")}
        for attributes in (point.attributes, whole.resource.attributes)
    )
    return own, inherited


def _of_json(body: bytes) -> tuple[dict[str, str], dict[str, str]]:
    whole = orjson.loads(body)["resourceMetrics"][0]
    metric = whole["scopeMetrics"][0]["metrics"][0]
    (kind,) = metric.keys() & _KINDS
    point = metric[kind]["dataPoints"][0]
    return _texts(point), _texts(whole.get("resource") or {})


def _texts(holder: dict[str, Any]) -> dict[str, str]:
    pairs = ((pair["key"], pair["value"].get("stringValue")) for pair in holder.get("attributes") or ())
    return {key: text for key, text in pairs if isinstance(text, str)}
