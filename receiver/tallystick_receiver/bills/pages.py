"""Pages of buckets of results, the form in which both OpenAI and Anthropic publish their figures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NoReturn

from tallystick_receiver.bills.bill import Bill, BillLine, InvalidBillError, Report

_DAY: Final = timedelta(days=1)
_LINES_MAX: Final = 200_000
_LENGTH_MAX: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One object of a bucket.

    Attributes:
        day: UTC.
        place: of the object in the file, like `data[3].results[0]`.
        content: its members.
    """

    day: date
    place: str
    content: dict[str, Any]

    def of(self, *names: str) -> Any:  # noqa: ANN401 - any JSON value
        """A member, or a member of a member; None where any of them is missing or null."""
        found: Any = self.content
        for name in names:
            if found is not None and not isinstance(found, dict):
                raise InvalidBillError(f"{self.place}.{'.'.join(names)}: its parent must be an object")
            found = None if found is None else found.get(name)
        return found

    def text(self, name: str) -> str | None:
        """A text, or None where it is missing, null or empty."""
        value = self.of(name)
        if value is not None and not isinstance(value, str):
            raise InvalidBillError(f"{self.place}.{name} must be a text or null")
        return checked_text(value, f"{self.place}.{name}") if value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How a provider answers.

    Attributes:
        provider: whose.
        start: what a bucket's begin is called.
        end: and its end.
        time: reads a border.
        used: the member of a result by which a report of usage is known; one of cost has `amount`.
        reports: what both reports are called, cost first.
        cost: reads a result of cost.
        usage: reads a result of usage.
    """

    provider: str
    start: str
    end: str
    time: Callable[[object, str], datetime]
    used: str
    reports: tuple[str, str]
    cost: Callable[[Result], BillLine]
    usage: Callable[[Result], Iterable[BillLine]]

    def report(self, result: Result) -> Report:
        """What a result is of.

        Raises:
            InvalidBillError: neither.
        """
        if "amount" in result.content:
            return Report.COST
        if self.used in result.content:
            return Report.USAGE
        cost, usage = self.reports
        raise InvalidBillError(f"{result.place} has neither amount ({cost}) nor {self.used} ({usage})")

    def lines(self, result: Result, report: Report) -> Iterable[BillLine]:
        """What a result says."""
        return self.usage(result) if report is Report.USAGE else [self.cost(result)]


def checked_text(text: str, place: str) -> str:
    """A text that the database can hold.

    Raises:
        InvalidBillError: it holds NUL, is too long or not Unicode.
    """
    if "\0" in text or len(text) > _LENGTH_MAX or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidBillError(f"{place} holds NUL, more than {_LENGTH_MAX} characters or half a character")
    return text


def json_of(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """JSON with exact numbers.

    Raises:
        InvalidBillError: it is none; the sentence names line and column.
    """
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise InvalidBillError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidBillError(f"the file is no JSON: {str(error)[:100]}") from None


def bill_of(answers: Answers, content: bytes) -> Bill:
    """A bill from a page, or from a list of pages.

    Raises:
        InvalidBillError: the file is something else, or mixes reports.
    """
    covered: dict[date, timedelta] = defaultdict(timedelta)
    results: list[Result] = []
    seen: set[tuple[datetime, datetime]] = set()
    for place, bucket in _buckets(json_of(content)):
        first = answers.time(bucket.get(answers.start), f"{place}.{answers.start}")
        last = answers.time(bucket.get(answers.end), f"{place}.{answers.end}")
        day = first.date()
        if not first < last or last > datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY:
            raise InvalidBillError(f"{place}: a bucket must lie within one UTC day")
        if (first, last) in seen:
            raise InvalidBillError(f"{place}: the file has this bucket twice")
        seen.add((first, last))
        covered[day] += last - first
        results += _results(bucket, place, day)
    if not results:
        raise InvalidBillError("the file has no result, so nobody can tell what it reports")
    kinds = {result.place: answers.report(result) for result in results}
    kind = kinds[results[0].place]
    odd = next((place for place, other in kinds.items() if other is not kind), None)
    if odd is not None:
        raise InvalidBillError(f"{odd}: the file begins with a report of {kind}, this is another one")
    whole = tuple(sorted(day for day, span in covered.items() if span == _DAY))
    read = [line for result in results if covered[result.day] == _DAY for line in answers.lines(result, kind)]
    if len(read) > _LINES_MAX:
        raise InvalidBillError(f"the file has more than {_LINES_MAX} lines: import it month by month")
    partial = tuple(sorted(day for day, span in covered.items() if span != _DAY))
    return Bill(provider=answers.provider, days={kind: whole}, lines={kind: tuple(read)}, partial=partial)


def rfc3339_time(value: object, place: str) -> datetime:
    """A time as Anthropic writes it.

    Raises:
        InvalidBillError: it is none.
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidBillError(f"{place} must be a time like 2026-10-01T00:00:00Z, not {str(value)[:60]!r}")
    return time.astimezone(UTC)


def unix_time(value: object, place: str) -> datetime:
    """A time as OpenAI writes it, in seconds since 1970.

    Raises:
        InvalidBillError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**33:
        raise InvalidBillError(f"{place} must be seconds since 1970, not {str(value)[:60]!r}")
    return datetime.fromtimestamp(value, UTC)


def _buckets(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - any JSON value
    pages = content if isinstance(content, list) else [content]
    for number, page in enumerate(pages):
        prefix = f"[{number}]." if isinstance(content, list) else ""
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise InvalidBillError(
                f"{prefix}data is missing: the file must be what the provider answered, page by page"
            )
        for index, bucket in enumerate(page["data"]):
            place = f"{prefix}data[{index}]"
            if not isinstance(bucket, dict):
                raise InvalidBillError(f"{place} must be an object")
            yield place, bucket


def _results(bucket: dict[str, Any], place: str, day: date) -> Iterator[Result]:
    # OpenAI's older answers call them `result`.
    found = bucket.get("results", bucket.get("result"))
    if not isinstance(found, list):
        raise InvalidBillError(f"{place}.results must be a list")
    for index, content in enumerate(found):
        if not isinstance(content, dict):
            raise InvalidBillError(f"{place}.results[{index}] must be an object")
        yield Result(day=day, place=f"{place}.results[{index}]", content=content)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
