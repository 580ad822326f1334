"""What an event says to people: a title, and lines below it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

_TITLE_MAX: Final = 200
_VALUE_MAX: Final = 300
_SHORT_TYPES: Final = {
    "threshold.approaching": "has reached", "threshold.exceeded": "has reached", "threshold.retracted": "is below",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Telling:
    """A title of one line, and lines."""

    title: str
    lines: tuple[str, ...]


def telling_of(body: str) -> Telling:
    """The JSON of an event in words; the same event always says the same."""
    event: dict[str, Any] = json.loads(body)
    content: dict[str, Any] = event["data"]
    if event["type"] in _SHORT_TYPES and "level" in content:
        return _crossing(event, content)
    lines = [f"{name}: {_value(value)}" for name, value in content.items()]
    whose = event["orgId"] or "all organisations"
    return Telling(one_line(f"{event['type']} ({whose})")[:_TITLE_MAX], (*map(one_line, lines), *_end(event)))


def _crossing(event: dict[str, Any], content: dict[str, Any]) -> Telling:
    whose = f"{content['subjectType']} {content['subjectId']}"
    if content["subjectType"] != "org":
        whose += f" of org {event['orgId']}"
    verb = _SHORT_TYPES[event["type"]]
    unit = f" {content['unit']}" if content["unit"] else ""
    end = f" to {content['periodEnd']}" if content["periodEnd"] else ""
    lines = (
        f"used: {content['used']} of {content['threshold']}{unit} ({content['percent']} %)",
        f"period: {content['periodStart']}{end} ({content['resetPeriod']}, {content['timeZone']})"
        + (", closed" if content["isClosed"] else ""),
        f"threshold: {content['thresholdId']}, action {content['action']}",
    )
    title = f"{content['metricKey']} of {whose} {verb} {content['level']} %"
    return Telling(one_line(title)[:_TITLE_MAX], (*map(one_line, lines), *_end(event)))


def _end(event: dict[str, Any]) -> tuple[str, ...]:
    return (one_line(f"event: {event['type']} {event['id']} at {event['timestamp']}"),)


def _value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_MAX else text[:_VALUE_MAX] + "..."


def one_line(text: str) -> str:
    """Names come from tenants: a line break in one must not begin a line, nor a header, of its own."""
    return "".join(c if c.isprintable() else " " for c in text)
