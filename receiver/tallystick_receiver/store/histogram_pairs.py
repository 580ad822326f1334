"""Sums and counts of histograms -> the points they were: a histogram that is refused is one point again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tallystick.quantity import Quantity
from tallystick.semconv import KIND_HISTOGRAM, KIND_OPERATIONS
from tallystick_receiver.identity import Stream, id_of
from tallystick_receiver.points import Points

_Place = tuple[int, int, int, int]
"""Series of the sum, writer, end, start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One point: the series of its sum, its writer and times, its sum and its count."""

    series_id: int
    writer_id: int
    end_ns: int
    start_ns: int
    sum: Quantity
    count: int


def sum_series_of(stream: Stream) -> int:
    """The series that holds the sums of a histogram, whichever of its two streams is given."""
    return id_of(replace(stream, kind=KIND_HISTOGRAM).series_identity)


def histograms_of(points: Points, streams: Mapping[int, Stream], beside: Points) -> list[Histogram]:
    """The histograms whose sum or count, or both, are among `points`.

    Args:
        points: refused ones.
        streams: by series, what the points belong to.
        beside: all points of the same request, in their order; the other half of each is there.
    """
    place_of = {}
    for stream in streams.values():
        if stream.kind in (KIND_HISTOGRAM, KIND_OPERATIONS):
            series_id = sum_series_of(stream)
            place_of[series_id] = (series_id, KIND_HISTOGRAM)
            place_of[id_of(replace(stream, kind=KIND_OPERATIONS).series_identity)] = (series_id, KIND_OPERATIONS)
    if not place_of:
        return []
    refused = {kind: {place: Counter(found) for place, found in _by_place(points, place_of, kind).items()}
               for kind in (KIND_HISTOGRAM, KIND_OPERATIONS)}  # fmt: skip
    counts = _by_place(beside, place_of, KIND_OPERATIONS)
    found = []
    for place, sums in _by_place(beside, place_of, KIND_HISTOGRAM).items():
        for pair in zip(sums, counts.get(place, []), strict=False):
            sum_refused = _taken(refused[KIND_HISTOGRAM].get(place), pair[0])
            count_refused = _taken(refused[KIND_OPERATIONS].get(place), pair[1])
            if sum_refused or count_refused:
                series_id, writer_id, end_ns, start_ns = place
                found.append(
                    Histogram(series_id=series_id, writer_id=writer_id, end_ns=end_ns, start_ns=start_ns,
                              sum=pair[0], count=pair[1].mantissa)
                )  # fmt: skip
    return found


def _taken(left: Counter[Quantity] | None, half: Quantity) -> bool:
    if left is None or not left[half]:
        return False
    left[half] -= 1
    return True


def _by_place(points: Points, place_of: Mapping[int, tuple[int, str]], kind: str) -> dict[_Place, list[Quantity]]:
    wanted = [series_id for series_id, (_, of) in place_of.items() if of == kind]
    chosen = points.take(np.isin(points.series_id, np.array(wanted, dtype=np.int64)))
    found: dict[_Place, list[Quantity]] = defaultdict(list)
    columns = (chosen.series_id, chosen.writer_id, chosen.end_ns, chosen.start_ns, chosen.mantissa, chosen.exponent)
    for series_id, writer_id, end_ns, start_ns, mantissa, exponent in zip(*(c.tolist() for c in columns), strict=True):
        found[place_of[series_id][0], writer_id, end_ns, start_ns].append(Quantity(mantissa, exponent))
    return found
