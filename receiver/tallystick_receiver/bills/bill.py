"""What a provider says was used and what it asks for it, by UTC day: the other half of the stick."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tallystick.llm.kinds import TOKEN_KINDS
from tallystick_receiver.errors import InvalidQuestion

REQUESTS: Final = "requests"
"""The kind of lines that count requests; they cost nothing by themselves."""
PLACES_MAX: Final = 40
_TOKENS: Final = frozenset(TOKEN_KINDS)


class InvalidBillError(InvalidQuestion):
    """A file that cannot be read as what it is said to be; the sentence names the place."""


class Report(StrEnum):
    """What a file holds; providers publish the two apart, and each is replaced by itself."""

    USAGE = "usage"
    COST = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One figure of one day.

    Attributes:
        model: as the provider names it; None where the line is of no model or of all together.
        kind: a token kind, REQUESTS, or what a fee is for; None: everything together.
        tier: as billed; None where the provider does not say.
        quantity: tokens, requests or units; None in a report of cost.
        cost: money; None in a report of usage.
        currency: of `cost`, in capitals.
    """

    day: date
    model: str | None
    kind: str | None
    tier: str | None = None
    quantity: Decimal | None = None
    cost: Decimal | None = None
    currency: str | None = None

    @property
    def is_tokens(self) -> bool:
        """Whether it is tokens of a kind."""
        return self.kind in _TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one file says of one provider.

    Attributes:
        days: of each report, the days that the file covers whole, those without any line included.
        lines: by report; of covered days only.
        partial: days that the file covers in part and that are left out.
    """

    provider: str
    days: dict[Report, tuple[date, ...]]
    lines: dict[Report, tuple[BillLine, ...]]
    partial: tuple[date, ...] = ()


def amount_of(value: object, place: str) -> Decimal:
    """A number, or a text that is one; negative ones are credits.

    Raises:
        InvalidBillError: it is neither, or has more digits than anybody asks for.
    """
    number: Decimal | None = None
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except ArithmeticError:
            number = None
    if number is None or not number.is_finite():
        raise InvalidBillError(f"{place} must be a decimal number, not {str(value)[:60]!r}")
    if len(number.as_tuple().digits) > PLACES_MAX or abs(number.adjusted()) > PLACES_MAX:
        raise InvalidBillError(f"{place} has more than {PLACES_MAX} digits")
    return number


def count_of(value: object, place: str) -> Decimal:
    """A number of tokens or requests.

    Raises:
        InvalidBillError: it is negative or no whole number.
    """
    number = amount_of(value, place)
    if number < 0 or number % 1:
        raise InvalidBillError(f"{place} must be a whole number, not {str(value)[:60]!r}")
    return number


def currency_of(value: object, place: str) -> str:
    """A currency's three letters, in capitals.

    Raises:
        InvalidBillError: it is none.
    """
    text = value.strip().upper() if isinstance(value, str) else ""
    if len(text) != 3 or not text.isascii() or not text.isalpha():  # noqa: PLR2004 - ISO 4217
        raise InvalidBillError(f"{place} must be a currency like USD, not {str(value)[:60]!r}")
    return text
