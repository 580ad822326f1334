"""Read tokens, black box: usage of one organisation, for a while, and nothing else."""

import asyncio
import json
from datetime import UTC, datetime

import asyncpg
import pytest
from conftest import run_cli, sql
from otlp import export, export_request, get, send, totals
from waiting import wait_until

READABLE = {"/api/usage", "/api/v1/usage/summary", "/api/v1/completeness"}
FOR_EVERYBODY = {"/api/v1/session"}


@pytest.fixture
def new_key(database_url):
    def create(*scopes, org="*"):
        options = [part for scope in scopes for part in ("--scope", scope)]
        done = run_cli(
            "keys", "create", "--name", "k", "--org", org, "--json", *options, "--database-url", database_url
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return create


def mint(receiver, key="", **body):
    return send("POST", receiver.url + "/api/v1/tokens", body, key)


def token_of(receiver, key="", **body):
    reply = mint(receiver, key, **body)
    assert reply.status == 201, reply.body
    return reply.json["token"]


def use(receiver, key, **quantities):
    points = [{"name": "calls", "value": n, "attributes": {"org.id": org}} for org, n in quantities.items()]
    assert export(receiver.url, export_request(points), key).status == 200


def rows(database_url, query):
    async def ask():
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_a_token_reads_the_usage_of_its_organisation_and_no_other(new_key, start_receiver):
    key = new_key("ingest", "read")["key"]
    receiver = start_receiver()
    use(receiver, key, acme=3, globex=5)
    token = token_of(receiver, key, orgId="acme")
    assert totals(receiver.url, key=token) == {"calls": "3"}
    assert totals(receiver.url, key=token, orgId="acme") == {"calls": "3"}
    assert get(receiver.url + "/api/usage", token, orgId="globex").status == 403
    assert get(receiver.url + "/api/v1/usage/summary", token, metricKey="calls").json["totalQuantity"] == "3"
    assert get(receiver.url + "/api/v1/usage/summary", token, metricKey="calls", orgId="globex").status == 403
    assert get(receiver.url + "/api/v1/completeness", token).json["orgId"] == "acme"
    assert get(receiver.url + "/api/v1/completeness", token, orgId="globex").status == 403


def test_a_token_does_nothing_else_of_all_that_the_api_can(new_key, start_receiver):
    """Of an admin's key, too: every call that the description knows is tried."""
    receiver = start_receiver()
    token = token_of(receiver, new_key("admin")["key"], orgId="acme")
    tried = 0
    for path, methods in get(receiver.url + "/openapi.json").json["paths"].items():
        if not path.startswith(("/api/", "/v1/")) or path in FOR_EVERYBODY:
            continue
        for method in methods:
            if method == "get" and path in READABLE:
                continue
            url = receiver.url + path.replace("{id}", "1").replace("{month}", "2026-10")
            reply = send(method.upper(), url, {} if method in ("post", "patch", "put") else None, token)
            assert reply.status in (403, 415), (method, path, reply.status, reply.body)
            tried += 1
    assert tried > 50
    assert get(receiver.url + "/api/v1/session", token).json["scopes"] == []
    assert send("POST", receiver.url + "/api/v1/session", {"key": token}).status == 403


def test_a_token_expires_by_the_clock_of_the_database(new_key, start_receiver, database_url):
    key = new_key("read")["key"]
    receiver = start_receiver()
    reply = mint(receiver, key, orgId="acme", lifetimeSeconds=1)
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.json["lifetimeSeconds"] == 1
    expires = datetime.fromisoformat(reply.json["expiresAt"])
    wait_until(lambda: get(receiver.url + "/api/usage", reply.json["token"]).status == 401)
    assert rows(database_url, "SELECT clock_timestamp()") >= expires
    assert datetime.fromisoformat(mint(receiver, key, orgId="acme").json["expiresAt"]) > datetime.now(UTC)


def test_receivers_on_one_database_take_each_others_tokens(new_key, start_receiver):
    first, second = start_receiver(), start_receiver()
    key = new_key("read", org="acme")["key"]
    for minting, asked in ((first, second), (second, first)):
        assert get(asked.url + "/api/usage", token_of(minting, key)).status == 200


def test_the_tokens_of_a_revoked_key_are_worth_nothing_at_once(new_key, start_receiver, database_url):
    kept, revoked = new_key("read"), new_key("read")
    receiver = start_receiver()
    tokens = [token_of(receiver, key["key"], orgId="acme") for key in (kept, revoked)]
    assert run_cli("keys", "revoke", revoked["id"], "--database-url", database_url).returncode == 0
    assert [get(receiver.url + "/api/usage", token).status for token in tokens] == [200, 401]


def test_only_who_may_read_an_organisation_hands_out_its_tokens(new_key, start_receiver):
    receiver = start_receiver("--token-seconds-max", "60")
    everybody, acme, ingest = new_key("read")["key"], new_key("read", org="acme")["key"], new_key("ingest")["key"]
    assert mint(receiver, acme).json["orgId"] == "acme"
    assert mint(receiver, acme, orgId="globex").status == 403
    assert mint(receiver, ingest, orgId="acme").status == 403
    assert mint(receiver, "tsk_wrong", orgId="acme").status == 401
    assert "orgId" in mint(receiver, everybody).json["detail"]
    assert mint(receiver, everybody, orgId="acme").json["lifetimeSeconds"] == 60
    for wrong in (61, 0, -1, 1.5, "30", True, 10**400):
        refused = mint(receiver, everybody, orgId="acme", lifetimeSeconds=wrong)
        assert (refused.status, "token_seconds_max" in refused.json["detail"]) == (400, True), wrong
    assert mint(receiver, everybody, orgId="acme", scope="admin").status == 400


def test_tokens_are_bounded_and_those_that_expired_are_deleted(new_key, start_receiver, database_url):
    receiver = start_receiver("--tokens-per-key-max", "3")
    full, other = new_key("read")["key"], new_key("read")["key"]
    tokens = [token_of(receiver, full, orgId="acme") for _ in range(3)]
    assert mint(receiver, full, orgId="acme").status == 503
    assert mint(receiver, other, orgId="acme").status == 201, "one key's tokens are in nobody else's way"
    assert get(receiver.url + "/api/usage", tokens[0]).status == 200
    sql(database_url, "UPDATE read_token SET expires_at = now() - interval '1 second'")
    assert mint(receiver, full, orgId="acme").status == 201
    assert rows(database_url, "SELECT count(*) FROM read_token") == 1


def test_the_database_does_not_know_a_token(new_key, start_receiver, database_url):
    token = token_of(start_receiver(), new_key("read")["key"], orgId="acme")
    assert token.startswith("tst_")
    found = rows(database_url, "SELECT string_agg(t::text || encode(t.secret, 'escape'), ' ') FROM read_token t")
    assert token.removeprefix("tst_") not in found


def test_without_keys_a_token_means_itself_until_there_is_a_key(new_key, receiver):
    use(receiver, "", acme=3, globex=5)
    token = token_of(receiver, orgId="acme")
    assert totals(receiver.url, key=token) == {"calls": "3"}
    assert get(receiver.url + "/api/v1/costs", token).status == 403
    assert get(receiver.url + "/api/usage", "tst_made_up").status == 401
    assert get(receiver.url + "/api/usage").status == 200
    new_key("read")
    assert get(receiver.url + "/api/usage", token).status == 401
