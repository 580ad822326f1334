"""What may be recorded: rules for quantities, names, ids and metadata, and reasons to refuse.

The rules are those of the OpenTelemetry API and data model, and of design section 2. They are
checked here because the SDK would lose a whole batch over one bad value: an integer beyond 64 bits
or a text that is not Unicode makes the encoding of everything collected with it fail.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Final, NoReturn

from tallystick.semconv import (
    ATTRIBUTE_KEY_LENGTH_MAX,
    ATTRIBUTE_VALUE_LENGTH_MAX,
    ATTRIBUTES_MAX,
    ID_LENGTH_MAX,
    INT64_MAX,
    INT64_MIN,
    ORG_ID,
    PROJECT_ID,
    UNIT_LENGTH_MAX,
)

DECIMAL_PLACES_MAX: Final = 324
"""Decimal places of a quantity; every finite float has at most so many in its shortest form."""

EXACT: Final = Context(prec=800, traps=[Inexact, InvalidOperation])
"""Adds any number of quantities without rounding, and raises rather than rounds."""

AttributeValue = str | bool | int | float

_TYPE = re.compile(r"[A-Za-z][-_./A-Za-z0-9]{0,254}")
"""https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument-name-syntax"""


class NotRecorded(StrEnum):
    """Why a quantity was not recorded."""

    BAD_TYPE = "bad_type"
    BAD_UNIT = "bad_unit"
    BAD_ORGANIZATION = "bad_organization"
    BAD_PROJECT = "bad_project"
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    TOO_LARGE = "too_large"
    TOO_FINE = "too_fine"
    BAD_METADATA = "bad_metadata"
    TOO_MANY_ATTRIBUTES = "too_many_attributes"
    BAD_ATTRIBUTE_KEY = "bad_attribute_key"
    BAD_ATTRIBUTE_VALUE = "bad_attribute_value"
    RESERVED_ATTRIBUTE = "reserved_attribute"
    TOO_MANY_KEYS = "too_many_keys"
    CALLBACK_FAILED = "callback_failed"
    UNUSABLE = "unusable"


MEANING: Final[dict[NotRecorded, str]] = {
    NotRecorded.BAD_TYPE: "the type is not an OpenTelemetry instrument name",
    NotRecorded.BAD_UNIT: f"the unit is not ASCII text of at most {UNIT_LENGTH_MAX} characters",
    NotRecorded.BAD_ORGANIZATION: f"organization_id is not text of 1 to {ID_LENGTH_MAX} characters",
    NotRecorded.BAD_PROJECT: f"project_id is not text of 1 to {ID_LENGTH_MAX} characters",
    NotRecorded.NOT_A_NUMBER: "the quantity is not a finite int, float or Decimal",
    NotRecorded.NEGATIVE: "the quantity is negative",
    NotRecorded.TOO_LARGE: "the quantity is larger than 2^63-1",
    NotRecorded.TOO_FINE: f"the quantity has more than {DECIMAL_PLACES_MAX} decimal places",
    NotRecorded.BAD_METADATA: "metadata is not a mapping",
    NotRecorded.TOO_MANY_ATTRIBUTES: f"more than {ATTRIBUTES_MAX} attributes, ids included",
    NotRecorded.BAD_ATTRIBUTE_KEY: (f"a metadata key is not text of 1 to {ATTRIBUTE_KEY_LENGTH_MAX} characters"),
    NotRecorded.BAD_ATTRIBUTE_VALUE: (
        "a metadata value is not a bool, a 64-bit int, a finite float or text of at most "
        f"{ATTRIBUTE_VALUE_LENGTH_MAX} characters"
    ),
    NotRecorded.RESERVED_ATTRIBUTE: f"metadata says {ORG_ID} or {PROJECT_ID}; use the arguments",
    NotRecorded.TOO_MANY_KEYS: "keys_max different keys wait and no reader collects them",
    NotRecorded.CALLBACK_FAILED: "the callback of a level raised or gave no Level",
    NotRecorded.UNUSABLE: "an argument raised when it was looked at",
}


class Unrecordable(Exception):  # noqa: N818 - a verdict about an argument, not a failure of ours
    """This quantity cannot be recorded; `record()` counts the reason and goes on."""

    def __init__(self, reason: NotRecorded) -> None:
        super().__init__(MEANING[reason])
        self.reason = reason


def _refuse(reason: NotRecorded) -> NoReturn:
    raise Unrecordable(reason)


def exact(quantity: object) -> int | Decimal:
    """The quantity digit for digit: an int where it is whole, else a Decimal.

    A float counts as its shortest decimal, so that 0.1 is one tenth.

    Raises:
        Unrecordable: it is no number, negative, larger than 2^63-1 or too fine.
    """
    if isinstance(quantity, bool):
        _refuse(NotRecorded.NOT_A_NUMBER)
    if isinstance(quantity, int):
        # The plain int of a subclass, whatever its own methods do.
        whole = int.__index__(quantity)
        _check_range(whole)
        return whole
    if isinstance(quantity, float):
        if not math.isfinite(quantity):
            _refuse(NotRecorded.NOT_A_NUMBER)
        quantity = Decimal(float.__repr__(quantity))
    if not isinstance(quantity, Decimal) or not quantity.is_finite():
        _refuse(NotRecorded.NOT_A_NUMBER)
    _check_range(quantity)
    if quantity == quantity.to_integral_value():
        return int(quantity)
    places = quantity.as_tuple().exponent
    if not isinstance(places, int) or places < -DECIMAL_PLACES_MAX:
        _refuse(NotRecorded.TOO_FINE)
    return quantity


def exact_sum(one: Decimal | int, other: Decimal | int) -> int | Decimal:
    """The sum digit for digit, an int where it is whole."""
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    total = EXACT.add(Decimal(one), Decimal(other))
    return int(total) if total == total.to_integral_value() else total


def _check_range(number: Decimal | int) -> None:
    if number < 0:
        _refuse(NotRecorded.NEGATIVE)
    if number > INT64_MAX:
        _refuse(NotRecorded.TOO_LARGE)


def type_of(name: object) -> str:
    """The metric key: an instrument name in lower case, for OTel names ignore case."""
    if not isinstance(name, str) or _TYPE.fullmatch(name) is None:
        _refuse(NotRecorded.BAD_TYPE)
    return str.lower(name)


def unit_of(unit: object) -> str:
    """A unit as OTel takes it; empty means none."""
    if not isinstance(unit, str) or len(unit) > UNIT_LENGTH_MAX:
        _refuse(NotRecorded.BAD_UNIT)
    if not unit.isascii() or "\0" in unit:
        _refuse(NotRecorded.BAD_UNIT)
    return str.__str__(unit)


def organization_of(organization_id: object) -> str:
    """An organisation's id, which every record has."""
    return _text(organization_id, 1, ID_LENGTH_MAX, NotRecorded.BAD_ORGANIZATION)


def project_of(project_id: object) -> str | None:
    """A project's id, or None for usage of no project."""
    if project_id is None:
        return None
    return _text(project_id, 1, ID_LENGTH_MAX, NotRecorded.BAD_PROJECT)


def attributes_of(metadata: object) -> dict[str, AttributeValue]:
    """Metadata as attributes, in the order of their keys."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        _refuse(NotRecorded.BAD_METADATA)
    if len(metadata) > ATTRIBUTES_MAX - 2:
        _refuse(NotRecorded.TOO_MANY_ATTRIBUTES)
    attributes = {_key(key): _value(value) for key, value in metadata.items()}
    return dict(sorted(attributes.items()))


@lru_cache(maxsize=1024)
def _key(key: object) -> str:
    text = _text(key, 1, ATTRIBUTE_KEY_LENGTH_MAX, NotRecorded.BAD_ATTRIBUTE_KEY)
    if text in (ORG_ID, PROJECT_ID):
        _refuse(NotRecorded.RESERVED_ATTRIBUTE)
    return text


def _value(value: object) -> AttributeValue:
    if isinstance(value, str):
        return _text(value, 0, ATTRIBUTE_VALUE_LENGTH_MAX, NotRecorded.BAD_ATTRIBUTE_VALUE)
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX:
        return int.__index__(value)
    if isinstance(value, float) and math.isfinite(value):
        return float.__float__(value)
    _refuse(NotRecorded.BAD_ATTRIBUTE_VALUE)


def _text(text: object, length_min: int, length_max: int, otherwise: NotRecorded) -> str:
    """Text that UTF-8 and PostgreSQL can hold: no lone surrogates, no NUL."""
    if text.__class__ is str and text.isascii() and length_min <= len(text) <= length_max and "\0" not in text:
        return text
    if not isinstance(text, str) or not length_min <= len(text) <= length_max or "\0" in text:
        _refuse(otherwise)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Unrecordable(otherwise) from error
    # The plain str of a subclass, so that an enum's member and its text are one attribute.
    return str.__str__(text)
