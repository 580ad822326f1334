"""CloudEvents 1.0 as records (JSON format, structured mode), as OpenMeter's clients send them.

type is the metric, subject the subject's id, source and id together are what a resend is recognised by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tallystick.quantity import Quantity
from tallystick.refusal import Reason, Refused
from tallystick.semconv import ATTRIBUTE_VALUE_LENGTH_MAX
from tallystick_receiver.attributes import check_text
from tallystick_receiver.records.json_text import attribute_in, quantity_in, text_in
from tallystick_receiver.records.record import Record, attributes_of, checked_id, subject_of, time_of

_ONE: Final = Quantity(1, 0)
QUANTITY_KEYS: Final = ("quantity", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """What an event does not say itself; parameters of the URL.

    Attributes:
        subject_type: what `subject` names.
        quantity_keys: members of `data` that hold the quantity, the first one found; none: `quantity` or `value`,
            and an event without is one.
    """

    subject_type: str = "org"
    quantity_keys: tuple[str, ...] = ()


def record_of_event(event: dict[str, Any], mapping: Mapping, org_attribute: str) -> Record:
    """What an event records; members of `data` that are no scalars and extensions but `unit` are not looked at.

    Raises:
        Refused: it is no CloudEvent, or breaks a rule of records.
    """
    if text_in(event, "specversion") not in (None, "1.0"):
        raise Refused(Reason.MALFORMED, "specversion must be 1.0")
    found_id, source, metric = (text_in(event, name) for name in ("id", "source", "type"))
    if not (found_id and source and metric):
        raise Refused(Reason.MALFORMED, "a CloudEvent has an id, a source and a type")
    check_text(source, ATTRIBUTE_VALUE_LENGTH_MAX, Reason.ATTRIBUTE_TOO_LONG)
    content = event.get("data")
    if "data_base64" in event or not (content is None or isinstance(content, dict)):
        raise Refused(Reason.MALFORMED, "data must be a JSON object")
    content = content or {}
    keys = mapping.quantity_keys or QUANTITY_KEYS
    key = next((key for key in keys if content.get(key) is not None), None)
    if key is None and mapping.quantity_keys:
        raise Refused(Reason.VALUE_MISSING, f"data has none of {', '.join(keys)}"[:200])
    scalars = [(name, attribute_in(value)) for name, value in content.items() if name != key]
    subject = text_in(event, "subject")
    return Record(
        id=checked_id(found_id) or "",
        source=source,
        metric=metric,
        unit=text_in(event, "unit") or "",
        attributes=attributes_of(
            [(name, value) for name, value in scalars if value is not None],
            subject_of(mapping.subject_type, subject) if subject else None,
            org_attribute,
        ),
        quantity=_ONE if key is None else quantity_in(content[key], key),
        time_ns=time_of(text_in(event, "time"), "time"),
    )
