"""`tallystick cost top`, `distribution`, `trend` and `unit-economics`: reports of cost for people."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import click

from tallystick_receiver.cli.cost import ask, asking_options, cost_command, percent, sentences, type_option
from tallystick_receiver.cli.tables import show

_SUBJECTS: Final = "Who causes cost: user, conversation, feature, agent, root, model, project, org, any dimension."
_PATH: Final = "/api/v1/costs/"


@cost_command.command("top")
@asking_options
@type_option
@click.option("--group-by", "groupBy", default="user", show_default=True, help=_SUBJECTS)
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many, by currency.")
def top(*, as_json: bool, **asked: Any) -> None:
    """Who costs most. With shares, growth against the own four weeks before, and who stands out."""
    found = ask(_PATH + "top", **asked)
    _tell(found, _top, as_json=as_json)


@cost_command.command("distribution")
@asking_options
@type_option
@click.option("--group-by", "groupBy", default="user", show_default=True, help=_SUBJECTS)
def distribution(*, as_json: bool, **asked: Any) -> None:
    """How cost is spread. Percentiles, Gini, the share of the top."""
    found = ask(_PATH + "distribution", **asked)
    _tell(found, _distribution, as_json=as_json)


@cost_command.command("trend")
@asking_options
@type_option
@click.option("--group-by", "groupBy", type=click.Choice(["day", "week", "month"]), default="day", show_default=True)
def trend(*, as_json: bool, **asked: Any) -> None:
    """Cost by day, week or month, each against the one before."""
    found = ask(_PATH + "trend", **asked)
    _tell(found, _trend, as_json=as_json)
    for one in [] if as_json else found["trends"]:
        if one["direction"] is not None:
            click.echo(f"going {one['direction']} by {one['changePerBucket']} {one['currency']} (r2 {one['r2']})")


@cost_command.command("unit-economics")
@asking_options
def unit_economics(*, as_json: bool, **asked: Any) -> None:
    """What one user costs, or one request. Conversations and features, too, and what caching saves."""
    found = ask(_PATH + "unit-economics", **asked)
    _tell(found, _units, as_json=as_json)
    if not as_json:
        for sentence in _counts(found):
            click.echo(sentence)


def _tell(found: dict[str, Any], lines: Callable[[dict[str, Any]], list[dict[str, Any]]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    show(lines(found), as_json=False)
    for sentence in sentences(found):
        click.echo(sentence)


def _top(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **{group: row[group] for group in found["groupBy"]}, "cost": row["cost"], "currency": row["currency"],
            "share": percent(row["share"]), "cumulative": percent(row["cumulativeShare"]),
            "growth": "" if row["growth"] is None else percent(row["growth"]),
            "outlier": "yes" if row["isOutlier"] else "",
        }
        for row in found["rows"]
    ]  # fmt: skip


def _distribution(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Figures below each other, since there are many of them: a column for each currency."""
    plain = ("count", "cost", "mean", "min", "p50", "p90", "p95", "p99", "max", "gini")
    shares = {"top1Share": "top 1 %", "top10Share": "top 10 %"}
    rows = found["rows"]
    if not rows:
        return []
    return [
        *({"figure": name, **{row["currency"]: row[name] for row in rows}} for name in plain),
        *({"figure": name, **{row["currency"]: percent(row[key]) for row in rows}} for key, name in shares.items()),
    ]


def _trend(found: dict[str, Any]) -> list[dict[str, Any]]:
    [unit] = found["groupBy"]
    return [
        {
            unit: row[unit], "cost": row["cost"], "currency": row["currency"], "change": row["change"],
            "changed by": "" if row["changeShare"] is None else percent(row["changeShare"]),
            "note": "" if row["isComplete"] else "not whole",
        }
        for row in found["rows"]
    ]  # fmt: skip


def _units(found: dict[str, Any]) -> list[dict[str, Any]]:
    names = {
        "cost": "cost", "perActiveUser": "an active user", "perConversation": "a conversation",
        "perFeature": "a feature", "perRequest": "a request",
    }  # fmt: skip
    rows = found["rows"]
    if not rows:
        return []
    return [
        *({"what": name, **{row["currency"]: row[key] for row in rows}} for key, name in names.items()),
        *(
            {"what": f"cache, {name}", **{row["currency"]: row["cacheSaving"][key] for row in rows}}
            for key, name in {"reads": "saved by reading", "writes": "paid for writing", "net": "net"}.items()
        ),
    ]


def _counts(found: dict[str, Any]) -> list[str]:
    requests, cache = found["requests"], found["cache"]
    outcomes = ", ".join(f"{one['outcome'] or 'unknown'} {percent(one['share'])}" for one in requests["outcomes"])
    parts = [f"active users: {found['activeUsers']}"]
    parts.append("requests: nobody counts them" if requests["total"] is None else
                 f"requests: {requests['total']} ({outcomes})")  # fmt: skip
    if cache["hitShare"] is not None:
        parts.append(f"read from caches: {percent(cache['hitShare'])} of {cache['inputTokens']} input tokens")
    if cache["unpricedTokens"] != "0":
        parts.append(f"of {cache['unpricedTokens']} cached tokens nobody knows what they saved")
    return parts
