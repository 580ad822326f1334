"""Which OTLP metrics can be counted: the kind of a metric from its data and properties (metrics.proto)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from tallystick.refusal import Reason, Refused
from tallystick.semconv import KIND_HISTOGRAM, KIND_LEVEL, KIND_SUM

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
HISTOGRAMS: Final = frozenset({Shape.HISTOGRAM, Shape.EXPONENTIAL_HISTOGRAM})
WITH_TEMPORALITY: Final = HISTOGRAMS | {Shape.SUM}


def kind_of(shape: int, temporality: int, *, monotonic: bool) -> tuple[str, bool]:
    """What a metric's points say: a cumulative sum that may go down is how much there is, as a gauge is.

    Returns:
        The kind, and whether its points are cumulative: values that are converted to what they add.

    Raises:
        Refused: a kind that cannot be counted, or no temporality.
    """
    if shape == Shape.GAUGE:
        return KIND_LEVEL, False
    if shape == Shape.SUMMARY:
        raise Refused(Reason.SUMMARY_UNSUPPORTED)
    if temporality not in (DELTA, CUMULATIVE):
        raise Refused(Reason.TEMPORALITY_UNSPECIFIED)
    if shape in HISTOGRAMS:
        return KIND_HISTOGRAM, temporality == CUMULATIVE
    if not monotonic:
        if temporality == CUMULATIVE:
            return KIND_LEVEL, False
        raise Refused(Reason.NON_MONOTONIC_DELTA)
    return KIND_SUM, temporality == CUMULATIVE
