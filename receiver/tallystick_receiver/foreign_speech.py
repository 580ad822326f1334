"""What is no HTTP/1.1, like gRPC, is one line of the log that says what to change at the sender, and no trace."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp.http_exceptions import BadHttpMessage

_HTTP2: Final = "PRI"
"""How a connection of HTTP/2 begins, and so each one of gRPC (RFC 9113, 3.4)."""
_GRPC: Final = (
    "%s speaks HTTP/2, as gRPC does, which is not received here: "
    "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf makes an SDK send OTLP over HTTP"
)
_SHOWN_MAX: Final = 200


class _OneLine(logging.Filter):
    """What the HTTP server says of a request that it cannot read, without the trace into its parser."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, BadHttpMessage):
            said = error.message.strip().partition("\n")[0][:_SHOWN_MAX]
            whose = record.args[0] if isinstance(record.args, tuple) and record.args else "somebody"
            is_http2 = _HTTP2 in said
            record.msg = _GRPC if is_http2 else "%s speaks no HTTP/1.1: %s"
            record.args = (whose,) if is_http2 else (whose, said)
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def http_log() -> logging.Logger:
    """The log of the HTTP server."""
    log = logging.getLogger(__name__)
    if not log.filters:
        log.addFilter(_OneLine())
    return log
