"""What pages of other sites get, black box: figures for a read token, where the site is named, and nothing else."""

import urllib.request
from urllib.parse import urljoin

import pytest
from conftest import run_cli
from otlp import Reply, get, send

SITE = "https://app.example.com"
CORS = "Access-Control-Allow-Origin"


def ask(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Reply(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, dict(error.headers), error.read())


def preflight(url, origin=SITE, method="GET"):
    return ask(url, "OPTIONS", Origin=origin, Access_Control_Request_Method=method,
               Access_Control_Request_Headers="authorization")  # fmt: skip


@pytest.fixture
def key(database_url):
    done = run_cli("keys", "create", "--name", "k", "--scope", "read", "--database-url", database_url)
    return done.stdout.strip()


def token_of(receiver, key=""):
    return send("POST", receiver.url + "/api/v1/tokens", {"orgId": "acme"}, key).json["token"]


def test_nobody_is_answered_across_origins_unless_a_setting_says_so(receiver):
    url = receiver.url + "/api/usage"
    assert CORS not in ask(url, Origin=SITE, Authorization=f"Bearer {token_of(receiver)}").headers
    refused = preflight(url)
    assert (refused.status, CORS in refused.headers) == (403, False)
    assert "embed_origins" in refused.json["detail"]


@pytest.mark.parametrize("origins", [f"https://other.example, {SITE}", "*"])
def test_a_named_site_reads_with_a_token(start_receiver, key, origins):
    receiver = start_receiver("--embed-origins", origins)
    shared = "*" if origins == "*" else SITE
    for path in ("/api/usage", "/api/v1/completeness", "/api/v1/usage/summary"):
        asked = preflight(receiver.url + path)
        assert (asked.status, asked.headers[CORS]) == (204, shared)
        assert asked.headers["Access-Control-Allow-Headers"] == "Authorization"
        assert asked.headers["Access-Control-Allow-Methods"] == "GET"
    answered = ask(receiver.url + "/api/usage", Origin=SITE, Authorization=f"Bearer {token_of(receiver, key)}")
    assert (answered.status, answered.headers[CORS]) == (200, shared)
    assert "Access-Control-Allow-Credentials" not in answered.headers
    expired = ask(receiver.url + "/api/usage", Origin=SITE, Authorization="Bearer tst_expired")
    assert (expired.status, expired.headers[CORS]) == (401, shared), "a page must see that it needs another token"


def test_another_site_and_another_credential_are_not_answered_across_origins(start_receiver, key):
    receiver = start_receiver("--embed-origins", SITE)
    token = token_of(receiver, key)
    for origin in ("https://app.example.com.evil.example", "http://app.example.com", "null"):
        assert CORS not in ask(receiver.url + "/api/usage", Origin=origin, Authorization=f"Bearer {token}").headers
        assert preflight(receiver.url + "/api/usage", origin).status == 403
    signed = send("POST", receiver.url + "/api/v1/session", {"key": key})
    cookie = signed.headers["Set-Cookie"].split(";")[0]
    for headers in ({"Authorization": f"Bearer {key}"}, {"Cookie": cookie}, {}):
        assert CORS not in ask(receiver.url + "/api/usage", Origin=SITE, **headers).headers
    for path in ("/api/v1/tokens", "/api/v1/costs", "/api/v1/session", "/v1/metrics", "/healthz"):
        assert CORS not in preflight(receiver.url + path, method="POST").headers


def test_an_open_receiver_gives_a_site_nothing_for_a_made_up_token(start_receiver):
    receiver = start_receiver("--embed-origins", "*")
    assert ask(receiver.url + "/api/usage", Origin=SITE, Authorization="Bearer tst_x").status == 401
    assert CORS not in ask(receiver.url + "/api/usage", Origin=SITE).headers


@pytest.mark.parametrize(("options", "ancestors"), [
    ((), "'none'"), (("--embed-origins", SITE), f"'self' {SITE}"), (("--embed-origins", "*"), "'self' *"),
])  # fmt: skip
def test_the_page_for_frames_is_framed_by_named_sites_only_and_is_strict_otherwise(start_receiver, options, ancestors):
    receiver = start_receiver(*options)
    page = get(receiver.url + "/embed/usage", orgId="acme")
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} < set(policy)
    assert f"frame-ancestors {ancestors}" in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert b"<script>" not in page.body
    assert b"style=" not in page.body
    assert "frame-ancestors 'none'" in get(receiver.url + "/").headers["Content-Security-Policy"]


def test_the_module_is_for_pages_of_any_site_and_is_asked_again(receiver):
    module = get(receiver.url + "/embed/tallystick-usage.js")
    assert module.headers["Content-Type"].startswith("text/javascript")
    assert (module.headers[CORS], module.headers["Cache-Control"]) == ("*", "no-cache")
    imported = module.body.decode().split('"')[1]
    file = get(urljoin(receiver.url + "/embed/tallystick-usage.js", imported))
    assert (file.headers[CORS], "immutable" in file.headers["Cache-Control"]) == ("*", True)
    unchanged = ask(receiver.url + "/embed/tallystick-usage.js", If_None_Match=module.headers["ETag"])
    assert unchanged.status == 304


@pytest.mark.parametrize("wrong", ["app.example.com", "https://app.example.com/", "https://a; script-src *", "ftp://a"])
def test_a_site_that_is_no_origin_stops_the_start(database_url, wrong):
    done = run_cli("serve", "--embed-origins", wrong, "--database-url", database_url)
    assert (done.returncode, "embed_origins must be" in done.stderr) == (2, True)
