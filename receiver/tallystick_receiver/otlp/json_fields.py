"""The fields of OTLP in JSON: names, numbers and texts as the Protobuf JSON mapping has them, and as senders do."""

from __future__ import annotations

from typing import Any, Final

from tallystick_receiver.errors import Malformed


def get(message: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON value
    """A field by its lowerCamelCase name; snake_case is read too, as the Collector does."""
    value = message.get(name)
    return message.get(_SNAKE_CASE[name]) if value is None else value


class _SnakeCase(dict[str, str]):
    """snake_case names by lowerCamelCase ones, each made once."""

    def __missing__(self, name: str) -> str:
        made = "".join("_" + c.lower() if c.isupper() else c for c in name)
        self[name] = made
        return made


_SNAKE_CASE: Final = _SnakeCase()


def string_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A text.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not a text")
    return value


def integer_of(value: Any, lowest: int, highest: int) -> int:  # noqa: ANN401 - any JSON value
    """An integer within bounds, written as a number or as a decimal text.

    Raises:
        TypeError, ValueError, OverflowError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        raise TypeError(f"{str(value)[:40]!r} is not an integer")
    number = int(value)
    if (isinstance(value, float) and number != value) or not lowest <= number <= highest:
        raise ValueError(f"{str(value)[:40]!r} is not an integer of 64 bits")
    return number


def double_of(value: Any) -> float:  # noqa: ANN401 - any JSON value
    """A double; "NaN", "Infinity" and "-Infinity" are texts in JSON.

    Raises:
        TypeError, ValueError, OverflowError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{str(value)[:40]!r} is not a number")
    return float(value)


def object_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """A part of the envelope.

    Raises:
        Malformed: it is no object.
    """
    if not isinstance(value, dict):
        raise Malformed("an object is expected")
    return value


def messages_of(message: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A repeated field of the envelope.

    Raises:
        Malformed: it is no array of objects.
    """
    found = get(message, name) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Malformed(f"{name} must be an array of objects")
    return found
