"""Which OTLP metrics can be counted: the kind of a metric from its data and properties (metrics.proto)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from tallystick.refusal import Reason, Refused
from tallystick_receiver.identity import LEVEL, SUM

DELTA: Final = 1
CUMULATIVE: Final = 2
RESOURCE_ATTRIBUTES_MAX: Final = 1000


class Shape(IntEnum):
    """A metric's data, by its field number in the Metric message; NONE is a metric without data."""

    NONE = 0
    GAUGE = 5
    SUM = 7
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10
    SUMMARY = 11


SHAPES: Final = frozenset(int(shape) for shape in Shape if shape)
WITH_TEMPORALITY: Final = frozenset({Shape.SUM, Shape.HISTOGRAM, Shape.EXPONENTIAL_HISTOGRAM})


def kind_of(shape: int, temporality: int, *, monotonic: bool) -> str:
    """SUM or LEVEL: a cumulative sum that may go down says how much there is, as a gauge does.

    Raises:
        Refused: a kind that cannot be counted (yet), or no temporality.
    """
    if shape == Shape.GAUGE:
        return LEVEL
    if shape == Shape.SUMMARY:
        raise Refused(Reason.SUMMARY_UNSUPPORTED)
    if temporality not in (DELTA, CUMULATIVE):
        raise Refused(Reason.TEMPORALITY_UNSPECIFIED)
    if shape in (Shape.HISTOGRAM, Shape.EXPONENTIAL_HISTOGRAM):
        raise Refused(Reason.HISTOGRAM_UNSUPPORTED)
    if not monotonic:
        if temporality == CUMULATIVE:
            return LEVEL
        raise Refused(Reason.NON_MONOTONIC_DELTA)
    if temporality == CUMULATIVE:
        raise Refused(Reason.CUMULATIVE_UNSUPPORTED)
    return SUM
