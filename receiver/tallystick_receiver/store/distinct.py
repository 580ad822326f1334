"""How many distinct values of a dimension there were, from the same rollups as any question."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tallystick_receiver.keeping import is_kept, spans_of
from tallystick_receiver.ranges import QUARTER, ceiling, ranges_of
from tallystick_receiver.store.keeping import read_rules
from tallystick_receiver.store.scene import columns, edges, project_of, refuse_dropped
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from tallystick_receiver.question import Question
    from tallystick_receiver.store.scene import Scene


class Whose(NamedTuple):
    """A group of a question, and a metric."""

    org: str | None
    project: str | None
    dimensions: tuple[str | None, ...]
    metric: str
    unit: str


async def read_distinct(
    scene: Scene, question: Question, metric_ids: Collection[int], dimension: str
) -> dict[Whose, int]:
    """Distinct values by group; who is missing has none.

    A value is one whose usage in the window is not zero (sums and histograms) or that has a sample in it (levels), as
    the text that groupBy shows. A point without the attribute has no value; an empty text is one.

    Args:
        scene: a snapshot.
        question: what; units of time in `group_by` are not looked at.
        metric_ids: of which metrics.
        dimension: whose values.

    Raises:
        InvalidQuestion: the window needs what was dropped.
    """
    if not metric_ids or not scene.orgs:
        return {}
    question = replace(question, group_by=tuple(g for g in question.group_by if g != question.unit))
    ranges = ranges_of(question.start, question.end, None, question.zone, hourly=False)
    refuse_dropped(ranges, scene.kept_from)
    rows = await scene.connection.fetch(
        statement("read_distinct"), scene.orgs, list(metric_ids), project_of(question), "org" in question.group_by,
        "project" in question.group_by, *ranges.deltas, *edges(ranges.points), *columns(ranges.quarters),
        *columns(ranges.days), list(question.dimensions), json.dumps(question.filters), dimension,
    )  # fmt: skip
    return {
        Whose(row["org"], row["project"], tuple(row["dimensions"]), row["key"], row["unit"]): row["distinct_values"]
        for row in rows
    }


async def unkept(
    scene: Scene, key: str, dimension: str, question: Question, orgs: Iterable[str | None], now: datetime
) -> set[str | None]:
    """Organisations of whose usage in the window a dimension was not kept throughout, so that nobody knows its values.

    Args:
        scene: a snapshot.
        key: of the metric.
        dimension: whose values.
        question: its window counts.
        orgs: which; None is all of them together.
        now: nothing is stored of later.
    """
    rules = await read_rules(scene.connection, [key])
    end = min(question.end, ceiling(now.astimezone(UTC), QUARTER))
    own = {rule.org for rule in rules}
    lacking = {org for org in own | set(orgs) if not is_kept(dimension, spans_of(rules, org), question.start, end)}
    return lacking | {None} if lacking & own else lacking
