"""A quantity as an exact decimal: mantissa * 10**exponent, the form it has on its way into the database.

An int and a double that mean the same number have the same form, so "int or double is not part of
a point's identity" (OTel data model, metric identity) holds by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tallystick.semconv import INT64_MAX, INT64_MIN

EXPONENT_MIN: Final = -400
EXPONENT_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Quantity:
    """mantissa * 10**exponent; the mantissa fits 64 bits and the form is unique for a number."""

    mantissa: int
    exponent: int

    def to_decimal(self) -> Decimal:
        """The same number as a Decimal."""
        sign, digits, _ = Decimal(self.mantissa).as_tuple()
        return Decimal((sign, digits, self.exponent))


def quantity_of(number: Decimal | float) -> Quantity:
    """The unique form of a finite number; a float counts as its shortest decimal.

    Raises:
        OverflowError: the number needs more than 64 bits of mantissa.
        ValueError: the number is NaN or infinite.
    """
    decimal = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    sign, digits, exponent = decimal.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{number} is not a finite number")  # noqa: TRY004 - its value is wrong
    mantissa = int("".join(map(str, digits)))
    if mantissa == 0:
        return Quantity(0, 0)
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    mantissa = -mantissa if sign else mantissa
    if exponent > 0 and INT64_MIN <= mantissa * 10 ** min(exponent, 19) <= INT64_MAX:
        mantissa, exponent = mantissa * 10**exponent, 0
    if not INT64_MIN <= mantissa <= INT64_MAX or not EXPONENT_MIN <= exponent <= EXPONENT_MAX:
        raise OverflowError(f"{number} needs more than 64 bits")
    return Quantity(mantissa, exponent)


def text_of(number: Decimal | int) -> str:
    """The decimal text that JSON carries: digit for digit, no exponent, no trailing zeros."""
    text = str(number)
    if "E" in text:
        text = format(Decimal(number), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
