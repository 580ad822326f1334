"""Attribute sets in one canonical, type-tagged form, whatever encoding they came in.

A value is a JSON array that starts with its type: `["s", "eu"]`, `["i", "1"]`, `["d", "1.0"]`, `["b", true]`,
`["x", base64]`, `["a", [...]]`, `["k", [[key, value], ...]]`, `["n"]`: True, 1 and 1.0 stay different (OTel
attribute identity), and the text of it is what identities are hashed from.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tallystick.refusal import Reason, Refused
from tallystick.semconv import (
    ATTRIBUTE_KEY_LENGTH_MAX,
    ATTRIBUTE_VALUE_LENGTH_MAX,
    ATTRIBUTES_MAX,
)

Value = list[Any]
Attributes = list[tuple[str, Value]]
DEPTH_MAX: Final = 8
"""Nesting of arrays and maps in one attribute value."""


def canonical(attributes: Attributes) -> Attributes:
    """The same set sorted by key, checked against every rule of an attribute set.

    Raises:
        Refused: too many, too long, a key twice, or text that PostgreSQL cannot store.
    """
    if len(attributes) > ATTRIBUTES_MAX:
        raise Refused(Reason.TOO_MANY_ATTRIBUTES, f"{len(attributes)} attributes, {ATTRIBUTES_MAX} allowed")
    ordered = sorted(attributes, key=lambda pair: pair[0])
    for position, (key, value) in enumerate(ordered):
        if position and ordered[position - 1][0] == key:
            raise Refused(Reason.DUPLICATE_ATTRIBUTE, f"attribute {key[:80]!r} stands twice")
        check_text(key, ATTRIBUTE_KEY_LENGTH_MAX, Reason.ATTRIBUTE_TOO_LONG)
        if value[0] == "s":
            check_text(value[1], ATTRIBUTE_VALUE_LENGTH_MAX, Reason.ATTRIBUTE_TOO_LONG)
        else:
            text = json.dumps(value, ensure_ascii=False)
            check_text(text, ATTRIBUTE_VALUE_LENGTH_MAX, Reason.ATTRIBUTE_TOO_LONG)
            if "\\u0000" in text:
                raise Refused(Reason.NUL_CHARACTER)
    return ordered


def check_text(text: str, length_max: int, too_long: Reason) -> None:
    """Refuse a text that is too long, holds NUL or is not Unicode.

    Raises:
        Refused: with the reason `too_long`, NUL_CHARACTER or INVALID_UTF8.
    """
    if len(text) > length_max:
        raise Refused(too_long, f"{text[:40]!r}... has {len(text)} characters, {length_max} allowed")
    if "\0" in text:
        raise Refused(Reason.NUL_CHARACTER)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused(Reason.INVALID_UTF8, "a lone surrogate is not Unicode") from None


def dimension_value(value: Value) -> Any:  # noqa: ANN401 - any JSON value
    """What a dimension shows and is filtered by: the value without its type tag."""
    tag = value[0]
    if tag in ("s", "b", "x"):
        return value[1]
    if tag == "i":
        return int(value[1])
    if tag == "d":
        number = float(value[1])
        return number if number - number == 0 else value[1]
    if tag == "a":
        return [dimension_value(item) for item in value[1]]
    if tag == "k":
        return {key: dimension_value(item) for key, item in value[1]}
    return None
