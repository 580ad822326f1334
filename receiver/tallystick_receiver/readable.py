"""Figures for people: rounded, with a prefix where the unit is bytes."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_BYTES: Final = "By"
_PLAIN: Final = "1"
_STEP: Final = 1024
_PREFIXES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_HOUR_SECONDS: Final = 3600


def readable(quantity: Decimal, unit: str) -> str:
    """Three decimals at most, and thousands apart; bytes in binary prefixes with one decimal.

    >>> readable(Decimal("1536.25"), "By"), readable(Decimal("1536.25"), "{query}")
    ('1.5 KiB', '1,536.25 {query}')
    """
    if unit == _BYTES:
        return _bytes(quantity)
    return f"{_number(quantity)} {'' if unit == _PLAIN else unit}".rstrip()


def readable_hours(integral_seconds: Decimal, unit: str) -> str:
    """An integral over time, in the unit times hours: `1.5 GiB h` for bytes."""
    return f"{readable(integral_seconds / _HOUR_SECONDS, unit)} h"


def printable(text: str) -> str:
    """A tenant's text for a terminal: what would move its cursor or change its colours is replaced."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _bytes(quantity: Decimal) -> str:
    for prefix in _PREFIXES:
        if abs(quantity) < _STEP or prefix == _PREFIXES[-1]:
            break
        quantity /= _STEP
    return f"{quantity:,.0f} {prefix}" if prefix == "B" else f"{quantity:,.1f} {prefix}"


def _number(quantity: Decimal) -> str:
    text = f"{quantity:,.3f}"
    return text.rstrip("0").rstrip(".")
