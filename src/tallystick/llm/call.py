"""What the caller says about a request to a model, and the attributes that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from tallystick.llm.attribution import Attribution
from tallystick.llm.block import name, word
from tallystick.llm.kinds import (
    AGENT,
    CONVERSATION,
    FEATURE,
    MODEL,
    PARENT_AGENT,
    PROVIDER,
    REGION,
    ROOT,
    SERVICE_TIER,
    USER,
)
from tallystick.llm.reading import Reading, tier_or
from tallystick.semconv import ATTRIBUTES_MAX
from tallystick.validity import AttributeValue, Unrecordable, attributes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a model, as its caller knows it."""

    who: Attribution
    provider: str
    model: str | None = None
    service_tier: str | None = None
    batch: bool = False
    region: str | None = None
    units: Mapping[str, Decimal | float] | None = None
    metadata: Mapping[str, AttributeValue] | None = None

    def attributes(self, model: str | None, reading: Reading | None) -> tuple[dict[str, AttributeValue], int]:
        """The attributes of all that is recorded of this call, and how many of them were unusable and left out.

        A bad label costs the label, never the tokens.

        Args:
            model: that answered, where the response says so.
            reading: what the response says besides; it wins over what the caller says.
        """
        served_tier, served_region = (None, None) if reading is None else (reading.tier, reading.region)
        values: dict[str, object] = {
            PROVIDER: word(self.provider) or self.provider,
            MODEL: model or name(self.model),
            SERVICE_TIER: tier_or(served_tier, self.service_tier, is_batch=self.batch),
            REGION: served_region or word(self.region),
            USER: _id(self.who.user),
            CONVERSATION: _id(self.who.conversation),
            FEATURE: _id(self.who.feature),
            AGENT: _id(self.who.agent),
            PARENT_AGENT: _id(self.who.parent_agent),
            ROOT: _id(self.who.root),
        }
        labels = {key: _label(key, value) for key, value in values.items() if value not in (None, "")}
        usable = {key: label for key, label in labels.items() if label is not None}
        unusable = len(labels) - len(usable)
        if self.metadata is None:
            return usable, unusable
        if not isinstance(self.metadata, Mapping) or len(self.metadata) > _METADATA_MAX:
            return usable, unusable + 1
        further = {key: _checked(key, value) for key, value in self.metadata.items()}
        wanted = {key: label for key, label in further.items() if label is not None}
        return {**wanted, **usable}, unusable + len(further) - len(wanted)


_METADATA_MAX: Final = ATTRIBUTES_MAX - 20
"""Beside our own attributes, so that one too many costs the metadata and not the tokens."""
_PLAIN_LENGTH_MAX: Final = 255


def _id(value: object) -> object:
    """An id as text, also where it is a number or a UUID: 17 and "17" are one user."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number or isinstance(value, UUID) else value


def _label(key: str, value: object) -> AttributeValue | None:
    """The value of one of our attributes; None: it is unusable."""
    if isinstance(value, str) and 0 < len(value) <= _PLAIN_LENGTH_MAX and value.isascii() and "\0" not in value:
        return value
    return _checked(key, value)


def _checked(key: str, value: object) -> AttributeValue | None:
    try:
        return attributes_of({key: value})[key]
    except Unrecordable:
        return None
