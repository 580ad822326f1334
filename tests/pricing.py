"""Rates as people enter them, usage as applications send it, and what the API says that it costs; imports nothing of
ours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from otlp import SECOND, export, export_request, get, now_ns, send
from waiting import wait_until

PATIENT = ("--late-seconds-max", "1000000000", "--ahead-seconds-max", "1000000000", "--keep-points-days", "0",
           "--roll-seconds", "0.05", "--cost-seconds", "0.05")  # fmt: skip
"""Settings of a receiver that takes usage of any year and prices it at once."""
QUICK = ("--roll-seconds", "0.3", "--cost-seconds", "0.3", "--balance-seconds", "0.3")
"""Settings of a receiver that does soon whatever is to be done in the background, and lives long."""
SOURCE = {"sourceUrl": "https://example.com/pricing", "checkedOn": "2026-11-01"}


def at(text: str) -> int:
    """Nanoseconds of a time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def rate(receiver: Any, key: str = "", **fields: Any) -> dict[str, Any]:
    """Record a rate, or whatever the API makes of it."""
    reply = send("POST", receiver.url + "/api/v1/rates", {**SOURCE, **fields}, key)
    assert reply.status == 201, reply.body
    return reply.json


def card(receiver: Any, provider: str, model: str, *, key: str = "", prices: dict[str, str], replace: bool = False,
         **more: Any) -> list[str]:  # fmt: skip
    """Record the prices of a model's kinds of tokens, in USD per million."""
    common = {**SOURCE, "metricKey": "llm.tokens", "provider": provider, "model": model, **more}
    rates = [{**common, "kind": kind, "price": price} for kind, price in prices.items()]
    reply = send("POST", receiver.url + "/api/v1/rates", {"rates": rates, "replace": replace}, key)
    assert reply.status == 201, reply.body
    return [row["id"] for row in reply.json["rates"]]


def attributes_of(provider: str, model: str, **more: str) -> dict[str, str]:
    """Attributes of usage; `_` stands for `.` where a name begins with a known prefix."""
    return {"org.id": "acme", "gen_ai.provider.name": provider, "gen_ai.response.model": model, **more}


def use(
    receiver: Any, kinds: dict[str, int | float], attributes: dict[str, str],
    when: str | None = "2026-11-10T12:00:00", *,
    metric: str = "llm.tokens", unit: str = "{token}", by: str = "token.kind", key: str = "", **more: Any,
) -> None:  # fmt: skip
    """Send an amount of each kind, at a time or now (None)."""
    end = now_ns() if when is None else at(when) + 30 * SECOND
    points = [
        {"name": metric, "unit": unit, "value": value, "end": end, "attributes": {**attributes, by: kind}, **more}
        for kind, value in kinds.items()
    ]
    reply = export(receiver.url, export_request(points), key)
    assert (reply.status, reply.rejected) == (200, 0), reply.body


def costs(receiver: Any, key: str = "", *, start: str = "2000-01-01", end: str = "2040-01-01", **query: Any) -> Any:
    """The answer of /api/v1/costs, once everything that was sent is priced."""
    query = {"from": start, "to": end, **query}
    found: dict[str, Any] = {}

    def is_priced() -> bool:
        reply = get(receiver.url + "/api/v1/costs", key, **query)
        assert reply.status == 200, reply.body
        found.update(reply.json)
        return bool(reply.json["pricedUntil"] == reply.json["to"])

    wait_until(is_priced, 30, "everything to be priced")
    return found


def cost(receiver: Any, key: str = "", **query: Any) -> str | None:
    """The only total."""
    [total] = costs(receiver, key, **query)["totals"]
    return total["cost"]
