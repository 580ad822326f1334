"""Cumulative values -> what each quarter of an hour adds: a pure function of the set of points that are known.

So no order, repetition or split of their delivery matters. A known start makes a stream of its own: what a quarter adds
is how far its highest value exceeds everything before it. Where points have no start, each adds the difference to the
one before it by time, or its whole value after a fall (OTel data model, "Cumulative streams: handling unknown start").
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final, NamedTuple

from tallystick.quantity import Quantity, quantity_of
from tallystick_receiver.points import QUARTER_NS

NO_START: Final = 0
_DAY_NS: Final = 86_400 * 10**9
_WIDE: Final = Context(prec=2000)

Number = int | Decimal


class Sample(NamedTuple):
    """One point: its end in nanoseconds, and the value reached then, not negative."""

    end_ns: int
    value: Number


class Row(NamedTuple):
    """What is kept of the points of one place in time.

    Attributes:
        at_ns: the quarter of an hour; of points without a start, the end itself.
        first_ns: end of the earliest point.
        first: its value.
        end_ns: end of the first point that has the highest value.
        highest: that value.
        reached: the highest value of this row and all before it; without a start, the value.
    """

    at_ns: int
    first_ns: int
    first: Number
    end_ns: int
    highest: Number
    reached: Number = 0


class Change(NamedTuple):
    """What new points change.

    Attributes:
        rows: to be kept, instead of those of the same place.
        added: (end, quantity) to be counted; negative where a late point shows that usage was earlier.
        fallen: new points below a value that was reached before; they count nothing.
    """

    rows: list[Row]
    added: list[tuple[int, Quantity]]
    fallen: int


def place_of(start_ns: int, end_ns: int) -> int:
    """The `at_ns` of a point."""
    return end_ns if start_ns == NO_START else (end_ns - 1) // QUARTER_NS * QUARTER_NS


def number_of(mantissa: int, exponent: int) -> Number:
    """A quantity to reckon with, exact."""
    return mantissa if exponent == 0 else Decimal(mantissa).scaleb(exponent, _WIDE)


def quantity(number: Number) -> Quantity:
    """A number that came from `number_of`, as it is stored."""
    return Quantity(number, 0) if isinstance(number, int) else quantity_of(number)


def change(start_ns: int, *, in_full: bool, before: Row | None, known: list[Row], samples: list[Sample]) -> Change:
    """What new points of one stream change.

    Args:
        start_ns: the start that the points say.
        in_full: whether the stream counts from its start, or else from its earliest known value.
        before: the last row before all of `samples`, if there is one.
        known: the rows from the first place of `samples` on, in order of time.
        samples: the new points.
    """
    old = {row.at_ns: row for row in known}
    rows = dict(old)
    for sample in samples:
        at_ns = place_of(start_ns, sample.end_ns)
        rows[at_ns] = _joined(rows.get(at_ns), at_ns, sample)
    merged = [rows[at_ns] for at_ns in sorted(rows)]
    was = _contributions(start_ns, known, before, in_full=in_full)
    now = _contributions(start_ns, merged, before, in_full=in_full)
    merged = [Row(*row[:-1], now[row.at_ns].reached) for row in merged]
    kept = merged if start_ns == NO_START else _telling(merged, before, old)
    is_fallen = [_is_fallen(s, now[place_of(start_ns, s.end_ns)], rows) for s in samples if start_ns != NO_START]
    return Change(
        rows=[row for row in kept if old.get(row.at_ns) != row],
        added=[
            (row.end_ns, part) for row in merged for part in _difference(now[row.at_ns], was.get(row.at_ns, _NOTHING))
        ],
        fallen=sum(is_fallen),
    )


def _telling(rows: list[Row], before: Row | None, old: dict[int, Row]) -> list[Row]:
    """The rows without new ones that say nothing new: most streams rest most of the time.

    A value that was reached before adds nothing, whatever else arrives. But one row a day shows that the stream lives.
    """
    found: list[Row] = []
    last = before
    for place, row in enumerate(rows):
        if row.at_ns not in old and last is not None and row.highest <= last.reached:
            is_seen_today = row.at_ns // _DAY_NS == last.at_ns // _DAY_NS
            if is_seen_today or place + 1 < len(rows):
                continue
        found.append(row)
        last = row
    return found


class _Contribution(NamedTuple):
    """What a row adds: `upper` - `lower`; what was reached before it, and with it."""

    at_ns: int
    upper: Number
    lower: Number
    reached_before: Number
    reached: Number


_NOTHING: Final = _Contribution(0, 0, 0, 0, 0)


def _joined(row: Row | None, at_ns: int, sample: Sample) -> Row:
    """The row with one more point; joining is commutative, associative and idempotent."""
    end_ns, value = sample.end_ns, sample.value
    if row is None:
        return Row(at_ns, end_ns, value, end_ns, value)
    first_ns, first = min((row.first_ns, -row.first), (end_ns, -value))
    highest, last_ns = max((row.highest, -row.end_ns), (value, -end_ns))
    return Row(at_ns, first_ns, -first, -last_ns, highest)


def _contributions(start_ns: int, rows: list[Row], before: Row | None, *, in_full: bool) -> dict[int, _Contribution]:
    found = {}
    reached = _baseline(start_ns, rows, in_full=in_full) if before is None else before.reached
    for row in rows:
        has_fallen = row.highest < reached
        if start_ns == NO_START:
            lower, after = (0 if has_fallen else reached), row.highest
        else:
            lower, after = (row.highest if has_fallen else reached), (reached if has_fallen else row.highest)
        found[row.at_ns] = _Contribution(row.at_ns, row.highest, lower, reached, after)
        reached = after
    return found


def _baseline(start_ns: int, rows: list[Row], *, in_full: bool) -> Number:
    """What does not count of a stream whose first row is known.

    A point whose end is its start says where an unknown past ends; points without any start begin with the first.
    """
    if not rows:
        return 0
    counts_from_start = start_ns != NO_START and in_full and rows[0].first_ns != start_ns
    return 0 if counts_from_start else rows[0].first


def _difference(now: _Contribution, was: _Contribution) -> list[Quantity]:
    """Now less before; as several quantities where one does not fit 64 bits."""
    terms = (now.upper, -now.lower, -was.upper, was.lower)
    if all(isinstance(term, int) for term in terms):
        total: Number = sum(terms)
    else:
        total = Decimal(0)
        for term in terms:
            total = _WIDE.add(total, Decimal(term))
    if not total:
        return []
    try:
        return [quantity(total)]
    except OverflowError:
        left = [term for term in terms if term]
        for term in terms:
            if term in left and -term in left:
                left.remove(term)
                left.remove(-term)
        return [quantity(term) for term in left]


def _is_fallen(sample: Sample, found: _Contribution, rows: dict[int, Row]) -> bool:
    row = rows[found.at_ns]
    return sample.value < found.reached_before or (sample.value < row.highest and row.end_ns < sample.end_ns)
