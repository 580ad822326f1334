"""The two halves of the stick compared: what was announced, what arrived, what is missing; pure.

A sequence is what one process announces: collections 1, 2, 3 .. with their own figures and the totals so far. A run is
a stretch of announced collections without a hole. What a hole lacks is the difference of the totals around it, less
what arrived of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallystick_receiver.announcement import NOTHING, Figures, Totals, minus, plus


@dataclass(frozen=True, slots=True)
class Standing:
    """Figures as they are stored, of a collection or of a sequence so far: reckoned with only where something lacks.

    Attributes:
        entries: (metric id, points, sum as text) of each metric.
    """

    entries: list[tuple[int, int, str]]

    @property
    def totals(self) -> Totals:
        """To reckon with."""
        return {metric_id: (points, Decimal(amount)) for metric_id, points, amount in self.entries}


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An announced collection as the database holds it; times in nanoseconds where the name says so.

    Attributes:
        received_at: when the first receiver heard of it.
        check_after: what it was when it was read.
        is_counted: whether a run holds it already, though it was short.
        lack: what was announced and did not arrive.
    """

    writer_id: int
    begun_ns: int
    sequence: int
    start_ns: int
    end_ns: int
    interval_ns: int
    is_last: bool
    received_at: datetime
    check_after: datetime
    is_counted: bool
    own: Standing
    total: Standing
    lack: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Announced collections first..last of a sequence.

    Attributes:
        after: the totals after the last one.
        first_total: the totals after the first one.
        first_own: what of these is its own; empty when `first_total` is of the moment before it, or it was idle.
        received_at: when the first one was heard of.
    """

    first: int
    last: int
    start_ns: int
    end_ns: int
    after: Standing
    first_total: Standing
    first_own: Standing
    received_at: datetime

    @property
    def before(self) -> Totals:
        """The totals before the first one."""
        return difference(self.first_total.totals, self.first_own.totals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Collections first..last of a sequence of which nothing was heard; `after` is the run that shows it.

    Attributes:
        announced: what they hold together, by the totals around them.
    """

    first: int
    last: int
    start_ns: int
    end_ns: int
    announced: Totals
    after: Run


def run_of(found: Announced) -> Run:
    """The run of one collection."""
    return Run(
        first=found.sequence, last=found.sequence, start_ns=found.start_ns, end_ns=found.end_ns, after=found.total,
        first_total=found.total, first_own=found.own, received_at=found.received_at,
    )  # fmt: skip


def folded(runs: Iterable[Run]) -> list[Run]:
    """The runs in order, with those joined that follow each other; what another run holds already is left out."""
    stretches: list[tuple[Run, Run]] = []
    for run in sorted(runs, key=lambda run: (run.first, -run.last)):
        if stretches and run.first == stretches[-1][1].last + 1:
            stretches[-1] = stretches[-1][0], run
        elif not stretches or run.first > stretches[-1][1].last:
            stretches.append((run, run))
    return [
        first if first is last else replace(first, last=last.last, end_ns=last.end_ns, after=last.after)
        for first, last in stretches
    ]


def holes_between(runs: list[Run], begun_ns: int) -> list[Hole]:
    """The holes before and between the runs of one sequence, in order."""
    holes = []
    last, end_ns, after = 0, begun_ns, Standing([])
    for run in runs:
        if run.first > last + 1:
            announced = difference(run.before, after.totals)
            hole = Hole(first=last + 1, last=run.first - 1, start_ns=end_ns, end_ns=max(run.start_ns, end_ns),
                        announced=announced, after=run)  # fmt: skip
            holes.append(hole)
        last, end_ns, after = run.last, run.end_ns, run.after
    return holes


def bridged(runs: list[Run], begun_ns: int, hole: Hole) -> list[Run]:
    """The runs with a hole taken for known: it will not be looked at again."""
    position = next(index for index, run in enumerate(runs) if run.first == hole.last + 1)
    run = runs[position]
    if position == 0:
        return [replace(run, first=1, start_ns=begun_ns, first_total=Standing([]), first_own=Standing([])), *runs[1:]]
    previous = runs[position - 1]
    whole = replace(previous, last=run.last, end_ns=run.end_ns, after=run.after)
    return [*runs[: position - 1], whole, *runs[position + 1 :]]


def lack_of(own: Standing, arrived: list[Standing]) -> Totals:
    """By metric, what a collection lacks of which these parts arrived.

    The usual one came whole and in one part, whose figures are the same text: nothing needs to be reckoned.
    """
    if len(arrived) == 1 and sorted(own.entries) == arrived[0].entries:
        return {}
    here = summed((metric, points, Decimal(amount)) for part in arrived for metric, points, amount in part.entries)
    return shortfall(own.totals, here)


def shortfall(announced: Totals, arrived: Totals) -> Totals:
    """By metric, what is missing.

    More points than announced are those of another process under the same identity, which announces them itself: then
    the sums cannot be compared.
    """
    lack = {}
    for metric_id, figures in announced.items():
        here = arrived.get(metric_id, NOTHING)
        if here != figures and here[0] <= figures[0]:
            lack[metric_id] = minus(figures, here)
    return lack


def difference(totals: Totals, part: Totals) -> Totals:
    """Totals less a part of them, without the metrics of which nothing is left."""
    left = {metric_id: minus(figures, part.get(metric_id, NOTHING)) for metric_id, figures in totals.items()}
    return {metric_id: figures for metric_id, figures in left.items() if figures != NOTHING}


def summed(rows: Iterable[tuple[Any, Any, Any]]) -> Totals:
    """Totals of rows of (metric id, points, sum)."""
    found: Totals = {}
    for metric_id, points, amount in rows:
        figures: Figures = int(points), amount
        found[metric_id] = plus(found[metric_id], figures) if metric_id in found else figures
    return found
