"""A sender's half of the stick: what it says about one of its collections (exporter/README.md, "The sender's half")."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, Final

from tallystick.quantity import text_of
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

TALLY_LENGTH_MAX: Final = 262_144
"""Characters of a tally: some three thousand metrics."""
_NUMBER_MAX: Final = 2**62
"""Two of them fit 64 bits."""
_SUM: Final = re.compile(r"-?\d{1,400}(\.\d{1,400})?").fullmatch
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


Entry = tuple[int, int, str, int, str]
"""Metric id, points, their exact sum as text, and both of all collections so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One collection of a sequence; times in nanoseconds.

    Attributes:
        begun_ns: when the sender began to tell; with the writer it names the sequence.
        sequence: 1 for the first collection, without a gap.
        interval_ns: when the next one is due.
        is_last: the sender ended properly, no further one follows.
        entries: what this collection, and all so far, hold of each metric.
        metrics: what their ids stand for.
    """

    writer_id: int
    begun_ns: int
    sequence: int
    start_ns: int
    end_ns: int
    interval_ns: int
    is_last: bool
    entries: list[Entry]
    metrics: Mapping[int, MetricName]


def announcement_of(text: str, *, writer_id: int, sequence: int, end_ns: int, takes_all: bool) -> Announcement:
    """Parse a tally. Sums stay text: the balancer computes, the receiver is in a hurry.

    Args:
        text: the JSON text.
        writer_id: who sent it.
        sequence: the value of its point.
        end_ns: the time of its point: the end of the collection.
        takes_all: whether points without an organisation count as well, since the key is bound to one.

    Raises:
        Refused: INVALID_TALLY.
    """
    try:
        content = json.loads(text)
        begun, start, interval = (_number(content[name]) for name in ("begun", "start", "interval"))
        if not 0 < sequence <= INT64_MAX or not begun <= start < end_ns:
            raise ValueError("a sequence number or a time is out of range")  # noqa: TRY301 - one way out
        entries: dict[int, Entry] = {}
        metrics: dict[int, MetricName] = {}
        for key, unit, kind, *figures in [*content["entries"], *(content["unattributed"] if takes_all else ())]:
            metric_id = _metric_id(key, unit, kind)
            metrics[metric_id] = key.lower(), unit, kind
            entry = _entry(metric_id, *figures)
            entries[metric_id] = _both(entries[metric_id], entry) if metric_id in entries else entry
        return Announcement(
            writer_id=writer_id, begun_ns=begun, sequence=sequence, start_ns=start, end_ns=end_ns,
            interval_ns=interval, is_last=content["last"] is True, entries=list(entries.values()), metrics=metrics,
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refused(Reason.INVALID_TALLY, f"{SENDER_TALLY}: {str(error)[:200]}") from None


def plus(one: Figures, other: Figures) -> Figures:
    """Both, digit for digit."""
    return one[0] + other[0], EXACT.add(one[1], other[1])


def minus(one: Figures, other: Figures) -> Figures:
    """The difference, digit for digit."""
    return one[0] - other[0], EXACT.subtract(one[1], other[1])


@lru_cache(maxsize=10_000)
def _metric_id(key: str, unit: str, kind: str) -> int:
    if not key or kind not in _KINDS:
        raise ValueError("an entry is not [metric, unit, kind, ...]")
    check_text(key, METRIC_NAME_LENGTH_MAX, Reason.INVALID_TALLY)
    check_text(unit, UNIT_LENGTH_MAX, Reason.INVALID_TALLY)
    return metric_id_of(key.lower(), unit, kind)


def _entry(metric_id: int, points: Any, amount: Any, points_total: Any, amount_total: Any) -> Entry:  # noqa: ANN401 - any JSON values
    if not (_SUM(amount) and _SUM(amount_total)):
        raise ValueError("a sum is not a decimal number")
    return metric_id, _number(points), amount, _number(points_total), amount_total


def _both(one: Entry, other: Entry) -> Entry:
    own = EXACT.add(Decimal(one[2]), Decimal(other[2]))
    total = EXACT.add(Decimal(one[4]), Decimal(other[4]))
    return one[0], one[1] + other[1], text_of(own), one[3] + other[3], text_of(total)


def _number(value: Any) -> int:  # noqa: ANN401 - any JSON value
    if type(value) is not int or not 0 <= value <= _NUMBER_MAX:
        raise ValueError(f"{str(value)[:40]} is not a number of 62 bits")
    return value
