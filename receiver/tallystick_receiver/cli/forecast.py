"""`tallystick forecast`: what a period's usage will come to, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import click

from tallystick_receiver.cli.client import Client, receiver_options
from tallystick_receiver.cli.completeness import sentence_of
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show

_ARROWS: Final = {"up": "↗", "down": "↘"}
_DIGITS_SHOWN: Final = 6
_FIGURES: Final = ("to date", "expected", "low", "high", "error", "trend")


@click.command("forecast")
@receiver_options
@click.option("--org", "orgId", default=None, help="One organisation.")
@click.option("--project", "projectId", default=None, help="One project of it.")
@click.option("--type", "types", multiple=True, help="A metric, or a prefix that ends in *; may be repeated.")
@click.option("--attr", "attributes", multiple=True, help="A dimension's value as key=value; may be repeated.")
@click.option("--from", "from", default=None, help="First day of the period; default: of this month.")
@click.option("--until", default=None, help="First day after it; default: of the next month.")
@click.option("--group-by", "groupBy", default="type", show_default=True, help="type,org,project or dimensions.")
@click.option("--tz", default=None, help="IANA time zone of days; default UTC.")
@click.option("--unknown-days", "unknownDays", default=None, type=click.Choice(["skip", "zero"]),
              help="Days without usage of which nobody knows whether they are complete; default: skip.")  # fmt: skip
@click.option("--cost", "is_cost", is_flag=True, help="In money, at the prices of the days to come.")
@as_json_option
def forecast_command(
    *,
    url: str,
    key: str,
    is_cost: bool,
    types: tuple[str, ...],
    attributes: tuple[str, ...],
    as_json: bool,
    **named: str | None,
) -> None:
    """What usage, or its cost, will come to. By the end of the month; says how wrong such forecasts were."""
    query = [(name, value) for name, value in named.items() if value is not None] + [("type", t) for t in types]
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals:
            raise click.UsageError(f"--attr must be like region=eu, not {attribute!r}")
        query.append((f"attr.{name}", value))
    found = run(Client(url, key).ask(f"/api/v1/{'costs' if is_cost else 'usage'}/forecast", query))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    show([_line(row) for row in found["rows"]], as_json=False, figures=_FIGURES)
    for sentence in _sentences(found):
        click.echo(sentence)


def _sentences(found: dict[str, Any]) -> Iterator[str]:
    """What the figures rest on, and what is not in them."""
    yield from dict.fromkeys(row["note"] for row in found["rows"])
    for row in found.get("unpriced", ()):
        yield (
            f"without a price ({row['reason']}): {_shown(row['toDate'])} {row['unit']} of {row['type']} to date,"
            f" {_shown(row['remaining'])} expected"
        )
    days = {row if isinstance(row, str) else row["day"] for row in found["unknownDays"]}
    if days:
        yield f"{len(days)} days are not looked at, since nobody knows whether they are complete (--unknown-days)"
    if found.get("levels"):
        yield f"levels are not forecast: {', '.join(found['levels'])}"
    yield sentence_of(found["completeness"])


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """What people look at: whole figures, the error of back-tests, an arrow where there is a trend."""
    figures = ("toDate", "remaining", "total", "low", "high", "method", "days", "backTests", "errorPercent", "trend",
               "note")  # fmt: skip
    trend, error = row["trend"], row["errorPercent"]
    return {name: value for name, value in row.items() if name not in figures} | {
        "to date": _shown(row["toDate"]), "expected": _shown(row["total"]),
        "low": _shown(row["low"]), "high": _shown(row["high"]),
        "error": None if error is None else f"{error} %",
        "trend": None if trend is None else f"{_ARROWS[trend['direction']]} {trend['weeklyPercent']} %/week",
    }  # fmt: skip


def _shown(amount: str | None) -> str | None:
    """Six significant digits and thousands; whole where there are more."""
    if amount is None:
        return None
    number = Decimal(amount)
    places = max(_DIGITS_SHOWN - 1 - number.adjusted(), 0) if number else 0
    rounded = number.quantize(Decimal(1).scaleb(-min(places, _DIGITS_SHOWN)), ROUND_HALF_EVEN)
    text = f"{rounded:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
