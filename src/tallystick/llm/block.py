"""Reads single fields of what a provider's client gave, a mapping or an object, and touches nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from operator import index
from typing import Final, NoReturn

from tallystick.semconv import INT64_MAX

_WORD = re.compile(r"[a-z0-9][a-z0-9._:/+-]{0,63}")
_NAME_LENGTH_MAX: Final = 255


class UsageRefused(StrEnum):
    """Why a usage block was not recorded; its request is, with the outcome `no_usage`."""

    NEGATIVE = "negative"
    NOT_A_COUNT = "not_a_count"
    INCONSISTENT = "inconsistent"
    AMBIGUOUS = "ambiguous"
    UNKNOWN_SHAPE = "unknown_shape"
    UNREADABLE = "unreadable"
    BAD_OUTCOME = "bad_outcome"
    BAD_ATTRIBUTE = "bad_attribute"


MEANING: Final[dict[UsageRefused, str]] = {
    UsageRefused.NEGATIVE: "a usage block has a negative count",
    UsageRefused.NOT_A_COUNT: "a usage block has a count that is no whole number within 64 bits",
    UsageRefused.INCONSISTENT: "a part of a usage block is larger than its whole, or two of its fields contradict",
    UsageRefused.AMBIGUOUS: "a usage block has fields of two providers, and does not say which are meant",
    UsageRefused.UNKNOWN_SHAPE: "a usage block is of no shape that is known here",
    UsageRefused.UNREADABLE: "a response raised when its usage was looked at",
    UsageRefused.BAD_OUTCOME: "an outcome is none of ok, error, cancelled and no_usage, and was left out",
    UsageRefused.BAD_ATTRIBUTE: "a user, conversation or other attribute is unusable, and was left out",
}


class Unreadable(Exception):  # noqa: N818 - a verdict about a block, not a failure of ours
    """This usage block cannot be recorded as it stands."""

    def __init__(self, reason: UsageRefused) -> None:
        super().__init__(MEANING[reason])
        self.reason = reason


def refuse(reason: UsageRefused) -> NoReturn:
    """Give the block up.

    Raises:
        Unreadable: always.
    """
    raise Unreadable(reason)


class Overlay:
    """Two blocks as one: a field is the first's where it has one, else the second's."""

    def __init__(self, over: object, under: object) -> None:
        self._over = over
        self._under = under

    def get(self, name: str) -> object:
        """The field of that name, or None."""
        found = field(self._over, name)
        return field(self._under, name) if found is None else found


_HAVE_GET: Final = (dict, Overlay, Mapping)


def field(block: object, name: str) -> object:
    """A field's value; None: it is absent, or null."""
    if isinstance(block, _HAVE_GET):
        return block.get(name)
    return getattr(block, name, None)


def count(block: object, *names: str) -> int | None:
    """The count under the first of these names that is there; all that are there must agree.

    Raises:
        Unreadable: it is no count, or two names contradict each other.
    """
    found: int | None = None
    for name in names:
        value = field(block, name)
        if value is None:
            continue
        number = _whole(value)
        if found is not None and found != number:
            refuse(UsageRefused.INCONSISTENT)
        found = number
    return found


def _whole(value: object) -> int:
    if isinstance(value, bool):
        refuse(UsageRefused.NOT_A_COUNT)
    if isinstance(value, float) and value.is_integer():
        # JSON has one kind of number, and some decoders make floats of all.
        value = int(value)
    try:
        number = index(value)  # type: ignore[arg-type]  # raises for what is no integer
    except TypeError:
        refuse(UsageRefused.NOT_A_COUNT)
    if number < 0:
        refuse(UsageRefused.NEGATIVE)
    if number > INT64_MAX:
        refuse(UsageRefused.NOT_A_COUNT)
    return number


def difference(whole: int, *parts: int) -> int:
    """The rest of a whole.

    Raises:
        Unreadable: the parts are more than the whole.
    """
    rest = whole - sum(parts)
    if rest < 0:
        refuse(UsageRefused.INCONSISTENT)
    return rest


def word(value: object) -> str | None:
    """A word such as a tier or region, in lower case; None: it is no such word. Sentences are none."""
    if isinstance(value, Enum):
        value = value.name
    if not isinstance(value, str):
        return None
    text = value.lower()
    return text if _WORD.fullmatch(text) else None


def name(value: object) -> str | None:
    """The name of a model as it stands; None: it is no name."""
    if not isinstance(value, str) or not 0 < len(value) <= _NAME_LENGTH_MAX or not value.isprintable():
        return None
    return str.__str__(value)
