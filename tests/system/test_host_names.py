"""DNS rebinding, black box: by which names an open receiver is asked, and by which programs send."""

import http.client
import json

import pytest
from conftest import run_cli
from otlp import JSON, PROTOBUF, export_request, totals
from waiting import wait_until

EVIL = "evil.example:4318"
OWN = ["localhost", "localhost:4318", "127.0.0.1:1", "[::1]:4318", "192.0.2.7", "metering.localhost:80", "LOCALHOST."]


def ask(receiver, method, path, body=None, **headers):
    """(status, body) under any Host, which urllib and browsers choose themselves."""
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def send_usage(receiver, **headers):
    body = export_request([{"name": "calls", "value": 3}]).SerializeToString()
    return ask(receiver, "POST", "/v1/metrics", body, Content_Type=PROTOBUF, **headers)


@pytest.mark.parametrize("path", ["/api/usage", "/", "/api/v1/costs", "/healthz", "/openapi.json", "/nowhere"])
def test_a_page_that_calls_this_machine_by_its_own_name_reads_nothing(receiver, path):
    status, body = ask(receiver, "GET", path, Host=EVIL)
    assert status == 403
    sentence = json.loads(body)["detail"]
    assert "--allowed-hosts evil.example" in sentence
    assert "tallystick keys create" in sentence


def test_such_a_page_writes_nothing_either(receiver):
    """To its browser it is of the receiver's own origin, and says so."""
    origin = f"http://{EVIL}"
    assert send_usage(receiver, Host=EVIL, Origin=origin)[0] == 403
    assert send_usage(receiver, Host=EVIL, Sec_Fetch_Site="same-origin")[0] == 403
    definition = json.dumps({"key": "calls"})
    for path in ("/api/v1/metrics", "/api/v1/tokens"):
        assert ask(receiver, "POST", path, definition, Host=EVIL, Origin=origin, Content_Type=JSON)[0] == 403
    assert totals(receiver.url) == {}


@pytest.mark.parametrize("host", OWN)
def test_addresses_and_localhost_are_never_refused(receiver, host):
    assert ask(receiver, "GET", "/api/usage", Host=host)[0] == 200


def test_programs_send_usage_by_any_name(receiver):
    """A Collector that knows the receiver by a name loses nothing: 403 is final to OTLP's clients."""
    assert send_usage(receiver, Host="tallystick:4318")[0] == 200
    assert send_usage(receiver, Host="host.docker.internal:4318")[0] == 200
    assert totals(receiver.url) != {}


def test_a_name_that_is_allowed_asks_everything(start_receiver):
    receiver = start_receiver("--allowed-hosts", "tallystick, Metering.internal")
    for host in ("tallystick:4318", "metering.internal", "METERING.INTERNAL.:80", "localhost"):
        assert ask(receiver, "GET", "/api/usage", Host=host)[0] == 200
    for host in ("evil.example", "tallystick.evil.example", "x.metering.internal", "[::1", "", "tallystick@evil"):
        assert ask(receiver, "GET", "/api/usage", Host=host)[0] in (400, 403), host


def test_any_name_is_allowed_by_a_star(start_receiver):
    assert ask(start_receiver("--allowed-hosts", "*"), "GET", "/api/usage", Host=EVIL)[0] == 200


def test_with_keys_a_name_does_not_matter(receiver, database_url):
    done = run_cli("keys", "create", "--name", "k", "--scope", "read", "--database-url", database_url)
    bearer = {"Authorization": f"Bearer {done.stdout.strip()}"}
    wait_until(lambda: ask(receiver, "GET", "/api/usage", Host=EVIL, **bearer)[0] == 200)
    assert ask(receiver, "GET", "/api/usage", Host=EVIL)[0] == 401
