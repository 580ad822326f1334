"""The body that defines a metric, field by field, onto what was defined before: pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tallystick.semconv import ATTRIBUTES_MAX, UNIT_LENGTH_MAX
from tallystick_receiver.definitions import Aggregation
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.keeping import ALWAYS_KEPT
from tallystick_receiver.periods import Reset
from tallystick_receiver.question import TIME_UNITS
from tallystick_receiver.thresholds import ORG, PROJECT, dimension_of

if TYPE_CHECKING:
    from tallystick_receiver.definitions import MetricDefinition
    from tallystick_receiver.query.fields import Fields

_DESCRIPTION_LENGTH_MAX: Final = 2000
_NO_DIMENSIONS: Final = frozenset({ORG, PROJECT, "type", *TIME_UNITS})


def changed(base: MetricDefinition, fields: Fields) -> MetricDefinition:
    """What a body makes of a definition; what it does not name stays.

    Raises:
        InvalidQuestion: a field is wrong, or two contradict each other.
    """
    aggregation = fields.choice("aggregationType", Aggregation, base.aggregation)
    found = replace(
        base,
        name=fields.text("name", base.name),
        unit=fields.text("unit", base.unit, length_max=UNIT_LENGTH_MAX, may_be_empty=True),
        description=fields.text("description", base.description, length_max=_DESCRIPTION_LENGTH_MAX, may_be_empty=True),
        reset=fields.choice("resetPeriod", Reset, base.reset),
        aggregation=aggregation,
        unique=_unique(base, fields, aggregation),
        dimensions=_dimensions(base, fields),
    )
    for name in ("id", "definedBy", "dimensionsFrom", "createdAt", "updatedAt"):
        fields.take(name)
    fields.end()
    if found.unique is not None and not keeps(found, found.unique):
        raise InvalidQuestion(f"uniqueDimension: dimensions does not list {found.unique}, so it would not be kept")
    return found


def keeps(definition: MetricDefinition, dimension: str | None) -> bool:
    """Whether rollups keep a dimension; what is none (organisation, project) they always keep."""
    return (
        dimension is None
        or definition.dimensions is None
        or dimension in definition.dimensions
        or dimension in ALWAYS_KEPT
    )


def _unique(base: MetricDefinition, fields: Fields, aggregation: Aggregation) -> str | None:
    said = fields.optional_text("uniqueDimension")
    if aggregation is not Aggregation.UNIQUE:
        if said is not None:
            raise InvalidQuestion("uniqueDimension goes with aggregationType unique only")
        return None
    if said is None and base.unique is None:
        raise InvalidQuestion('uniqueDimension is missing: whose distinct values count, like "user.id"')
    return base.unique if said is None else _dimension("uniqueDimension", said)


def _dimensions(base: MetricDefinition, fields: Fields) -> tuple[str, ...] | None:
    if "dimensions" not in fields:
        return base.dimensions
    said = fields.optional_texts("dimensions", count_max=ATTRIBUTES_MAX)
    return None if said is None else tuple(dict.fromkeys(_dimension("dimensions", key) for key in said))


def _dimension(name: str, said: str) -> str:
    key = None if said in _NO_DIMENSIONS else dimension_of(said)
    if not key:
        raise InvalidQuestion(f"{name}: {said[:60]!r} is no dimension; organisation, project and time are always kept")
    return key
