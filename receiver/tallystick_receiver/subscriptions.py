"""Who wants to be told of usage itself: nobody, unless it was asked for, since that may be a lot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tallystick_receiver.events import EventType
from tallystick_receiver.identity import id_of, identity_text
from tallystick_receiver.question import matches


class Told(StrEnum):
    """Events that are sent only where somebody asked for them."""

    RECORDED = EventType.USAGE_RECORDED
    AGGREGATED = EventType.USAGE_AGGREGATED


class Span(StrEnum):
    """Periods of UTC that are summed up when they are over."""

    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Asks for one type of events.

    Attributes:
        org: whose usage; None for everybody's.
        metric: a key, or a prefix that ends in *; None for all metrics.
        span: of summaries; None for what is recorded.
    """

    type: Told
    org: str | None
    metric: str | None
    span: Span | None
    created_at: datetime

    @property
    def id(self) -> str:
        """The same for the same wish, always: asked for twice is asked for once."""
        text = identity_text("subscription", self.type.value, self.org, self.metric, self.span and self.span.value)
        return f"sub_{id_of(text) % 2**64:016x}"

    def concerns(self, org: str, metric: str) -> bool:
        """Whether it asks for this usage."""
        return self.org in (None, org) and (self.metric is None or matches(metric, (self.metric,)))


def is_wanted(subscriptions: Iterable[Subscription], org: str, metric: str) -> bool:
    """Whether any of them asks for this usage."""
    return any(subscription.concerns(org, metric) for subscription in subscriptions)
