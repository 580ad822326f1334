"""Keys, black box: who may write and read what."""

import json
import os
import subprocess
import sys

import pytest
from google.protobuf.json_format import MessageToJson
from otlp import (
    JSON,
    PROTOBUF,
    SECOND,
    export,
    export_request,
    get,
    lately,
    now_ns,
    post,
    totals,
    usage,
)  # fmt: skip
from waiting import wait_until


@pytest.fixture
def tallystick(database_url):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "tallystick_receiver", *arguments], capture_output=True, text=True, check=False,
            timeout=120, env={**os.environ, "DATABASE_URL": database_url},
        )  # fmt: skip

    return run


@pytest.fixture
def new_key(tallystick):
    def create(*scopes, org="*"):
        arguments = [part for scope in scopes for part in ("--scope", scope)]
        done = tallystick("keys", "create", "--name", "test", "--org", org, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return create


def point(org=None, value=1):
    attributes = {"n": value} if org is None else {"org.id": org, "n": value}
    return {"name": "calls", "value": value, "attributes": attributes}


def test_a_key_of_one_organisation_can_neither_write_nor_read_another(new_key, start_receiver):
    acme = new_key("ingest", "read", org="acme")["key"]
    everything = new_key("admin")["key"]
    receiver = start_receiver()
    reply = export(receiver.url, export_request([point("acme", 1), point("globex", 2), point(None, 4)]), acme)
    assert (reply.status, reply.rejected) == (200, 1)
    assert totals(receiver.url, key=acme) == {"calls": "5"}
    assert totals(receiver.url, key=acme, orgId="acme") == {"calls": "5"}
    assert get(receiver.url + "/api/usage", acme, orgId="globex").status == 403
    assert totals(receiver.url, key=everything, orgId="globex") == {}
    [refused] = get(receiver.url + "/api/v1/quarantine", everything).json["points"]
    assert refused["reason"] == "foreign_org"
    assert export(receiver.url, export_request([point("globex", 8)]), everything).status == 200
    assert totals(receiver.url, key=acme) == {"calls": "5"}
    assert [row["org"] for row in usage(receiver.url, key=everything, groupBy="org")["rows"]] == ["acme", "globex"]


@pytest.mark.parametrize("as_json", [False, True])
def test_an_organisation_sees_what_was_refused_of_its_own_whoever_sent_it(new_key, start_receiver, as_json):
    shared, acme = new_key("ingest")["key"], new_key("read", org="acme")["key"]
    receiver = start_receiver()
    future = now_ns() + 30 * 86400 * SECOND
    points = [point(org, n) | {"end": future + n} for n, org in enumerate(("acme", "globex", "acme"))]
    for one in points:
        request = export_request([one])
        body, kind = (MessageToJson(request).encode(), JSON) if as_json else (request.SerializeToString(), PROTOBUF)
        assert post(receiver.url + "/v1/metrics", body, kind, Authorization=f"Bearer {shared}").status == 200
    lists = [get(receiver.url + "/api/v1/quarantine", acme, order=order).json for order in ("oldest", "newest")]
    ends = [
        [int(p["request"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"][0]["timeUnixNano"])
         for p in found["points"]] for found in lists
    ]  # fmt: skip
    assert ends == [[future, future + 2], [future + 2, future]]
    page = get(receiver.url + "/api/v1/quarantine", acme, order="newest", limit="1").json
    rest = get(receiver.url + "/api/v1/quarantine", acme, order="newest", cursor=page["nextCursor"]).json
    assert [*page["points"], *rest["points"]] == lists[1]["points"]
    assert {p["orgId"] for p in lists[0]["points"]} == {"acme"}
    assert get(receiver.url + "/api/v1/quarantine", acme, order="random").status == 400


def test_a_key_without_the_scope_is_forbidden_and_none_is_unauthorised(new_key, start_receiver):
    reader, writer = new_key("read")["key"], new_key("ingest")["key"]
    receiver = start_receiver()
    request = export_request([point("acme")])
    assert export(receiver.url, request, reader).status == 403
    assert get(receiver.url + "/api/usage", writer).status == 403
    assert export(receiver.url, request).status == 401
    assert export(receiver.url, request, "tsk_wrong").status == 401
    assert post(receiver.url + "/api/v1/quarantine/replay", b"", JSON, Authorization=f"Bearer {reader}").status == 403
    refused = get(receiver.url + "/api/usage")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.json["status"] == 401


def test_a_revoked_key_stops_working_without_a_restart(new_key, tallystick, start_receiver):
    key = new_key("read")
    receiver = start_receiver()
    assert get(receiver.url + "/api/usage", key["key"]).status == 200
    assert tallystick("keys", "revoke", key["id"]).returncode == 0
    wait_until(lambda: get(receiver.url + "/api/usage", key["key"]).status == 401)
    assert get(receiver.url + "/api/usage").status == 401, "revoking the last key must not open the receiver"


def test_keys_are_listed_without_their_secret(new_key, tallystick):
    key = new_key("ingest", "read", org="acme")
    listed = tallystick("keys", "list", "--json").stdout
    assert key["key"] not in listed
    assert [(row["id"], row["org"], row["scopes"]) for row in json.loads(listed)] == [
        (key["id"], "acme", "ingest read")
    ]
    unknown = tallystick("keys", "revoke", "nothing")
    assert (unknown.returncode, unknown.stderr) == (1, "Error: there is no key nothing\n")


def test_without_keys_only_a_loopback_address_is_accepted(tallystick, new_key):
    refused = tallystick("serve", "--listen", "0.0.0.0:0")
    assert refused.returncode == 1
    assert "no key is defined" in refused.stderr
    assert "tallystick keys create" in refused.stderr


def test_with_a_key_any_address_is_accepted(new_key, start_receiver):
    key = new_key("read")["key"]
    receiver = start_receiver("--listen", "0.0.0.0:0")
    assert get(receiver.url + "/api/usage", key).status == 200


def test_exit_codes_tell_a_no_from_a_wrong_use(tallystick, receiver):
    assert tallystick("usage", "--url", receiver.url, "--tz", "Nowhere").returncode == 1
    assert tallystick("usage", "--url", "http://127.0.0.1:1").returncode == 1
    assert tallystick("usage", "--attr", "nonsense").returncode == 2
    assert tallystick("serve", "--late-seconds-max", "soon").returncode == 2
    assert tallystick("nonsense").returncode == 2


def test_the_command_line_shows_what_the_api_answers(tallystick, receiver):
    call = {"name": "calls", "value": 12345, "attributes": {"org.id": "acme", "region": "eu"}}
    disk = {"name": "disk", "kind": "gauge", "value": 7, "unit": "By"}
    assert export(receiver.url, export_request([call, disk])).status == 200
    asks = ("usage", "--url", receiver.url, "--from", lately()["from_"], "--to", lately()["to"])
    shown = tallystick(*asks, "--org", "acme")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "12345" in shown.stdout
    as_json = tallystick(*asks, "--attr", "region=eu", "--json").stdout
    assert json.loads(as_json) == usage(receiver.url, **{"attr.region": "eu"})
