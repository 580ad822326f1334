"""What a metric means: how its stored usage is read, and when its period begins anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum
from typing import Final

from tallystick.semconv import KIND_LEVEL
from tallystick_receiver.identity import id_of, identity_text
from tallystick_receiver.periods import Reset

_DIVIDE: Final = Context(prec=38)


class Aggregation(StrEnum):
    """How much of what was stored counts."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MAX = "max"
    MIN = "min"
    LAST = "last"
    UNIQUE = "unique"


SAMPLED: Final = frozenset({Aggregation.MAX, Aggregation.MIN, Aggregation.LAST})
"""Records of a metric that somebody defined so say how much there is, not how much was used."""
OF_SUMS: Final = frozenset({Aggregation.SUM, Aggregation.COUNT, Aggregation.AVG, Aggregation.UNIQUE})
"""What is known of counters and histograms: single points are not kept for ever."""
OF_LEVELS: Final = frozenset(
    {Aggregation.LAST, Aggregation.MIN, Aggregation.MAX, Aggregation.AVG, Aggregation.COUNT, Aggregation.UNIQUE}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDefinition:
    """One metric's meaning, for an organisation or (org None) for all that have no own one.

    Attributes:
        unit: which usage of this key it reads, where the key came in several units.
        unique: the dimension whose distinct values are counted; None unless the aggregation is UNIQUE.
        dimensions: what rollups keep of sums and histograms, beside service.name; None for all.
        dimensions_from: usage before keeps what it had; None where that is since ever.
        is_seen: whether usage defined it, and nobody changed it since.
    """

    key: str
    org: str | None
    name: str
    description: str
    unit: str
    aggregation: Aggregation
    reset: Reset
    unique: str | None = None
    dimensions: tuple[str, ...] | None = None
    dimensions_from: datetime | None = None
    is_seen: bool
    created_at: datetime
    updated_at: datetime

    @property
    def id(self) -> str:
        """The same for the same key and organisation, always."""
        return definition_id(self.key, self.org)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMetric:
    """A metric as usage brought it: one key may come in several units and kinds."""

    metric_id: int
    key: str
    unit: str
    kind: str

    @property
    def is_level(self) -> bool:
        """Whether it says how much there is, not how much was used."""
        return self.kind == KIND_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was stored of a metric for one subject and period, of sums and of levels apart.

    Attributes:
        quantity: sum of sums and histograms.
        count: operations where known, else points.
        last, lowest, highest, average: of levels; None where there are none.
        samples: of levels.
        distinct: values of dimensions; None where rollups do not keep the dimension.
    """

    quantity: Decimal = Decimal(0)
    count: int = 0
    last: Decimal | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None
    average: Decimal | None = None
    samples: int = 0
    distinct: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """Operations, points and samples."""
        return self.count + self.samples


def definition_id(key: str, org: str | None) -> str:
    """The id of the definition of a key, for an organisation or for all."""
    return f"met_{id_of(identity_text('definition', key, org)) % 2**64:016x}"


def metrics_read_by(definition: MetricDefinition, seen: Iterable[SeenMetric]) -> list[SeenMetric]:
    """The stored metrics that a definition reads: those of its key and unit.

    Where its unit never came, those of the key's only unit: what somebody calls "calls" may come without any unit. Of
    several other units none, since they do not add up.
    """
    of_key = [metric for metric in seen if metric.key == definition.key]
    exact = [metric for metric in of_key if metric.unit == definition.unit]
    return exact or (of_key if len({metric.unit for metric in of_key}) == 1 else [])


def unit_of(definition: MetricDefinition, metrics: Sequence[SeenMetric]) -> str:
    """The unit of what a definition reads: as usage came, or as the definition calls what came without any."""
    return (metrics[0].unit if metrics else "") or definition.unit


def fits(aggregation: Aggregation, metrics: Iterable[SeenMetric]) -> bool:
    """Whether what is stored of these metrics can be read so; anything fits what was never seen."""
    known = [OF_LEVELS if metric.is_level else OF_SUMS for metric in metrics]
    return not known or any(aggregation in one for one in known)


def used(definition: MetricDefinition, figures: Figures) -> Decimal | None:
    """How much that is; None where nothing is known of it (a level without samples, an average of nothing)."""
    aggregation = definition.aggregation
    if aggregation is Aggregation.UNIQUE:
        values = figures.distinct.get(definition.unique or "", 0)
        return None if values is None else Decimal(values)
    if aggregation is Aggregation.AVG and figures.count:
        return _DIVIDE.divide(figures.quantity, Decimal(figures.count))
    return {
        Aggregation.SUM: figures.quantity,
        Aggregation.COUNT: Decimal(figures.records),
        Aggregation.LAST: figures.last,
        Aggregation.MIN: figures.lowest,
        Aggregation.MAX: figures.highest,
        Aggregation.AVG: figures.average,
    }[aggregation]
