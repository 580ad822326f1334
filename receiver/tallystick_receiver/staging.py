"""Several requests -> one commit: which points are new, which are duplicates, which are in conflict."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from tallystick_receiver.ledger import CONFLICT, DUPLICATE, NEW, Became, Entries, decide
from tallystick_receiver.points import Batch, Points

CollectionKey = tuple[int, int]
"""(writer id, end in nanoseconds)"""
Request = list[tuple[CollectionKey, Points]]
"""The points of one request by collection."""


@dataclass(slots=True, kw_only=True)
class StoredParts:
    """What the ledger holds of some collections, and the next free part number of each."""

    parts: dict[CollectionKey, list[Entries]] = field(default_factory=lambda: defaultdict(list))
    next_part: dict[CollectionKey, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One row of the ledger: the new points that one request brought for one collection."""

    writer_id: int
    end_ns: int
    number: int
    points: Points


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one request's admitted points.

    Attributes:
        accepted, duplicates: how many points.
        conflicts: the points that were stored before with another value or start.
        refused: how many points as they were sent the conflicts are: the two halves of a histogram are one.
        records: what became of each admitted record, by its place in the request.
    """

    accepted: int
    duplicates: int
    conflicts: Points
    refused: int = 0
    records: dict[int, Became] = field(default_factory=dict)

    def with_records(self, records: dict[int, Became]) -> Verdict:
        """The same, with what became of the request's records."""
        found: Counter[Became] = Counter(records.values())
        return replace(
            self, accepted=self.accepted + found[NEW], duplicates=self.duplicates + found[DUPLICATE],
            refused=self.refused + found[CONFLICT], records=records,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What one commit writes, and the verdict on each request in it."""

    parts: list[Part]
    points: Points
    verdicts: list[Verdict]

    def with_records(self, verdicts: list[dict[int, Became]]) -> Staged:
        """Also say what became of the records of each request."""
        both = zip(self.verdicts, verdicts, strict=True)
        return replace(self, verdicts=[verdict.with_records(found) if found else verdict for verdict, found in both])

    def with_derived(self, derived: Request, stored: StoredParts) -> Staged:
        """Also write points that were derived from cumulative ones, or recognised as new by the ids of records."""
        if not derived:
            return self
        more = []
        for key, points in derived:
            number = stored.next_part[key]
            stored.next_part[key] = number + 1
            more.append(Part(writer_id=key[0], end_ns=key[1], number=number, points=points))
        points = Points.join([part for part in (self.points, *(points for _, points in derived)) if len(part)])
        return replace(self, parts=[*self.parts, *more], points=points)


def collections_of(batches: list[Batch]) -> list[Request]:
    """The points of each request by collection."""
    return [by_collection(batch.points) for batch in batches]


def stage(requests: list[Request], stored: StoredParts) -> Staged:
    """Decide on every request in turn; an earlier one in this commit counts as stored for a later one."""
    parts: list[Part] = []
    verdicts = []
    for request in requests:
        staged = [_stage_collection(key, points, stored) for key, points in request]
        for key, points in ((k, p) for (k, _), (p, _, _) in zip(request, staged, strict=True) if len(p)):
            number = stored.next_part[key]
            stored.next_part[key] = number + 1
            stored.parts[key].append(entries_of(points))
            parts.append(Part(writer_id=key[0], end_ns=key[1], number=number, points=points))
        verdicts.append(
            Verdict(
                accepted=sum(len(new) for new, _, _ in staged),
                duplicates=sum(duplicates for _, duplicates, _ in staged),
                conflicts=Points.join([conflicts for _, _, conflicts in staged if len(conflicts)]),
            )
        )
    return Staged(parts=parts, points=Points.join([part.points for part in parts]), verdicts=verdicts)


def entries_of(points: Points) -> Entries:
    """The columns that the ledger compares."""
    return Entries(
        series_id=points.series_id,
        start_ns=points.start_ns,
        mantissa=points.mantissa,
        exponent=points.exponent,
    )


def _stage_collection(key: CollectionKey, points: Points, stored: StoredParts) -> tuple[Points, int, Points]:
    before = stored.parts.get(key)
    if not before:
        return points, 0, _NONE
    verdicts = decide(before, entries_of(points), start_is_identity=bool(points.is_anonymous[0]))
    new = verdicts == NEW
    accepted = points if new.all() else points.take(new)
    return accepted, int((verdicts == DUPLICATE).sum()), points.take(verdicts == CONFLICT)


_NONE = Points.empty()


def by_collection(points: Points) -> Request:
    """Points by writer and end."""
    if not len(points):
        return []
    writer, end = points.writer_id, points.end_ns
    if (writer == writer[0]).all() and (end == end[0]).all():
        return [((int(writer[0]), int(end[0])), points)]
    order = np.lexsort((end, writer))
    ordered = points.take(order)
    writer, end = ordered.writer_id, ordered.end_ns
    bounds = np.flatnonzero((writer[1:] != writer[:-1]) | (end[1:] != end[:-1])) + 1
    starts = [0, *bounds.tolist()]
    stops = [*bounds.tolist(), len(ordered)]
    columns = {name: getattr(ordered, name) for name in Points.__slots__}
    return [
        (
            (int(writer[a]), int(end[a])),
            Points(**{name: column[a:b] for name, column in columns.items()}),
        )
        for a, b in zip(starts, stops, strict=True)
    ]
