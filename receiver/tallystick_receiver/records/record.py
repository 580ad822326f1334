"""A record: who used how much of what, and when, as JSON says it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from tallystick.quantity import Quantity
from tallystick.refusal import Reason, Refused
from tallystick.semconv import ATTRIBUTE_VALUE_LENGTH_MAX, PROJECT_ID, USER_ID
from tallystick_receiver.attributes import Attributes, Value, canonical, check_text
from tallystick_receiver.records.json_text import attribute_in, quantity_in, text_in
from tallystick_receiver.records.moment import nanoseconds_of

_MEMBERS: Final = frozenset(
    {"id", "metricKey", "subjectType", "subjectId", "quantity", "timestamp", "metadata", "unit"}
)
_ID_LENGTH_MAX: Final = ATTRIBUTE_VALUE_LENGTH_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record.

    Attributes:
        id: given by the sender, or made up here.
        source: what the id is unique within besides the key's organisation; None for records of our own form.
        attributes: dimensions, organisation and project, as a point of OTLP would have them.
        time_ns: None where the record does not say it.
    """

    id: str
    source: str | None
    metric: str
    unit: str
    attributes: Attributes
    quantity: Quantity
    time_ns: int | None


def record_of(item: dict[str, Any], org_attribute: str) -> Record:
    """A record in our own form.

    Args:
        item: the JSON object.
        org_attribute: the attribute that names the organisation.

    Raises:
        Refused: it breaks a rule.
    """
    if not item.keys() <= _MEMBERS:
        unknown = min(item.keys() - _MEMBERS)[:60]
        raise Refused(Reason.MALFORMED, f"there is no member {unknown!r} in a record; metadata takes what is none")
    metadata = item.get("metadata")
    if not (metadata is None or isinstance(metadata, dict)):
        raise Refused(Reason.MALFORMED, "metadata must be a JSON object")
    dimensions = []
    for key, value in (metadata or {}).items():
        attribute = attribute_in(value)
        if attribute is not None:
            dimensions.append((key, attribute))
        elif value is not None:
            raise Refused(Reason.MALFORMED, f"metadata {key[:60]!r} must be a text, a number, true or false")
    subject = subject_of(text_in(item, "subjectType"), text_in(item, "subjectId"))
    return Record(
        id=checked_id(text_in(item, "id")) or str(uuid.uuid4()),
        source=None,
        metric=text_in(item, "metricKey") or "",
        unit=text_in(item, "unit") or "",
        attributes=attributes_of(dimensions, subject, org_attribute),
        quantity=quantity_in(item.get("quantity"), "quantity"),
        time_ns=time_of(text_in(item, "timestamp"), "timestamp"),
    )


def checked_id(text: str | None) -> str | None:
    """An id that can be told back and hashed; None for none.

    Raises:
        Refused: it is empty, too long or not Unicode.
    """
    if text == "":
        raise Refused(Reason.MALFORMED, "id is empty; leave it out to have one made")
    if text is not None:
        check_text(text, _ID_LENGTH_MAX, Reason.ATTRIBUTE_TOO_LONG)
    return text


def subject_of(kind: str | None, name: str | None) -> tuple[str, str] | None:
    """Type and id of a subject; None where neither is given: the organisation is that of the key or the metadata.

    Raises:
        Refused: one of them is missing.
    """
    if not kind and not name:
        return None
    if not kind or not name:
        raise Refused(Reason.MALFORMED, "subjectType and subjectId go together")
    return kind, name


def attributes_of(dimensions: Attributes, subject: tuple[str, str] | None, org_attribute: str) -> Attributes:
    """Dimensions and subject as the attributes of a point.

    Raises:
        Refused: an attribute stands twice with two values, or breaks a limit.
    """
    keys = {"org": org_attribute, "project": PROJECT_ID, "user": USER_ID}
    named: dict[str, Value] = {}
    renamed = {"orgId": org_attribute, "projectId": PROJECT_ID}
    pairs = [(renamed.get(key, key), value) for key, value in dimensions]
    if subject is not None:
        pairs.append((keys.get(subject[0], subject[0]), ["s", subject[1]]))
    for key, value in pairs:
        if named.setdefault(key, value) != value:
            raise Refused(Reason.DUPLICATE_ATTRIBUTE, f"{key[:80]!r} is said twice, with two values")
    return canonical(list(named.items()))


def time_of(text: str | None, name: str) -> int | None:
    """A time in nanoseconds since 1970.

    Raises:
        Refused: it is not RFC 3339.
    """
    if text is None:
        return None
    try:
        return nanoseconds_of(text)
    except ValueError:
        raise Refused(Reason.MALFORMED, f"{name} must be like 2026-11-01T12:00:00.5Z, not {text[:40]!r}") from None
