"""application/problem+json (RFC 9457): how everything but the OTLP path says no."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web


def answer(content: Any, status: int = 200) -> web.Response:  # noqa: ANN401 - any JSON value
    """A JSON answer."""
    try:
        body = orjson.dumps(content)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or half of a surrogate pair
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return web.Response(status=status, body=body, content_type="application/json")


def problem(status: int, detail: str, **members: Any) -> web.Response:  # noqa: ANN401 - any JSON values
    """An error with its sentence and members of its own; 503 says when to come back, 401 how to sign in."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | members
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    response = web.Response(status=status, body=body, content_type="application/problem+json")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "2"
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
