"""Thresholds, endpoints and deliveries of a receiver, over HTTP; imports nothing of ours."""

from __future__ import annotations

from typing import Any

from conftest import ReceiverProcess
from endpoints import MailServer
from otlp import SECOND, export, export_request, get, now_ns, send
from waiting import wait_until

PRIVATE = ("--deliver-private-addresses", "true", "--deliver-seconds", "0.1", "--evaluate-seconds", "0.1")
QUICK = (*PRIVATE, "--deliver-retry-seconds", "0.05")


def draw(receiver: ReceiverProcess, org: str = "acme", key: str = "", **more: Any) -> dict[str, Any]:
    """A threshold on 100 api_calls."""
    body = {"metricKey": "api_calls", "subjectId": org, "threshold": 100, "levels": [50, 80, 100], **more}
    created = send("POST", receiver.url + "/api/v1/thresholds", body, key)
    assert created.status == 201, created.body
    return created.json


def use(receiver: ReceiverProcess, value: int = 100, org: str = "acme", key: str = "") -> None:
    """api_calls of an organisation, in one commit."""
    point = {"name": "api_calls", "unit": "", "value": value, "end": now_ns() - 30 * SECOND,
             "attributes": {"org.id": org}}  # fmt: skip
    assert export(receiver.url, export_request([point]), key).rejected == 0


def hook(receiver: ReceiverProcess, url: str, key: str = "", **more: Any) -> dict[str, Any]:
    """An endpoint, with its secret."""
    created = send("POST", receiver.url + "/api/v1/webhooks", {"url": url, **more}, key)
    assert created.status == 201, created.body
    return created.json


def deliveries(receiver: ReceiverProcess, key: str = "", **query: str) -> list[dict[str, Any]]:
    """Newest first."""
    found = get(receiver.url + "/api/v1/deliveries", key, **query)
    assert found.status == 200, found.body
    return found.json["deliveries"]


def in_state(receiver: ReceiverProcess, state: str, count: int, **query: str) -> list[dict[str, Any]]:
    """Wait for so many deliveries in a state, and that there is no other."""
    wait_until(
        lambda: len(deliveries(receiver, state=state, **query)) == count, 60,
        f"{count} {state} (there is {deliveries(receiver)})",
    )  # fmt: skip
    assert len(deliveries(receiver, **query)) == count
    return deliveries(receiver, **query)


def mail_to(mail: MailServer) -> tuple[str, ...]:
    """Settings."""
    return ("--smtp-url", f"smtp+plain://127.0.0.1:{mail.port}", "--smtp-from", "Täl <usage@example.com>")
