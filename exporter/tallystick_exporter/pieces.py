"""A collection in pieces of bounded size: the same points with the same times and identity; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics

_Leaf = tuple[ResourceMetrics, ScopeMetrics, Metric]
"""A metric with some of its points, and where it belongs."""


def points_of(collection: MetricsData) -> int:
    """How many points a collection holds."""
    return sum(len(metric.data.data_points) for _, _, metric in _leaves(collection))


def pieces(collection: MetricsData, points_max: int) -> Iterator[MetricsData]:
    """The collection as pieces of at most `points_max` points, in order."""
    piece: list[_Leaf] = []
    room = points_max
    for resource, scope, metric in _leaves(collection):
        data: Any = metric.data
        start = 0
        while start < len(data.data_points):
            points = data.data_points[start : start + room]
            piece.append((resource, scope, replace(metric, data=replace(data, data_points=points))))
            start += len(points)
            room -= len(points)
            if room == 0:
                yield _assembled(piece)
                piece, room = [], points_max
    if piece:
        yield _assembled(piece)


def _leaves(collection: MetricsData) -> Iterator[_Leaf]:
    for resource in collection.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield resource, scope, metric


def _assembled(leaves: Iterable[_Leaf]) -> MetricsData:
    resources = []
    for _, of_resource in groupby(leaves, lambda leaf: id(leaf[0])):
        scopes = []
        for _, of_scope in groupby(of_resource, lambda leaf: id(leaf[1])):
            found = list(of_scope)
            scopes.append(replace(found[0][1], metrics=[metric for _, _, metric in found]))
        resources.append(replace(found[0][0], scope_metrics=scopes))
    return MetricsData(resource_metrics=resources)
