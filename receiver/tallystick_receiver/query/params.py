"""The parameters of /api/usage, parsed once: from here on they are types."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from multidict import MultiMapping

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.question import TIME_UNITS, Question

_NAMED: Final = ("orgId", "projectId", "type", "from", "to", "groupBy", "tz")
_GROUPS_MAX: Final = 12
_YEARS_MAX: Final = 50


def question_of(query: MultiMapping[str], now: datetime, bound_org: str | None) -> Question:
    """The question that a query string asks.

    Args:
        query: the decoded query string.
        now: decides which month is the current one.
        bound_org: the only organisation that the key may read.

    Raises:
        InvalidQuestion: a parameter is unknown, repeated or malformed.
        PermissionError: the key is bound to another organisation.
    """
    for key, value in query.items():
        if "\0" in key + value or not _is_unicode(key + value):
            raise InvalidQuestion(f"{key[:60]!r} holds NUL or is not Unicode")
        if key not in _NAMED and not key.startswith("attr."):
            raise InvalidQuestion(f"there is no parameter {key[:60]!r}; dimensions are filtered by attr.<key>=<value>")
    for key in _NAMED:
        if key != "type" and len(query.getall(key, [])) > 1:
            raise InvalidQuestion(f"{key} is given more than once")
    zone = _zone(query.get("tz") or "UTC")
    start, end = _window(query.get("from"), query.get("to"), zone, now)
    org = query.get("orgId")
    if bound_org is not None and org not in (None, bound_org):
        raise PermissionError(f"the key is bound to another organisation than {org[:60]!r}" if org else "")
    group_by = tuple(dict.fromkeys(part.strip() for part in (query.get("groupBy") or "type").split(",")))
    if "" in group_by or len(group_by) > _GROUPS_MAX:
        raise InvalidQuestion(f"groupBy must list 1 to {_GROUPS_MAX} of type, project, org, {', '.join(TIME_UNITS)}"
                              " or dimension keys")  # fmt: skip
    filters: dict[str, list[str]] = {}
    for key, value in query.items():
        if key.startswith("attr."):
            filters.setdefault(key.removeprefix("attr."), []).append(value)
    return Question(
        org=_text(bound_org if org is None else org, "orgId"), project=_text(query.get("projectId"), "projectId"),
        types=tuple(query.getall("type", [])), start=start, end=end, zone=zone, group_by=group_by, filters=filters,
    )  # fmt: skip


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


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidQuestion(f"tz must be an IANA time zone like Europe/Berlin, not {name[:60]!r}") from None


def _window(start: str | None, end: str | None, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    month = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = (month + timedelta(days=32)).replace(day=1)
    lower = month if not start else _time(start, zone, "from")
    upper = following if not end else _time(end, zone, "to")
    lower, upper = lower.astimezone(UTC), upper.astimezone(UTC)
    if lower >= upper:
        raise InvalidQuestion("from must be before to")
    if upper - lower > timedelta(days=366 * _YEARS_MAX):
        raise InvalidQuestion(f"from and to are more than {_YEARS_MAX} years apart")
    return lower, upper


def _time(text: str, zone: ZoneInfo, name: str) -> datetime:
    """An RFC 3339 time, or a date, which means local midnight."""
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
    if time is None or time.tzinfo is None or not 1900 <= time.year <= 9000:  # noqa: PLR2004 - what timestamptz takes
        raise InvalidQuestion(f"{name} must be like 2026-11-01T00:00:00Z or 2026-11-01, not {text[:60]!r}")
    return time
