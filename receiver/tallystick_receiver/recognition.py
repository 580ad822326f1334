"""Which records are new: decided by their ids, whatever request, order or receiver they came by.

An id stands for one record. The first one stays; another record under the same id is a conflict. A record that does not
say its time is the stored one whenever that was. What a definition makes of a record is not part of it, so that a
resend is a duplicate whatever was defined meanwhile.
"""

from __future__ import annotations

from typing import NamedTuple

from tallystick.refusal import Reason
from tallystick_receiver.ledger import CONFLICT, DUPLICATE, NEW, Became
from tallystick_receiver.points import Records


class Known(NamedTuple):
    """What is kept of a record; the series is that of its sums, also where it is a sample of a level."""

    series_id: int
    end_ns: int
    mantissa: int
    exponent: int
    is_dated: bool


def recognise(
    requests: list[Records | None], wrong: list[list[Reason | None]], known: dict[bytes, Known]
) -> list[list[Became]]:
    """What becomes of each record of each request, in order.

    Args:
        requests: the records of each request; None where there are none.
        wrong: of each record, why it could not be stored if it were new.
        known: what is stored of their ids; what is new is added to it.
    """
    return [
        [] if records is None else [
            _recognise(*record, reason, known) for record, reason in zip(_rows(records), reasons, strict=True)
        ]
        for records, reasons in zip(requests, wrong, strict=True)
    ]  # fmt: skip


def _recognise(record_id: bytes, record: Known, wrong: Reason | None, known: dict[bytes, Known]) -> Became:
    stored = known.get(record_id)
    if stored is None:
        if wrong is None:
            known[record_id] = record
        return NEW if wrong is None else wrong
    same = stored[0] == record[0] and stored[2:4] == record[2:4] and (not record.is_dated or stored[1] == record[1])
    return DUPLICATE if same else CONFLICT


def _rows(records: Records) -> zip[tuple[bytes, Known]]:
    points = records.points
    columns = (points.series_id, points.end_ns, points.mantissa, points.exponent, records.is_dated)
    return zip(records.ids, map(Known, *(column.tolist() for column in columns)), strict=True)
