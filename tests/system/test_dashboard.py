"""The dashboard over HTTP: how it is served, and that a session is a key and nothing more."""

import gzip
import re
import urllib.request

import pytest
from conftest import run_cli
from otlp import export, export_request, get, send


def cookie_of(reply):
    return reply.headers["Set-Cookie"].split(";")[0]


def with_cookie(method, url, cookie, body=b"", **headers):
    request = urllib.request.Request(url, body or None, {"Cookie": cookie, **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture
def keys(database_url):
    def make(scope, *options):
        done = run_cli("keys", "create", "--name", scope, "--scope", scope, *options, "--database-url", database_url)
        assert done.returncode == 0, done.stderr
        return re.search(r"tsk_\S+", done.stdout)[0]

    return make


def test_every_answer_forbids_inline_scripts_frames_and_other_sites(receiver):
    page = get(receiver.url + "/")
    policy = page.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(
        policy.split("; ")
    )
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert b"style=" not in page.body
    assert not re.search(rb"<script(?![^>]* src=)", page.body)


def test_files_may_be_kept_for_ever_and_the_page_is_asked_again(receiver):
    page = get(receiver.url + "/")
    assert page.headers["Cache-Control"] == "no-cache"
    unchanged = urllib.request.Request(receiver.url + "/", headers={"If-None-Match": page.headers["ETag"]})
    with pytest.raises(urllib.error.HTTPError, match="304"):
        urllib.request.urlopen(unchanged, timeout=30)
    for path in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.body.decode()):
        found = get(receiver.url + path)
        assert "immutable" in found.headers["Cache-Control"], path
    assert get(receiver.url + "/assets/older/app.js").headers["Cache-Control"] == "no-store"


def test_the_chart_library_is_served_compressed_from_the_installed_package(receiver):
    page = get(receiver.url + "/").body.decode()
    url = receiver.url + re.search(r'name="tallystick-charts" content="([^"]+)"', page)[1]
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.read()) == get(url).body


def test_what_is_not_there_is_a_problem(receiver):
    assert get(receiver.url + "/dashboard/nothing").status == 404
    assert get(receiver.url + "/assets/x/../../access.py").status == 404
    assert get(receiver.url + "/assets/x/index.html").status == 404


def test_the_first_page_is_found_beside_the_others_too(receiver):
    for path in ("/dashboard", "/dashboard/usage"):
        found = get(f"{receiver.url}{path}?org=acme")
        assert (found.status, found.body) == (200, get(receiver.url + "/").body)


def test_a_session_is_the_key_it_was_made_with(start_receiver, keys):
    reader, ingest = keys("read", "--org", "acme"), keys("ingest")
    receiver = start_receiver()
    assert get(receiver.url + "/api/v1/session").json["state"] == "signedOut"
    assert send("POST", receiver.url + "/api/v1/session", {"key": ingest}).status == 403
    assert send("POST", receiver.url + "/api/v1/session", {"key": "tsk_1_2"}).status == 401
    signed = send("POST", receiver.url + "/api/v1/session", {"key": reader})
    assert (signed.json["state"], signed.json["orgId"], signed.json["scopes"]) == ("signedIn", "acme", ["read"])
    assert "HttpOnly" in signed.headers["Set-Cookie"]
    assert "SameSite=Strict" in signed.headers["Set-Cookie"]
    assert reader.split("_")[2] not in signed.headers["Set-Cookie"]
    cookie = cookie_of(signed)
    assert with_cookie("GET", receiver.url + "/api/usage?orgId=acme", cookie)[0] == 200
    assert with_cookie("GET", receiver.url + "/api/usage?orgId=globex", cookie)[0] == 403
    assert with_cookie("POST", receiver.url + "/api/v1/quarantine/replay", cookie)[0] == 403
    forged = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
    assert with_cookie("GET", receiver.url + "/api/usage", forged)[0] == 401


def test_a_page_of_another_origin_changes_nothing_with_the_cookie(start_receiver, keys):
    admin = keys("admin")
    receiver = start_receiver()
    export(receiver.url, export_request([{"attributes": {"project.id": "web"}}]), admin)
    cookie = cookie_of(send("POST", receiver.url + "/api/v1/session", {"key": admin}))
    url = receiver.url + "/api/v1/quarantine/replay"
    assert with_cookie("POST", url, cookie, Origin="http://127.0.0.1:1")[0] == 403
    assert with_cookie("POST", url, cookie, Origin="null")[0] == 403
    status, body = with_cookie("POST", url, cookie, Origin=receiver.url)
    assert (status, b"refused" in body) == (200, True)


def test_a_page_of_another_site_changes_nothing_on_an_open_receiver(receiver):
    definition = b'{"key": "calls"}'
    url = receiver.url + "/api/v1/metrics"
    kind = {"Content-Type": "application/json"}
    assert with_cookie("POST", url, "", definition, Origin="http://127.0.0.1:1", **kind)[0] == 403
    assert get(url).json["metrics"] == []
    assert with_cookie("POST", url, "", definition, Origin=receiver.url, **kind)[0] == 201


def test_a_session_ends_with_its_receiver(start_receiver, keys):
    reader = keys("read")
    receiver = start_receiver()
    cookie = cookie_of(send("POST", receiver.url + "/api/v1/session", {"key": reader}))
    assert with_cookie("GET", receiver.url + "/api/usage", cookie)[0] == 200
    receiver.stop()
    receiver.start()
    assert with_cookie("GET", receiver.url + "/api/usage", cookie)[0] == 401
