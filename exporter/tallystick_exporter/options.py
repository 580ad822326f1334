"""Options: an argument, else a variable of the environment, else a default."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import sha256
from inspect import signature
from logging import getLogger
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

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

SPOOL_DIR_VARIABLE: Final = "TALLYSTICK_SPOOL_DIR"
SPOOL_BYTES_MAX_VARIABLE: Final = "TALLYSTICK_SPOOL_BYTES_MAX"
SPOOL_BYTES_MAX_DEFAULT: Final = 1024 * 1024 * 1024
SPOOL_SECONDS_MAX_VARIABLE: Final = "TALLYSTICK_SPOOL_SECONDS_MAX"
SPOOL_SECONDS_MAX_DEFAULT: Final = 7 * 86_400 - 3_600
"""Receivers take points that are seven days late; an hour is left for clocks that differ and for the way."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolOptions:
    """Where what could not be delivered is kept, and how much of it; what is None comes from the environment."""

    folder: str | os.PathLike[str] | None = None
    bytes_max: int | None = None
    seconds_max: float | None = None

    @property
    def chosen_bytes_max(self) -> int:
        """Bytes on disk, for all processes that share the folder."""
        return int(_number(self.bytes_max, SPOOL_BYTES_MAX_VARIABLE, SPOOL_BYTES_MAX_DEFAULT))

    @property
    def chosen_seconds_max(self) -> float:
        """How long anything is kept."""
        return _number(self.seconds_max, SPOOL_SECONDS_MAX_VARIABLE, SPOOL_SECONDS_MAX_DEFAULT)

    def folder_for(self, url: str) -> Path | None:
        """The folder for one destination, so that nothing goes astray; None: memory only."""
        given = os.environ.get(SPOOL_DIR_VARIABLE) if self.folder is None else os.fspath(self.folder)
        if given is not None and given.strip().lower() in ("", "off"):
            return None
        try:
            base = Path(given).expanduser() if given is not None else _state_folder() / "tallystick" / "spool"
        except RuntimeError:
            _log.warning(
                "There is no home folder: what cannot be delivered stays in memory. Set %s.", SPOOL_DIR_VARIABLE
            )
            return None
        place = urlsplit(url)._replace(fragment="")
        place = place._replace(netloc=place.netloc.rpartition("@")[2])
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", place.netloc).strip("-")[:60]
        return base.absolute() / f"{readable}-{sha256(place.geturl().encode()).hexdigest()[:8]}"


def _state_folder() -> Path:
    """As the XDG Base Directory Specification has it.

    Raises:
        RuntimeError: this user has no home.
    """
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"


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
