"""The sender's half: what a process says about each of its collections, so that the receiver can compare; no I/O.

One point a collection, since a Collector may split a collection anywhere, but no point. It carries the sequence number,
and for each metric the points and the exact sum, of this collection and of all so far: so the amount of a collection
that was lost whole is the difference of its neighbours' totals.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from math import isfinite
from typing import Any, Final

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from tallystick.quantity import text_of
from tallystick.semconv import (
    KIND_HISTOGRAM,
    KIND_LEVEL,
    KIND_OPERATIONS,
    KIND_SUM,
    METRIC_OVERFLOW,
    ORG_ALIASES,
    SENDER_COLLECTION,
    SENDER_SCOPE,
    SENDER_TALLY,
)
from tallystick_exporter.clock import Span

ORG_ATTRIBUTES_VARIABLE: Final = "TALLYSTICK_ORG_ATTRIBUTES"

_EXACT: Final = Context(prec=1500)
"""Holds the sum of any doubles."""
_Key = tuple[str, str, str]
"""Metric, unit, kind: what the receiver keeps its sums by."""
_Figures = tuple[int, Decimal]
"""Points, and their exact sum."""
_NOTHING: Final[_Figures] = (0, Decimal(0))


@dataclass(frozen=True, slots=True)
class _Half:
    """The totals of all collections so far, of points that name an organisation or of those that do not."""

    total: dict[_Key, _Figures]

    def with_collection(self, own: dict[_Key, _Figures]) -> list[list[Any]]:
        """Add a collection; returns the tally's entries."""
        for key, figures in own.items():
            self.total[key] = _sum(self.total.get(key, _NOTHING), figures)
        return [
            [*key, own.get(key, _NOTHING)[0], text_of(own.get(key, _NOTHING)[1]), points, text_of(total)]
            for key, (points, total) in self.total.items()
        ]


class Tally:
    """The tallies of one process, one after the other without a gap.

    Args:
        begun_ns: from when on it tells; with the writer it names the sequence.
        interval_ns: how often a collection is due.
        org_attributes: what names an organisation; default TALLYSTICK_ORG_ATTRIBUTES as for the receiver, else its
            default.
    """

    def __init__(self, begun_ns: int, interval_ns: int, org_attributes: Iterable[str] | None = None) -> None:
        self._begun_ns = begun_ns
        self._interval_ns = interval_ns
        given = os.environ.get(ORG_ATTRIBUTES_VARIABLE) or ",".join(ORG_ALIASES)
        found = given.split(",") if org_attributes is None else org_attributes
        self._org_attributes = frozenset(key.strip() for key in found) - {""}
        self._sequence = 0
        self._attributed = _Half({})
        self._unattributed = _Half({})

    def cut(self, collection: MetricsData, span: Span, resource: Resource, *, is_last: bool) -> MetricsData:
        """The collection with its tally.

        Args:
            collection: what goes out, with its final times; nothing in an idle interval.
            span: what it covers.
            resource: of the process, with its own service.instance.id.
            is_last: no further one follows: the process ends.
        """
        self._sequence += 1
        attributed, unattributed = self._figures(collection)
        tally: dict[str, Any] = {
            "begun": self._begun_ns,
            "start": span.start_ns,
            "interval": self._interval_ns,
            "last": is_last,
            "entries": self._attributed.with_collection(attributed),
            "unattributed": self._unattributed.with_collection(unattributed),
        }
        text = json.dumps(tally, ensure_ascii=False, separators=(",", ":"))
        point = NumberDataPoint({SENDER_TALLY: text}, 0, span.end_ns, self._sequence, [])
        metric = Metric(SENDER_COLLECTION, "what this process sent, by metric", "{collection}", Gauge([point]))
        scope = ScopeMetrics(InstrumentationScope(SENDER_SCOPE), [metric], "")
        if not collection.resource_metrics:
            return MetricsData([ResourceMetrics(resource, [scope], "")])
        first, *others = collection.resource_metrics
        return MetricsData([replace(first, scope_metrics=[*first.scope_metrics, scope]), *others])

    def _figures(self, collection: MetricsData) -> tuple[dict[_Key, _Figures], dict[_Key, _Figures]]:
        """Of the points that name an organisation, by themselves or by their resource, and of the others."""
        attributed: dict[_Key, list[Any]] = defaultdict(list)
        unattributed: dict[_Key, list[Any]] = defaultdict(list)
        for found in collection.resource_metrics:
            names_org = not self._org_attributes.isdisjoint(found.resource.attributes)
            for scope in found.scope_metrics:
                for metric in scope.metrics:
                    key = metric.name.lower(), metric.unit or "", _kind(metric)
                    for point in metric.data.data_points:
                        is_attributed = names_org or self._names_org(point.attributes or {})
                        (attributed if is_attributed else unattributed)[key].append(point)
        return _summed(attributed), _summed(unattributed)

    def _names_org(self, attributes: Any) -> bool:  # noqa: ANN401 - a mapping of any attribute values
        return not self._org_attributes.isdisjoint(attributes) or attributes.get(METRIC_OVERFLOW) is True


def _kind(metric: Metric) -> str:
    data: Any = metric.data
    if hasattr(data, "is_monotonic"):
        return KIND_SUM if data.is_monotonic else KIND_LEVEL
    return KIND_LEVEL if isinstance(data, Gauge) else KIND_HISTOGRAM


def _summed(found: dict[_Key, list[Any]]) -> dict[_Key, _Figures]:
    figures: dict[_Key, _Figures] = {}
    for key, points in found.items():
        metric, unit, kind = key
        if kind == KIND_HISTOGRAM:
            figures[key] = len(points), _exact([float(point.sum) for point in points])
            figures[metric, unit, KIND_OPERATIONS] = len(points), _exact([point.count for point in points])
        else:
            figures[key] = len(points), _exact([point.value for point in points])
    return figures


def _exact(values: list[Any]) -> Decimal:
    """The sum, digit for digit; a float counts as its shortest decimal, and one that is no number is not added."""
    whole = sum(value for value in values if type(value) is int)
    total = Decimal(whole)
    for value in values:
        if type(value) is not int and isfinite(value):
            total = _EXACT.add(total, Decimal(repr(float(value))))
    return total


def _sum(one: _Figures, other: _Figures) -> _Figures:
    return one[0] + other[0], _EXACT.add(one[1], other[1])
