"""Usage over time as bars in a terminal; a sum without a row is 0 where it is known to be complete, else unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tallystick_receiver.query.json_answer import bucket_text
from tallystick_receiver.question import TIME_UNITS
from tallystick_receiver.readable import printable, readable

_HOURS_UNTIL: Final = timedelta(days=3)
_DAYS_UNTIL: Final = timedelta(days=93)
_HALF_DAY: Final = timedelta(hours=12)
_NEWS: Final = timedelta(minutes=1)
_CHARTS_MAX: Final = 12
_FIGURES: Final = frozenset({"quantity", "count", "level"})
_OWN: Final = frozenset({"type", "unit"})
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A part of the window: its name as the API writes it, and whether all of it is known to be here."""

    name: str
    is_complete: bool


def time_unit(groups: Sequence[str]) -> str | None:
    """The unit of time among the groups, if there is one."""
    return next((group for group in groups if group in TIME_UNITS), None)


def unit_for(answer: _Row) -> str:
    """The unit that makes a chart of an answer's window readable."""
    span = datetime.fromisoformat(answer["to"]) - datetime.fromisoformat(answer["from"])
    return "hour" if span <= _HOURS_UNTIL else "day" if span <= _DAYS_UNTIL else "month"


def buckets_of(answer: _Row, unit: str, now: datetime) -> list[Bucket]:
    """Every bucket of the window that has begun, in order."""
    zone = ZoneInfo(answer["timeZone"])
    start, end = (datetime.fromisoformat(answer[name]).astimezone(UTC) for name in ("from", "to"))
    last = min(end, now) - timedelta(microseconds=1)
    step = timedelta(hours=1) if unit == "hour" else _HALF_DAY  # no day is shorter
    names: dict[str, None] = {}
    while start < last:
        names[bucket_text(start.astimezone(zone), unit)] = None
        start += step
    if last >= start - step:
        names[bucket_text(last.astimezone(zone), unit)] = None
    found = answer["completeness"]
    until = None if found["state"] == "unknown" or found["until"] is None else datetime.fromisoformat(found["until"])
    if until is None:
        return [Bucket(name=name, is_complete=False) for name in names]
    reached = bucket_text(min(until, last).astimezone(zone), unit)
    before = list(names).index(reached) if reached in names else 0
    is_all = until >= min(end, now - _NEWS)
    return [Bucket(name=name, is_complete=is_all or place < before) for place, name in enumerate(names)]


def charts(answer: _Row, now: datetime) -> RenderableType:
    """A chart for each set of groups, at most a dozen."""
    unit = time_unit(answer["groupBy"])
    assert unit is not None  # noqa: S101 - whoever asks for charts groups by time
    series: dict[tuple[tuple[str, Any], ...], dict[str, str | None]] = {}
    levels = {row["type"] for row in answer["rows"] if "level" in row}
    for row in answer["rows"]:
        key = tuple((name, value) for name, value in row.items() if name != unit and name not in _FIGURES)
        series.setdefault(key, {})[row[unit]] = row["quantity"]
    buckets = buckets_of(answer, unit, now)
    shown = [_chart(dict(key), found, buckets, levels) for key, found in list(series.items())[:_CHARTS_MAX]]
    if len(series) > _CHARTS_MAX:
        shown.append(Text(f"{len(series) - _CHARTS_MAX} more; choose with --type, --org, --project or --attr"))
    return Group(*shown) if shown else Text("none")


def _chart(
    named: Mapping[str, Any], found: Mapping[str, str | None], buckets: Sequence[Bucket], levels: set[str]
) -> RenderableType:
    is_level = named["type"] in levels
    most = max((Decimal(text) for text in found.values() if text is not None), default=Decimal(0))
    table = Table(box=None, show_header=False, pad_edge=False, expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for bucket in buckets:
        # Of a level without a sample nobody knows how much there was.
        text = found.get(bucket.name, "0" if bucket.is_complete and not is_level else None)
        if text is None:
            table.add_row(bucket.name, Text("?", style="yellow"), Text("unknown", style="yellow"))
            continue
        quantity = Decimal(text)
        # Only the length of a bar is a float; the figure beside it is exact but for what people do not read.
        bar = Bar(1.0, 0.0, float(max(quantity, Decimal(0)) / most) if most > 0 else 0.0, color="cyan")
        table.add_row(bucket.name, bar, readable(quantity, named["unit"]))
    others = " ".join("(none)" if value is None else str(value) for name, value in named.items() if name not in _OWN)
    heading = Text(printable(f"{named['type']} {others}".rstrip()), style="bold")
    heading.append(" last sample" if is_level else "", style="dim")
    return Group(heading, table, Text(""))
