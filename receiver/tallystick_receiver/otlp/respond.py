"""Answers in OTLP's own form: the export response, and google.rpc.Status for everything else."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from aiohttp import web
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

PROTOBUF_TYPE: Final = "application/x-protobuf"
JSON_TYPE: Final = "application/json"
RETRY_AFTER_SECONDS: Final = 2
"""The widest window of the Python SDK: five tries in 8 s; a longer wait makes it drop the batch at once."""

_CODES: Final = {
    400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 415: 3, 431: 3, 503: 14,
}  # fmt: skip
_INTERNAL: Final = 13


def success(content_type: str, refused: int, message: str) -> web.Response:
    """200: an empty response, or a partial success when points were refused."""
    if content_type == JSON_TYPE:
        partial = {"partialSuccess": {"rejectedDataPoints": str(refused), "errorMessage": message}}
        return _response(200, JSON_TYPE, json.dumps(partial if refused else {}).encode())
    response = ExportMetricsServiceResponse()
    if refused:
        response.partial_success.rejected_data_points = refused
        response.partial_success.error_message = message
    return _response(200, PROTOBUF_TYPE, response.SerializeToString())


def failure(content_type: str, status: int, message: str) -> web.Response:
    """An error as google.rpc.Status in the request's own content type; 503 says when to come back."""
    code = _CODES.get(status, _INTERNAL)
    if content_type == JSON_TYPE:
        body = json.dumps({"code": code, "message": message}).encode()
    else:
        body = Status(code=code, message=message).SerializeToString()
    response = _response(status, content_type, body)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _response(status: int, content_type: str, body: bytes) -> web.Response:
    # The header is set by hand: the Collector compares it with ==, so no charset may follow.
    return web.Response(status=status, body=body, headers={"Content-Type": content_type})
