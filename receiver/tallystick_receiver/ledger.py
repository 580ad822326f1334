"""What of a collection is new: the rule by which nothing is counted twice and nothing distinct is dropped.

The points of one identity that one request carries are a multiset M of (start, value); what is stored of that
identity is a multiset S. Copies in both are duplicates. What M has beyond S is new when M holds all of S (the
request itself shows that they are distinct points, as a Collector that dropped an attribute makes them), and a
conflict otherwise: the first stays, the second goes to quarantine (design section 2).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np

from tallystick.refusal import Reason

NEW: Final = 0
DUPLICATE: Final = 1
CONFLICT: Final = 2

Became = int | Reason
"""What becomes of a record: one of these, or why it was refused."""

_Entry = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Points of one collection as columns: series, start, mantissa (int64) and exponent (int16)."""

    series_id: np.ndarray
    start_ns: np.ndarray
    mantissa: np.ndarray
    exponent: np.ndarray

    def __len__(self) -> int:
        return len(self.series_id)

    def equals(self, other: Entries) -> bool:
        """The same points in the same order: the usual resend."""
        return len(self) == len(other) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in Entries.__slots__
        )

    def take(self, chosen: np.ndarray) -> Entries:
        """The entries where the mask is true."""
        return Entries(**{name: getattr(self, name)[chosen] for name in Entries.__slots__})


def decide(stored: list[Entries], request: Entries, *, start_is_identity: bool) -> np.ndarray:
    """NEW, DUPLICATE or CONFLICT for every entry of a request's collection.

    Args:
        stored: the parts of this collection that are in the ledger or were accepted before in this commit.
        request: the entries that one request carries for this collection.
        start_is_identity: the writer is anonymous, so the start time joins the identity.
    """
    verdicts = np.full(len(request), NEW, dtype=np.int8)
    if not stored:
        return verdicts
    if any(part.equals(request) for part in stored):
        verdicts[:] = DUPLICATE
        return verdicts
    shared = _shared(request.series_id, stored)
    if shared is None:
        return verdicts
    seen = _by_identity(stored, request.series_id[shared], start_is_identity=start_is_identity)
    carried: dict[tuple[int, ...], list[int]] = defaultdict(list)
    entries = _entries(request)
    for position in np.flatnonzero(shared).tolist():
        carried[_identity(entries[position], start_is_identity)].append(position)
    for identity, positions in carried.items():
        before = seen.get(identity)
        if before:
            _judge(before, positions, entries, verdicts)
    return verdicts


def _shared(series: np.ndarray, stored: list[Entries]) -> np.ndarray | None:
    """Which of a request's series are stored already; None for none.

    Only the request is sorted: what is stored may be forty times as long when a collection arrives in parts.
    """
    ordered = np.sort(series)
    for part in stored:
        place = np.searchsorted(ordered, part.series_id)
        place[place == len(ordered)] = 0
        if (ordered[place] == part.series_id).any():
            return np.isin(series, np.concatenate([part.series_id for part in stored]))
    return None


def _judge(before: Counter[_Entry], positions: list[int], entries: list[tuple[int, _Entry]],
           verdicts: np.ndarray) -> None:  # fmt: skip
    left = before.copy()
    beyond = []
    for position in positions:
        entry = entries[position][1]
        if left[entry] > 0:
            left[entry] -= 1
            verdicts[position] = DUPLICATE
        else:
            beyond.append(position)
    holds_all = not any(left.values())
    for position in beyond:
        verdicts[position] = NEW if holds_all else CONFLICT


def _by_identity(
    stored: list[Entries], series: np.ndarray, *, start_is_identity: bool
) -> dict[tuple[int, ...], Counter[_Entry]]:
    seen: dict[tuple[int, ...], Counter[_Entry]] = defaultdict(Counter)
    for part in stored:
        for entry in _entries(part.take(np.isin(part.series_id, series))):
            seen[_identity(entry, start_is_identity)][entry[1]] += 1
    return seen


def _entries(part: Entries) -> list[tuple[int, _Entry]]:
    values = zip(part.start_ns.tolist(), part.mantissa.tolist(), part.exponent.tolist(), strict=True)
    return list(zip(part.series_id.tolist(), values, strict=True))


def _identity(entry: tuple[int, _Entry], start_is_identity: bool) -> tuple[int, ...]:  # noqa: FBT001
    return (entry[0], entry[1][0]) if start_is_identity else (entry[0],)
