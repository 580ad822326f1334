"""JSON whose numbers stay texts: a decimal is never a float, and a huge number spoils nothing but its record."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

from tallystick.quantity import Quantity, quantity_of
from tallystick.refusal import Reason, Refused
from tallystick_receiver.attributes import Value
from tallystick_receiver.errors import Malformed

_DECIMAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LENGTH_MAX: Final = 1024
_SMALL: Final = 18
"""So many digits fit 63 bits whatever they are."""


class Number(str):
    """A number as it stands in the JSON text."""

    __slots__ = ()


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON text; numbers are `Number`.

    Raises:
        Malformed: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(body, parse_float=Number, parse_int=Number, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {str(error)[:200]}") from None


def quantity_in(value: Any, name: str) -> Quantity:  # noqa: ANN401 - any JSON value
    """An exact quantity, from a JSON number or a decimal text.

    Raises:
        Refused: it is missing, no finite decimal, or has more digits than can be stored.
    """
    if value is None:
        raise Refused(Reason.VALUE_MISSING, f"there is no {name}")
    if not isinstance(value, str):
        raise Refused(Reason.MALFORMED, f"{name} must be a number or a decimal text")
    if len(value) <= _SMALL and value.isascii() and value.isdigit():
        return Quantity(int(value), 0)
    if len(value) > _LENGTH_MAX:
        raise Refused(Reason.QUANTITY_OUT_OF_RANGE, f"{name} has {len(value)} characters, {_LENGTH_MAX} allowed")
    if _DECIMAL.fullmatch(value) is None:
        raise Refused(Reason.NOT_A_NUMBER, f"{name} must be a decimal number, not {value[:40]!r}")
    try:
        return quantity_of(Decimal(value))
    except OverflowError:
        raise Refused(Reason.QUANTITY_OUT_OF_RANGE) from None


def text_in(item: dict[str, Any], name: str) -> str | None:
    """A text of a JSON object; None where it is absent or null.

    Raises:
        Refused: it is something else.
    """
    value = item.get(name)
    if value is None or type(value) is str:
        return value
    raise Refused(Reason.MALFORMED, f"{name} must be a text")


def attribute_in(value: Any) -> Value | None:  # noqa: ANN401 - any JSON value
    """A scalar as a dimension has it; None for what is no scalar, and for null."""
    if isinstance(value, bool):
        return ["b", value]
    if not isinstance(value, str):
        return None
    if not isinstance(value, Number) or len(value) > _LENGTH_MAX:
        return ["s", str(value)]
    if value.lstrip("-").isdigit():
        return ["i", str(int(value))]
    return ["d", repr(float(value))]


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
