"""A JSON object in a request's body, read field by field: from here on they are types."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aiohttp import web

from tallystick_receiver.access import Access, Denied
from tallystick_receiver.errors import InvalidQuestion

Choice = TypeVar("Choice", bound=StrEnum)
_LIMIT_DEFAULT: Final = 100
_LIMIT_MAX: Final = 1000
_DIGITS_MAX: Final = 40
_NUMBER_DIGITS_MAX: Final = 18


class Fields:
    """The fields of one body; each is asked for once, and `end` refuses what nobody asked for.

    Raises:
        InvalidQuestion: from every method; the sentence names the field.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = dict(content)

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def take(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """Whatever it is; None where it is missing or null."""
        return self._content.pop(name, None)

    def peek(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """What `take` would give, which may be asked for again."""
        return self._content.get(name)

    def text(self, name: str, default: str | None = None, *, length_max: int = 255, may_be_empty: bool = False) -> str:
        """A text; without a default it must be there."""
        value = self.optional_text(name, length_max=length_max)
        if value is None:
            if default is None:
                raise InvalidQuestion(f"{name} is missing")
            return default
        if not value and not may_be_empty:
            raise InvalidQuestion(f"{name} is empty")
        return value

    def optional_text(self, name: str, *, length_max: int = 255) -> str | None:
        """A text, or None where it is missing or null."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise InvalidQuestion(f"{name} must be a text")
        return None if value is None else checked(value, name, length_max)

    def choice(self, name: str, kind: type[Choice], default: Choice | None) -> Choice:
        """One of the words of an enumeration, in upper or lower case."""
        value = self.optional_text(name)
        if value is None and default is not None:
            return default
        try:
            return kind((value or "").lower())
        except ValueError:
            raise InvalidQuestion(f"{name} must be one of {', '.join(kind)}") from None

    def decimal(self, name: str, default: Decimal | None = None, *, may_be_zero: bool = False) -> Decimal:
        """A number above 0 (or 0, where that is allowed), as a number or as a text."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        try:
            number = Decimal(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
        except ArithmeticError:
            number = None
        if number is None or not number.is_finite() or number < 0 or (number == 0 and not may_be_zero):
            least = "0 or above" if may_be_zero else "a number above 0"
            raise InvalidQuestion(f'{name} must be {least}, like 1000 or "0.5"')
        if len(number.as_tuple().digits) > _DIGITS_MAX or abs(number.adjusted()) > _DIGITS_MAX:
            raise InvalidQuestion(f"{name} has more than {_DIGITS_MAX} digits")
        return number

    def signed_decimal(self, name: str) -> Decimal:
        """A number other than 0, which may be negative, as a number or as a text."""
        value = self._content.get(name)
        text = str(value).strip() if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
        if not text.startswith("-"):
            return self.decimal(name)
        self._content[name] = text[1:]
        return -self.decimal(name)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidQuestion(f"{name} must be true or false")
        return value

    def texts(self, name: str, default: Sequence[str], *, count_max: int) -> tuple[str, ...]:
        """A list of texts without repetitions."""
        value = self.optional_texts(name, count_max=count_max)
        return tuple(default) if value is None else value

    def optional_texts(self, name: str, *, count_max: int) -> tuple[str, ...] | None:
        """A list of texts without repetitions, or None where it is missing or null."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > count_max or not all(isinstance(text, str) for text in value):
            raise InvalidQuestion(f"{name} must be a list of at most {count_max} texts")
        return tuple(dict.fromkeys(checked(text, name, 255) for text in value))

    def zone(self, name: str, default: str) -> str:
        """The name of an IANA time zone."""
        return zone_of(self.text(name, default), name).key

    def end(self) -> None:
        """Refuse fields that nobody knows."""
        if self._content:
            raise InvalidQuestion(f"there is no field {next(iter(self._content))[:60]!r}")


def checked(text: str, name: str, length_max: int = 255) -> str:
    """A text that the database can store, of bounded length."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidQuestion(f"{name} is not Unicode") from None
    if "\0" in text or len(text) > length_max:
        raise InvalidQuestion(f"{name} holds NUL or more than {length_max} characters")
    return text


def zone_of(text: str, name: str) -> ZoneInfo:
    """A time zone by its IANA name."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidQuestion(f"{name} must be an IANA time zone like Europe/Berlin, not {text[:60]!r}") from None


async def fields_of(request: web.Request) -> Fields:
    """The body of a request as fields.

    Raises:
        InvalidQuestion: it is not a JSON object.
        web.HTTPRequestEntityTooLarge: it is larger than a megabyte.
    """
    try:
        content = json.loads(await request.read(), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidQuestion("the body must be a JSON object")
    return Fields(content)


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def parameter(request: web.Request, name: str) -> str | None:
    """A parameter of the query string, None where it is missing."""
    text = request.query.get(name)
    if text == "":
        raise InvalidQuestion(f"{name} is empty")
    return None if text is None else checked(text, name, 1024)


def known_parameters(request: web.Request, *names: str) -> None:
    """Refuse parameters that nobody knows, and those that are given twice."""
    for name in request.query:
        if name not in names:
            raise InvalidQuestion(f"there is no parameter {name[:60]!r}")
        if len(request.query.getall(name)) > 1:
            raise InvalidQuestion(f"{name} is given more than once")


def org_parameter(request: web.Request, access: Access) -> str | None:
    """orgId, or the organisation that the key is bound to, or None for all.

    Raises:
        Denied: the key is bound to another one.
    """
    return own_org(parameter(request, "orgId"), access)


def own_org(org: str | None, access: Access) -> str | None:
    """The organisation that is meant by a bearer who names this one, or none.

    Raises:
        Denied: the key is bound to another one.
    """
    if access.org is not None and org not in (None, access.org):
        raise Denied(403, "the key is bound to another organisation")
    return access.org if org is None else org


def limit_parameter(request: web.Request) -> int:
    """How many rows a page has at most."""
    text = request.query.get("limit", str(_LIMIT_DEFAULT))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _LIMIT_MAX:
        raise InvalidQuestion(f"limit must be 1 to {_LIMIT_MAX}")
    return int(text)


def cursor_text(*parts: str) -> str:
    """Where a page ended, for the next one."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def cursor_parameter(request: web.Request, parts: int) -> tuple[str, ...] | None:
    """What `cursor_text` was made of, None at the first page."""
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != parts or not all(isinstance(part, str) for part in found):
        raise InvalidQuestion("cursor is not one that was given out")
    return tuple(checked(part, "cursor", 1024) for part in found)


def number_cursor(request: web.Request) -> int | None:
    """The number that `cursor_text` was made of, None at the first page."""
    found = cursor_parameter(request, 1)
    if found is None:
        return None
    if not found[0].isascii() or not found[0].isdigit() or len(found[0]) > _NUMBER_DIGITS_MAX:
        raise InvalidQuestion("cursor is not one that was given out")
    return int(found[0])
