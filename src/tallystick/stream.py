"""What is counted separately: a type and unit, an organisation, a project, and metadata."""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.semconv import ORG_ID, PROJECT_ID
from tallystick.validity import (
    AttributeValue,
    attributes_of,
    organization_of,
    project_of,
    type_of,
    unit_of,
)

Shortcut = tuple[object, ...]
"""The arguments of `record()` as they came: what finds a stream again without checking anything."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of usage; True, 1 and 1.0 are different attribute values, as OTel has it."""

    type: str
    unit: str
    organization_id: str
    project_id: str | None
    metadata: tuple[tuple[str, str, AttributeValue], ...]
    """Key, type of the value, value; sorted by key."""

    def attributes(self) -> dict[str, AttributeValue]:
        """The attributes of this stream's points."""
        attributes: dict[str, AttributeValue] = {ORG_ID: self.organization_id}
        if self.project_id is not None:
            attributes[PROJECT_ID] = self.project_id
        attributes.update((key, value) for key, _, value in self.metadata)
        return attributes


def stream_of(
    type_: object,
    organization_id: object,
    project_id: object,
    metadata: object,
    unit: object,
) -> Stream:
    """The stream that these arguments of `record()` mean.

    Raises:
        Unrecordable: an argument breaks a rule of `tallystick.validity`.
    """
    return Stream(
        type=type_of(type_),
        unit=unit_of(unit),
        organization_id=organization_of(organization_id),
        project_id=project_of(project_id),
        metadata=tuple((key, type(value).__name__, value) for key, value in attributes_of(metadata).items()),
    )


def is_shortcut(shortcut: Shortcut) -> bool:
    """Whether equal arguments always mean the same stream: only plain text does (1 equals True)."""
    type_, organization_id, project_id, unit, items = shortcut
    if type(type_) is not str or type(organization_id) is not str or type(unit) is not str:
        return False
    if project_id is not None and type(project_id) is not str:
        return False
    return not isinstance(items, tuple) or all(type(key) is str and type(value) is str for key, value in items)
