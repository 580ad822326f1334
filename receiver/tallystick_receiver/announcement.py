"""A sender's half of the stick: what it says about one of its collections (exporter/README.md, "The sender's half")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

from tallystick.refusal import Reason, Refused
from tallystick.semconv import (
    INT64_MAX,
    KIND_HISTOGRAM,
    KIND_LEVEL,
    KIND_OPERATIONS,
    KIND_SUM,
    METRIC_NAME_LENGTH_MAX,
    SENDER_TALLY,
    UNIT_LENGTH_MAX,
)
from tallystick_receiver.attributes import check_text
from tallystick_receiver.identity import metric_id_of

TALLY_LENGTH_MAX: Final = 1_000_000
"""Characters of a tally: some ten thousand metrics."""
_SUM_LENGTH_MAX: Final = 800
_KINDS: Final = frozenset({KIND_SUM, KIND_LEVEL, KIND_HISTOGRAM, KIND_OPERATIONS})
EXACT: Final = Context(prec=2000)
"""Holds any sum of doubles."""

MetricName = tuple[str, str, str]
"""Key, unit, kind."""
Figures = tuple[int, Decimal]
"""Points, and their exact sum."""
Totals = dict[int, Figures]
"""By metric id."""
NOTHING: Final[Figures] = (0, Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One collection of a sequence; times in nanoseconds.

    Attributes:
        begun_ns: when the sender began to tell; with the writer it names the sequence.
        sequence: 1 for the first collection, without a gap.
        interval_ns: when the next one is due.
        is_last: the sender ended properly, no further one follows.
        own: what this collection holds.
        total: what this one and all before it hold.
        metrics: what the ids in `own` and `total` stand for.
    """

    writer_id: int
    begun_ns: int
    sequence: int
    start_ns: int
    end_ns: int
    interval_ns: int
    is_last: bool
    own: Totals
    total: Totals
    metrics: Mapping[int, MetricName]


def announcement_of(text: str, *, writer_id: int, sequence: int, end_ns: int, takes_all: bool) -> Announcement:
    """Parse a tally.

    Args:
        text: the JSON text.
        writer_id: who sent it.
        sequence: the value of its point.
        end_ns: the time of its point: the end of the collection.
        takes_all: whether points without an organisation count as well, since the key is bound to one.

    Raises:
        Refused: INVALID_TALLY, or a name that cannot be stored.
    """
    try:
        content = json.loads(text)
        begun, start, interval = (_time(content[name]) for name in ("begun", "start", "interval"))
        own: Totals = {}
        total: Totals = {}
        metrics: dict[int, MetricName] = {}
        for key, unit, kind, *figures in [*content["entries"], *(content["unattributed"] if takes_all else ())]:
            name = _name(key, unit, kind)
            metric_id = metric_id_of(*name)
            metrics[metric_id] = name
            points, amount, points_total, amount_total = figures
            own[metric_id] = plus(own.get(metric_id, NOTHING), _figures(points, amount))
            total[metric_id] = plus(total.get(metric_id, NOTHING), _figures(points_total, amount_total))
        if not 0 < sequence <= INT64_MAX or not begun <= start < end_ns:
            raise ValueError("a sequence number or a time is out of range")  # noqa: TRY301 - one way out
        return Announcement(
            writer_id=writer_id, begun_ns=begun, sequence=sequence, start_ns=start, end_ns=end_ns,
            interval_ns=interval, is_last=content["last"] is True, own={i: f for i, f in own.items() if f != NOTHING},
            total=total, metrics=metrics,
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, InvalidOperation, RecursionError) as error:
        raise Refused(Reason.INVALID_TALLY, f"{SENDER_TALLY}: {str(error)[:200]}") from None


def plus(one: Figures, other: Figures) -> Figures:
    """Both, digit for digit."""
    return one[0] + other[0], EXACT.add(one[1], other[1])


def minus(one: Figures, other: Figures) -> Figures:
    """The difference, digit for digit."""
    return one[0] - other[0], EXACT.subtract(one[1], other[1])


def _name(key: Any, unit: Any, kind: Any) -> MetricName:  # noqa: ANN401 - any JSON values
    if not key or kind not in _KINDS:
        raise ValueError("an entry is not [metric, unit, kind, ...]")
    check_text(key, METRIC_NAME_LENGTH_MAX, Reason.INVALID_TALLY)
    check_text(unit, UNIT_LENGTH_MAX, Reason.INVALID_TALLY)
    return key.lower(), unit, kind


def _time(value: Any) -> int:  # noqa: ANN401 - any JSON value
    if type(value) is not int or not 0 <= value <= INT64_MAX:
        raise ValueError(f"{str(value)[:40]} is not a time in nanoseconds")
    return value


def _figures(points: Any, amount: Any) -> Figures:  # noqa: ANN401 - any JSON values
    if type(points) is not int or not 0 <= points <= INT64_MAX or len(amount) > _SUM_LENGTH_MAX:
        raise ValueError("an entry's figures are out of range")
    number = Decimal(amount)
    if not number.is_finite():
        raise ValueError("a sum is not finite")
    return points, number
