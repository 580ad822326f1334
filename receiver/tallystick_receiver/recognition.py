"""Which records are new: decided by their ids, whatever request, order or receiver they came by.

An id stands for one record. The first one stays; another record under the same id is a conflict. A record that does not
say its time is the stored one whenever that was.
"""

from __future__ import annotations

from typing import NamedTuple

from tallystick_receiver.ledger import CONFLICT, DUPLICATE, NEW
from tallystick_receiver.points import Records


class Known(NamedTuple):
    """What is kept of a record."""

    series_id: int
    end_ns: int
    mantissa: int
    exponent: int
    is_dated: bool


def recognise(requests: list[Records | None], known: dict[bytes, Known]) -> list[list[int]]:
    """NEW, DUPLICATE or CONFLICT for each record of each request, in order.

    Args:
        requests: the records of each request; None where there are none.
        known: what is stored of their ids; what is new is added to it.
    """
    return [
        [] if records is None else [_recognise(*record, known) for record in _rows(records)] for records in requests
    ]


def _recognise(record_id: bytes, record: Known, known: dict[bytes, Known]) -> int:
    stored = known.setdefault(record_id, record)
    if stored is record:
        return NEW
    same = stored[0] == record[0] and stored[2:4] == record[2:4] and (not record.is_dated or stored[1] == record[1])
    return DUPLICATE if same else CONFLICT


def _rows(records: Records) -> zip[tuple[bytes, Known]]:
    points = records.points
    columns = (points.series_id, points.end_ns, points.mantissa, points.exponent, records.is_dated)
    return zip(records.ids, map(Known, *(column.tolist() for column in columns)), strict=True)
