"""Bytes -> Batch: one request decoded and admitted, in either encoding."""

from __future__ import annotations

import json
from typing import Any

from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.otlp.gather import admit_points
from tallystick_receiver.otlp.json_body import parse_body, scan_json
from tallystick_receiver.otlp.protobuf import scan_request
from tallystick_receiver.otlp.scan import Scan
from tallystick_receiver.otlp.wire import Buffer
from tallystick_receiver.points import Batch
from tallystick_receiver.streams import Streams

PROTOBUF = "protobuf"
JSON = "json"


def decode(
    buffer: Buffer,
    encoding: str,
    *,
    streams: Streams,
    credential_org: str | None,
    limits: TimeLimits,
    points_max: int,
) -> Batch:
    """Every point of a request, accepted or refused by itself.

    Args:
        buffer: the body, decompressed.
        encoding: PROTOBUF or JSON.
        streams: what this receiver remembers; not safe for two threads at once.
        credential_org: the organisation the key is bound to, if it is.
        limits: how old and how early points may be.
        points_max: more points in one request are Malformed.

    Raises:
        Malformed: the body is not an ExportMetricsServiceRequest (OTLP: 400, not retryable).
    """
    streams.make_room()
    if encoding == PROTOBUF:
        scan = Scan(
            streams=streams, credential_org=credential_org, encoding=encoding,
            point_bytes=lambda at, to: buffer[at:to], points_max=points_max,
        )  # fmt: skip
        scan_request(buffer, scan)
        admit_points(buffer, scan, limits)
        return scan.batch(limits)
    found: list[Any] = []
    scan = Scan(
        streams=streams, credential_org=credential_org, encoding=encoding,
        point_bytes=lambda at, _: json.dumps(found[at]).encode(), points_max=points_max,
    )  # fmt: skip
    scan_json(parse_body(bytes(buffer[:])), scan, found)
    scan.admit(scan.take_read(), limits)
    return scan.batch(limits)
