"""A line in somebody's usage, and which of its levels usage reaches: pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from tallystick.quantity import text_of
from tallystick_receiver.definitions import MetricDefinition
from tallystick_receiver.events import EventType, Recipients
from tallystick_receiver.periods import Period, Reset, period_of

ORG: Final = "org"
PROJECT: Final = "project"
USER: Final = "user"
USER_DIMENSION: Final = "user.id"
LEVELS: Final = (80, 100)
LEVEL_MAX: Final = 1000
_FULL: Final = 100
_WIDE: Final = Context(prec=2000)
_SHORT: Final = Context(prec=6)


class Action(StrEnum):
    """What should follow; `block` is advice that `/api/v1/usage/allowance` gives, nothing is blocked here."""

    ALERT = "alert"
    BLOCK = "block"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """How much of a metric a subject is meant to use in a period.

    Attributes:
        subject_type: org, project, user (the dimension user.id) or the key of any dimension.
        amount: 100 percent.
        reset: None for what the metric's definition says.
        levels: percents, ascending.
    """

    id: str
    org: str
    metric: str
    subject_type: str
    subject: str
    amount: Decimal
    reset: Reset | None
    zone: str
    levels: tuple[int, ...]
    action: Action
    emails: tuple[str, ...]
    slack: bool
    created_at: datetime
    updated_at: datetime

    def period(self, time: datetime, definition: MetricDefinition) -> Period:
        """The period of a time."""
        return period_of(time, self.reset or definition.reset, ZoneInfo(self.zone))

    def watches(self, other: Threshold) -> bool:
        """Whether both look at the same usage of the same periods."""
        return (self.metric, self.subject_type, self.subject, self.reset, self.zone) == (
            other.metric, other.subject_type, other.subject, other.reset, other.zone,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A level for every threshold, of an organisation or of a metric where it names one, and whom to tell."""

    id: str
    org: str | None
    metric: str | None
    percent: int
    emails: tuple[str, ...]
    slack: bool
    created_at: datetime

    def concerns(self, threshold: Threshold) -> bool:
        """Whether it adds its level to this one."""
        return self.org in (None, threshold.org) and self.metric in (None, threshold.metric)


@dataclass(frozen=True, slots=True)
class Reached:
    """What is known of a level in a period: whether usage is at it or above, and how often that was announced."""

    is_over: bool
    times: int


_NEVER: Final = Reached(is_over=False, times=0)


@dataclass(frozen=True, slots=True)
class Change:
    """Usage reached a level, or fell back below it."""

    level: int
    reached: Reached

    @property
    def type(self) -> EventType:
        """Approaching below 100 percent, exceeded from there on; retracted when it is below again."""
        if not self.reached.is_over:
            return EventType.THRESHOLD_RETRACTED
        return EventType.THRESHOLD_EXCEEDED if self.level >= _FULL else EventType.THRESHOLD_APPROACHING


def dimension_of(subject_type: str) -> str | None:
    """The dimension that names such subjects; None for organisations and projects."""
    return {ORG: None, PROJECT: None, USER: USER_DIMENSION}.get(subject_type, subject_type)


def new_id(prefix: str) -> str:
    """An id that nobody guesses."""
    return f"{prefix}_{secrets.token_hex(8)}"


def is_reached(used: Decimal, amount: Decimal, level: int) -> bool:
    """Whether that much is at a level or above, exactly."""
    return _WIDE.multiply(used, Decimal(_FULL)) >= _WIDE.multiply(amount, Decimal(level))


def changes(
    used: Decimal | None, amount: Decimal, levels: Iterable[int], before: Mapping[int, Reached]
) -> list[Change]:
    """What is new since the last look at this period, lowest level first.

    Args:
        used: what is used by now; None is unknown and changes nothing.
        amount: 100 percent.
        levels: in percent.
        before: levels that were reached at some time in this period.
    """
    if used is None:
        return []
    found = []
    for level in sorted(set(levels)):
        old = before.get(level, _NEVER)
        is_over = is_reached(used, amount, level)
        if is_over != old.is_over:
            found.append(Change(level, Reached(is_over=is_over, times=old.times + is_over)))
    return found


def recipients_of(threshold: Threshold, alerts: Iterable[Alert], level: int) -> Recipients:
    """Whom a crossing tells: those of the threshold, and those of its alerts that are about this level.

    Args:
        threshold: with the action `none` it tells nobody.
        alerts: those that concern it.
        level: which was crossed.
    """
    if threshold.action is Action.NONE:
        return Recipients()
    meant = [alert for alert in alerts if alert.percent == level]
    emails = {email: alert.org for alert in meant for email in alert.emails}
    return Recipients(
        emails=emails | dict.fromkeys(threshold.emails, threshold.org),
        slack=threshold.slack or any(alert.slack for alert in meant),
    )


def crossing_content(
    threshold: Threshold, definition: MetricDefinition, period: Period, used: Decimal, unit: str, change: Change,
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    """What an event says of a crossing; the unit is that of the usage."""
    percent = _SHORT.divide(_WIDE.multiply(used, Decimal(_FULL)), threshold.amount)
    return {
        "thresholdId": threshold.id, "metricKey": threshold.metric, "unit": unit,
        "subjectType": threshold.subject_type, "subjectId": threshold.subject, "level": change.level,
        "threshold": text_of(threshold.amount), "used": text_of(used), "percent": text_of(percent),
        "action": threshold.action.value, "resetPeriod": (threshold.reset or definition.reset).value,
        "timeZone": threshold.zone, "periodStart": _time(period.start),
        "periodEnd": None if period.resets_at is None else _time(period.end),
        "isClosed": period.end <= now, "occurrence": change.reached.times,
    }  # fmt: skip


def _time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
