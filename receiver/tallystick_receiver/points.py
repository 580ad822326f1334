"""Accepted points as columns, the one shape that usage has between the wire and the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from tallystick.refusal import Reason, Refused
    from tallystick_receiver.announcement import Announcement
    from tallystick_receiver.identity import Stream, Writer

QUARTER_NS = 900 * 10**9
"""The finest rollup: a quarter of an hour, because local days begin at :30 and :45 somewhere."""

_INT_COLUMNS = (
    "org_id", "dims_id", "series_id", "metric_id", "writer_id", "start_ns", "end_ns", "mantissa",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Points:
    """Columns of equal length; ids and times int64, exponent int16, the two marks bool."""

    org_id: np.ndarray
    dims_id: np.ndarray
    series_id: np.ndarray
    metric_id: np.ndarray
    writer_id: np.ndarray
    start_ns: np.ndarray
    end_ns: np.ndarray
    mantissa: np.ndarray
    exponent: np.ndarray
    is_level: np.ndarray
    is_anonymous: np.ndarray

    def __len__(self) -> int:
        return len(self.end_ns)

    @classmethod
    def empty(cls) -> Points:
        """No points."""
        columns = {name: np.zeros(0, dtype=np.int64) for name in _INT_COLUMNS}
        return cls(
            **columns,
            exponent=np.zeros(0, dtype=np.int16),
            is_level=np.zeros(0, dtype=bool),
            is_anonymous=np.zeros(0, dtype=bool),
        )

    def take(self, chosen: np.ndarray) -> Points:
        """The points at the given positions, or where a mask is true."""
        return Points(**{name: getattr(self, name)[chosen] for name in Points.__slots__})

    @staticmethod
    def join(parts: list[Points]) -> Points:
        """All points of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Points.empty()
        return Points(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Points.__slots__})

    @staticmethod
    def consume(parts: list[Points]) -> Points:
        """As `join`, but the parts are emptied column by column, so that memory holds them once."""
        if len(parts) < 2:  # noqa: PLR2004 - nothing to join
            return Points.join(parts)
        columns = {}
        for name in Points.__slots__:
            columns[name] = np.concatenate([getattr(part, name) for part in parts])
            for part in parts:
                setattr(part, name, columns[name][:0])
        return Points(**columns)


NO_POINTS: Final = Points.empty()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPoint:
    """One point that is kept in quarantine: an OTLP request of its own, ready to be sent again."""

    reason: Reason
    detail: str
    body: bytes
    encoding: str
    org: str | None
    credential_org: str | None


@dataclass(slots=True, kw_only=True)
class Records:
    """Records of one request (POST /api/v1/usage/records): points that are recognised by an id of their own.

    Attributes:
        points: what they add; one row a record.
        ids: 16 bytes each, a hash of the id within the scope of the key.
        is_dated: whether the record itself says its time; otherwise it is that of its arrival.
        place: where the record stood in the request.
        refused: by place, those that were not admitted; the sender is told each of them, so no quarantine keeps them.
    """

    points: Points
    ids: list[bytes]
    is_dated: np.ndarray
    place: np.ndarray
    refused: dict[int, Refused] = field(default_factory=dict)

    def refuse(self, wrong: np.ndarray, refused: Refused) -> None:
        """Take out the records where the mask is true."""
        self.refused |= dict.fromkeys(self.place[wrong].tolist(), refused)
        self.keep(~wrong)

    def keep(self, kept: np.ndarray) -> None:
        """Go on with the records where the mask is true; the others are in `refused` already."""
        self.points = self.points.take(kept)
        self.ids = [found for found, keep in zip(self.ids, kept.tolist(), strict=True) if keep]
        self.is_dated, self.place = self.is_dated[kept], self.place[kept]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(slots=True, kw_only=True)
class Batch:
    """One request, decoded and admitted: what to store, what to quarantine, what the dictionaries must learn.

    Attributes:
        points: deltas and samples of levels, stored as they are.
        cumulative: values of cumulative streams, stored as what they add.
        records: records with ids of their own; None for a request of OTLP.
        streams: what the dictionaries may lack.
        writers: likewise.
        refused: points for the quarantine.
        refused_count: how many there are; the quarantine is not offered all of them.
        staleness_marks: points without usage.
        credential_org: the organisation that the sender's key is bound to.
    """

    points: Points
    cumulative: Points = field(default_factory=lambda: NO_POINTS)
    records: Records | None = None
    streams: list[Stream] = field(default_factory=list)
    writers: list[Writer] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    refused: list[RefusedPoint] = field(default_factory=list)
    refused_count: int = 0
    staleness_marks: int = 0
    unattributed: int = 0
    credential_org: str | None = None
