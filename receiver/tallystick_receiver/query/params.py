"""The parameters of a question about usage, parsed once: from here on they are types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from multidict import MultiMapping

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.subject import Scoped, limited_to
from tallystick_receiver.question import TIME_UNITS, Question

_SUBJECT: Final = ("subjectType", "subjectId")
_GROUPS_MAX: Final = 12
_YEARS_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How a call names what others name otherwise; None where it cannot be asked.

    Attributes:
        also: parameters that are read by the call itself.
        groups: what is grouped by when nobody says.
    """

    start: str | None = "from"
    end: str | None = "to"
    group_by: str | None = "groupBy"
    type: str | None = "type"
    groups: str = "type"
    also: Collection[str] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Every parameter, dimensions' filters aside."""
        own = (self.start, self.end, self.group_by, self.type)
        return ("orgId", "projectId", "tz", *_SUBJECT, *(name for name in own if name is not None), *self.also)


USUAL: Final = Words()


def question_of(query: MultiMapping[str], now: datetime, bound_org: str | None, words: Words = USUAL) -> Question:
    """The question that a query string asks.

    Args:
        query: the decoded query string.
        now: decides which month is the current one.
        bound_org: the only organisation that the key may read.
        words: what the call's parameters are called.

    Raises:
        InvalidQuestion: a parameter is unknown, repeated or malformed.
        PermissionError: the key is bound to another organisation.
    """
    _refuse_unknown(query, words)
    zone = zone_of(query)
    start = words.start and query.get(words.start)
    end = words.end and query.get(words.end)
    window = _window(start, end, zone, now, words)
    filters: dict[str, list[str]] = {}
    for key, value in query.items():
        if key.startswith("attr."):
            filters.setdefault(key.removeprefix("attr."), []).append(value)
    asked = Scoped(org=_text(query.get("orgId"), "orgId"), project=_text(query.get("projectId"), "projectId"),
                   filters=filters)  # fmt: skip
    asked = limited_to(asked, *(_text(query.get(name), name) for name in _SUBJECT))
    if bound_org is not None and asked.org not in (None, bound_org):
        raise PermissionError(f"the key is bound to another organisation than {(asked.org or '')[:60]!r}")
    return Question(
        org=bound_org if asked.org is None else asked.org, project=asked.project,
        types=tuple(query.getall(words.type, [])) if words.type else (), start=window[0], end=window[1], zone=zone,
        group_by=_groups(query, words), filters=asked.filters,
    )  # fmt: skip


def _refuse_unknown(query: MultiMapping[str], words: Words) -> None:
    for key, value in query.items():
        if "\0" in key + value or not _is_unicode(key + value):
            raise InvalidQuestion(f"{key[:60]!r} holds NUL or is not Unicode")
        if key not in words.named and not key.startswith("attr."):
            raise InvalidQuestion(f"there is no parameter {key[:60]!r}; dimensions are filtered by attr.<key>=<value>")
    for key in words.named:
        if key != words.type and len(query.getall(key, [])) > 1:
            raise InvalidQuestion(f"{key} is given more than once")


def _groups(query: MultiMapping[str], words: Words) -> tuple[str, ...]:
    if words.group_by is None:
        return tuple(words.groups.split(","))
    group_by = tuple(dict.fromkeys(part.strip() for part in (query.get(words.group_by) or words.groups).split(",")))
    if "" in group_by or len(group_by) > _GROUPS_MAX:
        raise InvalidQuestion(f"{words.group_by} must list 1 to {_GROUPS_MAX} of type, project, org,"
                              f" {', '.join(TIME_UNITS)} or dimension keys")  # fmt: skip
    return group_by


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: str | None, name: str) -> str | None:
    if value == "":
        raise InvalidQuestion(f"{name} is empty")
    return value


def zone_of(query: MultiMapping[str]) -> ZoneInfo:
    """The time zone of dates and buckets.

    Raises:
        InvalidQuestion: nobody knows it.
    """
    name = query.get("tz") or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidQuestion(f"tz must be an IANA time zone like Europe/Berlin, not {name[:60]!r}") from None


def _window(
    start: str | None, end: str | None, zone: ZoneInfo, now: datetime, words: Words
) -> tuple[datetime, datetime]:
    month = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = (month + timedelta(days=32)).replace(day=1)
    lower = month if not start else time_of(start, zone, words.start or "")
    upper = following if not end else time_of(end, zone, words.end or "")
    lower, upper = lower.astimezone(UTC), upper.astimezone(UTC)
    if lower >= upper:
        raise InvalidQuestion(f"{words.start} must be before {words.end}")
    if upper - lower > timedelta(days=366 * _YEARS_MAX):
        raise InvalidQuestion(f"{words.start} and {words.end} are more than {_YEARS_MAX} years apart")
    return lower, upper


def time_of(text: str, zone: ZoneInfo, name: str) -> datetime:
    """An RFC 3339 time, or a date, which means local midnight.

    Raises:
        InvalidQuestion: it is neither.
    """
    time: datetime | None
    try:
        if len(text) == len("2026-11-01"):
            day = date.fromisoformat(text)
            time = datetime(day.year, day.month, day.day, tzinfo=zone)
        else:
            # A "+" that was not percent-encoded arrives as a space.
            time = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidQuestion(f"{name} must be like 2026-11-01T00:00:00Z or 2026-11-01, not {text[:60]!r}")
    if not 1900 <= time.year <= 9000:  # noqa: PLR2004 - what timestamptz takes in every zone
        raise InvalidQuestion(f"{name} must lie in the years 1900 to 9000")
    return time
