"""What happened, as the API shows it and as it is sent: one JSON text, made once, so that its signature stays."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson


class EventType(StrEnum):
    """What may happen."""

    METRIC_DEFINED = "metric.defined"
    USAGE_RECORDED = "usage.recorded"
    USAGE_AGGREGATED = "usage.aggregated"
    THRESHOLD_APPROACHING = "threshold.approaching"
    THRESHOLD_EXCEEDED = "threshold.exceeded"
    THRESHOLD_RETRACTED = "threshold.retracted"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told of an event beside the endpoints that subscribed to its type.

    Attributes:
        emails: addresses, and whose each is; None is the operator's.
        slack: whether Slack endpoints are told, whatever their types.
    """

    emails: Mapping[str, str | None] = field(default_factory=dict)
    slack: bool = False


_NOBODY: Final = Recipients()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact; with `org` None it concerns every organisation."""

    id: str
    type: EventType
    org: str | None
    at: datetime
    body: str
    recipients: Recipients = _NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event and its place in the order of commits."""

    number: int
    id: str
    type: str
    org: str | None
    at: datetime
    body: str


def new_event(
    kind: EventType, *, org: str | None, at: datetime, content: dict[str, Any], recipients: Recipients = _NOBODY
) -> Event:
    """An event with an id that stays, through every repetition of its delivery."""
    number = f"evt_{secrets.token_hex(12)}"
    time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    whole = {"id": number, "type": kind.value, "timestamp": time, "orgId": org, "data": content}
    return Event(id=number, type=kind, org=org, at=at, recipients=recipients, body=orjson.dumps(whole).decode())
