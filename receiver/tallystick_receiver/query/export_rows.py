"""The columns of an export, and a row of usage as its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.query.json_answer import bucket_text
from tallystick_receiver.question import TIME_UNITS, Question
from tallystick_receiver.store.usage import UsageRow

ALL_DIMENSIONS: Final = "attributes"
"""The group that stands for the whole set of dimensions, as a JSON object."""
GROUPS: Final = f"org,project,type,hour,{ALL_DIMENSIONS}"
"""What an export is grouped by when nobody says: nothing is summed up but the points of an hour."""
FIGURES: Final = ("quantity", "count", "min", "max", "average", "integral", "coveredSeconds")
"""Of each row; what comes after `count` is of levels only."""
COUNT: Final = "count"
_ALWAYS: Final = ("type", "unit", "kind")

Value = str | int | None
Values = list[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What is exported.

    Attributes:
        names: of the columns, in order.
        question: with the groups as they are stored.
        completeness: what is known of it, as in every answer.
    """

    names: tuple[str, ...]
    question: Question
    completeness: dict[str, Any]


def columns_of(groups: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the columns: groups, type, unit and kind (sum or level), then the figures.

    Raises:
        ValueError: a group is called as a column that is there anyway.
    """
    taken = set(groups) & {*FIGURES, "unit", "kind"}
    if taken:
        raise ValueError(f"{min(taken)!r} is a column of its own here: a dimension of that name cannot be exported")
    first = [group for group in groups if group not in (*TIME_UNITS, "type", ALL_DIMENSIONS)]
    times = [group for group in groups if group in TIME_UNITS]
    return (*times, *first, *_ALWAYS, *(group for group in groups if group == ALL_DIMENSIONS), *FIGURES)


def values_of(table: Table) -> Callable[[UsageRow], Values]:
    """What makes a row's values, in the order of the columns."""
    question = table.question
    dimensions = question.dimensions
    makers: list[Callable[[UsageRow], Value]] = []
    fixed: dict[str, Callable[[UsageRow], Value]] = {
        "org": lambda row: row.org,
        "project": lambda row: row.project,
        "type": lambda row: row.metric,
        "unit": lambda row: row.unit,
        "kind": lambda row: "sum" if row.level is None else "level",
    }
    for name in table.names[: -len(FIGURES)]:
        if name in fixed:
            makers.append(fixed[name])
        elif name in TIME_UNITS:
            makers.append(_Bucket(question, name).text)
        else:
            makers.append(_dimension(dimensions.index("" if name == ALL_DIMENSIONS else name)))
    return lambda row: [*(make(row) for make in makers), *_figures(row)]


def _dimension(index: int) -> Callable[[UsageRow], Value]:
    return lambda row: row.dimensions[index]


class _Bucket:
    """Texts of buckets; thousands of rows after each other are of the same."""

    def __init__(self, question: Question, unit: str) -> None:
        self._zone = question.zone
        self._unit = unit
        self._last: datetime | None = None
        self._text = ""

    def text(self, row: UsageRow) -> str:
        if row.bucket is not None and row.bucket != self._last:
            self._last = row.bucket
            self._text = bucket_text(row.bucket.astimezone(self._zone), self._unit)
        return self._text


def _figures(row: UsageRow) -> Values:
    quantity = None if row.quantity is None else text_of(row.quantity)
    level = row.level
    if level is None:
        return [quantity, row.points, None, None, None, None, None]
    numbers = (level.lowest, level.highest, level.average, level.integral_seconds, level.covered_seconds)
    return [quantity, row.points, *(None if number is None else text_of(number) for number in numbers)]
