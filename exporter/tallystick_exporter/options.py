"""The reader's options: an argument, else a variable of the environment, else a default."""

from __future__ import annotations

import os
from inspect import signature
from logging import getLogger
from typing import Any, Final

from opentelemetry.sdk.environment_variables import OTEL_METRIC_EXPORT_INTERVAL
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
    _Gauge,
)
from opentelemetry.sdk.metrics.export import MetricReader

_log = getLogger(__name__)

INTERVAL_MILLIS_DEFAULT: Final = 10_000
CARDINALITY_LIMIT_DEFAULT: Final = 1_000_000
CARDINALITY_LIMIT_VARIABLE: Final = "TALLYSTICK_CARDINALITY_LIMIT"

_INSTRUMENTS: Final = (
    Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge, _Gauge,
)  # fmt: skip


def interval_ns_of(millis: float | None) -> int:
    """The interval of collections, in nanoseconds.

    Raises:
        ValueError: the argument is not above zero.
    """
    if millis is not None and not millis > 0:
        raise ValueError(f"export_interval_millis must be above 0, not {millis}")
    chosen = _number(millis, OTEL_METRIC_EXPORT_INTERVAL, INTERVAL_MILLIS_DEFAULT)
    return max(int(chosen * 1_000_000), 1)


def cardinality_options(limit: int | None) -> dict[str, Any]:
    """The keyword of MetricReader that sets the limit; none on an SDK that knows no limit (before 1.45.2)."""
    if "cardinality_limits" not in signature(MetricReader.__init__).parameters:
        return {}
    chosen = int(_number(limit, CARDINALITY_LIMIT_VARIABLE, CARDINALITY_LIMIT_DEFAULT))
    return {"cardinality_limits": dict.fromkeys(_INSTRUMENTS, chosen)}


def _number(given: float | None, variable: str, default: float) -> float:
    """An application must start although a variable of its environment is no number above zero."""
    if given is not None:
        return given
    text = os.environ.get(variable, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < float("inf"):
        return number
    _log.warning("%s is %r, which is not a number above 0: using %s", variable, text, default)
    return default
