"""Delivery of events, black box: real endpoints, a real mail server, over HTTP and the command line only."""

import json
import re

import pytest
from conftest import run_cli
from delivering import PRIVATE, QUICK, deliveries, draw, hook, in_state, mail_to, use
from endpoints import Answer, Endpoint, MailServer
from otlp import get, send
from standardwebhooks import Webhook, WebhookVerificationError
from waiting import wait_until


@pytest.fixture
def endpoint():
    found = Endpoint()
    yield found
    found.stop()


@pytest.fixture
def mail():
    found = MailServer()
    yield found
    found.stop()


def counted(receiver, outcome):
    """What it counted itself: it does so when it has heard of the commit, and others may see that earlier."""
    return get(receiver.url + "/healthz").json["counts"].get(f"deliveries.{outcome}", 0)


CROSSINGS = ["threshold.approaching", "threshold.approaching", "threshold.exceeded"]


def test_a_crossing_of_three_levels_is_three_signed_messages_once_each(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE)
    made = hook(receiver, endpoint.url, types=["threshold.approaching", "threshold.exceeded"])
    draw(receiver)
    use(receiver)
    for delivery in in_state(receiver, "delivered", 3):
        assert (delivery["attempts"], delivery["lastError"], delivery["nextTryAt"]) == (1, None, None)
        assert (delivery["webhookId"], delivery["orgId"], delivery["kind"]) == (made["id"], "acme", "webhook")
    found = endpoint.verified(made["secret"])
    events = get(receiver.url + "/api/v1/events", type=",".join(set(CROSSINGS))).json["events"]
    assert [event["type"] for event in events] == CROSSINGS
    # Attempts at once may overtake each other.
    assert {event["id"]: {k: v for k, v in event.items() if k != "cursor"} for event in events} == found
    assert len(endpoint.received) == 3
    wait_until(lambda: counted(receiver, "delivered") == 3)


def test_what_fails_is_repeated_under_the_same_id_with_the_same_body(start_receiver, endpoint):
    receiver = start_receiver(*QUICK)
    endpoint.answer = lambda _: Answer(500, body=b"not now\n")
    made = hook(receiver, endpoint.url, types=["threshold.exceeded"])
    draw(receiver, levels=[100])
    use(receiver)
    wait_until(lambda: [d["lastError"] for d in deliveries(receiver)] == ["the endpoint answers 500: not now"])
    wait_until(lambda: len(endpoint.received) >= 3)
    endpoint.answer = lambda _: Answer()
    (delivery,) = in_state(receiver, "delivered", 1)
    assert (delivery["attempts"], delivery["lastError"]) == (len(endpoint.received), None)
    assert len(endpoint.verified(made["secret"])) == 1
    wait_until(lambda: counted(receiver, "failed") == delivery["attempts"] - 1)


def test_what_fails_for_the_whole_time_is_parked_and_visible_and_sent_again_by_hand(start_receiver, endpoint):
    receiver = start_receiver(*QUICK, "--deliver-give-up-seconds", "0.5")
    endpoint.answer = lambda _: Answer(503)
    made = hook(receiver, endpoint.url, types=["threshold.exceeded"])
    draw(receiver, levels=[100])
    use(receiver)
    (parked,) = in_state(receiver, "parked", 1)
    assert (parked["lastError"], parked["nextTryAt"]) == ("the endpoint answers 503: ok", None)
    assert deliveries(receiver, state="waiting") == []
    wait_until(lambda: counted(receiver, "parked") == 1)
    shown = run_cli("deliveries", "list", "--state", "parked", "--json", "--url", receiver.url)
    assert json.loads(shown.stdout) == [parked]
    assert "parked" in run_cli("deliveries", "list", "--url", receiver.url).stdout
    endpoint.answer = lambda _: Answer()
    before = len(endpoint.received)
    assert run_cli("deliveries", "resend", parked["id"], "--url", receiver.url).stdout == "1 will be sent again\n"
    (delivered,) = in_state(receiver, "delivered", 1)
    assert delivered["attempts"] == parked["attempts"] + 1
    assert len(endpoint.received) == before + 1
    assert len(endpoint.verified(made["secret"])) == 1
    assert run_cli("deliveries", "resend", "999", "--url", receiver.url).returncode == 1


def test_an_endpoint_that_is_gone_is_disabled_and_told_nothing_more(start_receiver, endpoint):
    receiver = start_receiver(*QUICK, "--deliver-per-endpoint-max", "1")
    endpoint.answer = lambda _: Answer(410, body=b"")
    made = hook(receiver, endpoint.url, types=["threshold.approaching", "threshold.exceeded"])
    draw(receiver)
    use(receiver)
    in_state(receiver, "parked", 3)
    shown = get(f"{receiver.url}/api/v1/webhooks/{made['id']}").json
    assert (shown["isEnabled"], shown["disabledBecause"]) == (False, "the endpoint answers 410")
    assert len(endpoint.received) == 1
    parked = deliveries(receiver)[0]["id"]
    assert send("POST", f"{receiver.url}/api/v1/deliveries/{parked}/resend").status == 409
    endpoint.answer = lambda _: Answer()
    enabled = send("PATCH", f"{receiver.url}/api/v1/webhooks/{made['id']}", {"isEnabled": True})
    assert (enabled.json["isEnabled"], enabled.json["disabledBecause"]) == (True, None)
    assert send("POST", f"{receiver.url}/api/v1/deliveries/{parked}/resend").status == 200
    wait_until(lambda: len(deliveries(receiver, state="delivered")) == 1)
    assert len(deliveries(receiver, state="parked")) == 2


def test_a_disabled_endpoint_gets_nothing_and_what_waited_for_it_is_parked(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE, "--deliver-retry-seconds", "600")
    endpoint.answer = lambda _: Answer(500)
    made = hook(receiver, endpoint.url, types=["threshold.approaching", "threshold.exceeded"])
    draw(receiver, levels=[50])
    use(receiver, 50)
    wait_until(lambda: deliveries(receiver, state="waiting")[:1] and deliveries(receiver)[0]["lastError"])
    assert send("PATCH", f"{receiver.url}/api/v1/webhooks/{made['id']}", {"isEnabled": False}).status == 200
    (parked,) = in_state(receiver, "parked", 1)
    assert parked["lastError"] == "the endpoint is disabled"
    draw(receiver, levels=[40])
    wait_until(lambda: len(get(receiver.url + "/api/v1/events", type="threshold.approaching").json["events"]) == 2)
    assert len(deliveries(receiver)) == 1
    assert send("DELETE", f"{receiver.url}/api/v1/webhooks/{made['id']}").status == 204
    assert deliveries(receiver) == []
    assert get(f"{receiver.url}/api/v1/webhooks/{made['id']}").status == 404


def test_retry_after_is_waited_for(start_receiver, endpoint):
    receiver = start_receiver(*QUICK)
    endpoint.answer = lambda _: Answer(429, {"Retry-After": "1800"})
    hook(receiver, endpoint.url, types=["threshold.exceeded"])
    draw(receiver, levels=[100])
    use(receiver)
    wait_until(lambda: deliveries(receiver)[:1] and deliveries(receiver)[0]["lastError"])
    (waiting,) = deliveries(receiver, state="waiting")
    assert waiting["nextTryAt"] > waiting["lastTryAt"]
    gap = [int(part) for part in re.findall(r"T(\d+):(\d+)", waiting["lastTryAt"] + waiting["nextTryAt"])[0]]
    later = [int(part) for part in re.findall(r"T(\d+):(\d+)", waiting["lastTryAt"] + waiting["nextTryAt"])[1]]
    assert (later[0] * 60 + later[1] - gap[0] * 60 - gap[1]) % 1440 >= 29


def test_a_rotated_secret_and_the_one_before_it_both_sign(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE)
    made = hook(receiver, endpoint.url, types=["threshold.exceeded"])
    rotated = send("POST", f"{receiver.url}/api/v1/webhooks/{made['id']}/rotate").json
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    assert rotated["secret"] != made["secret"]
    assert "secret" not in get(f"{receiver.url}/api/v1/webhooks/{made['id']}").json
    draw(receiver, levels=[100])
    use(receiver)
    in_state(receiver, "delivered", 1)
    for secret in (made["secret"], rotated["secret"]):
        endpoint.verified(secret)
    with pytest.raises(WebhookVerificationError):
        endpoint.verified(hook(receiver, endpoint.url)["secret"])
    forged = endpoint.received[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(forged.body.replace(b"acme", b"evil"), forged.headers)


def test_slack_is_told_what_thresholds_and_alerts_send_there_and_what_it_subscribed_to(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE)
    quiet, loud, of_org, foreign = (Endpoint() for _ in range(4))
    try:
        hook(receiver, quiet.url, kind="slack")
        hook(receiver, loud.url, kind="slack", types=["threshold.approaching"])
        hook(receiver, of_org.url, kind="slack", orgId="<!channel> & co")
        hook(receiver, foreign.url, kind="slack", orgId="other")
        draw(receiver, org="<!channel> & co", levels=[50])
        send("POST", receiver.url + "/api/v1/usage/alerts", {"threshold_percent": 100, "notify_slack": True})
        use(receiver, org="<!channel> & co")
        in_state(receiver, "delivered", 4)
        texts = {name: [got.json["text"] for got in found.received]
                 for name, found in (("quiet", quiet), ("loud", loud), ("org", of_org))}  # fmt: skip
        assert [list(got.json) for got in quiet.received] == [["text"]]
        assert texts["quiet"] == texts["org"]
        assert texts["quiet"][0].startswith(
            "*api_calls of org &lt;!channel&gt; &amp; co has reached 100 %*\nused: 100 of"
        )
        assert sorted(re.findall(r"has reached \d+", "".join(texts["loud"]))) == ["has reached 100", "has reached 50"]
        assert foreign.received == []
    finally:
        for found in (quiet, loud, of_org, foreign):
            found.stop()


def test_thresholds_and_alerts_write_e_mails_once_an_address(start_receiver, mail):
    receiver = start_receiver(*QUICK, *mail_to(mail))
    mail.is_busy = True
    draw(receiver, levels=[100], notifyEmails=["a@example.com", "b@example.com"])
    body = {"threshold_percent": 100, "notify_email": "a@example.com"}
    assert send("POST", receiver.url + "/api/v1/usage/alerts", body).status == 201
    body = {"threshold_percent": 50, "notify_email": "half@example.com"}
    assert send("POST", receiver.url + "/api/v1/usage/alerts", body).status == 201
    use(receiver)
    wait_until(lambda: any(d["attempts"] > 2 for d in deliveries(receiver)))
    assert "451 try again later" in deliveries(receiver)[0]["lastError"]
    mail.is_busy = False
    found = in_state(receiver, "delivered", 5)
    sent = sorted((m["To"], m["Subject"]) for m in mail.messages)
    half, whole = "api_calls of org acme has reached 50 %", "api_calls of org acme has reached 100 %"
    assert sent == [("a@example.com", whole), ("a@example.com", half), ("b@example.com", whole),
                    ("b@example.com", half), ("half@example.com", half)]  # fmt: skip
    assert {m["From"] for m in mail.messages} == {"Täl <usage@example.com>"}
    assert {m["Message-ID"] for m in mail.messages} == {f"<{d['eventId']}.{d['id']}@example.com>" for d in found}
    assert all("used: 100 of 100 (100 %)" in m.get_content() for m in mail.messages)


def test_a_mailbox_that_does_not_exist_is_parked_at_once_and_others_are_written_to(start_receiver, mail):
    receiver = start_receiver(*PRIVATE, *mail_to(mail))
    mail.unknown.add("nobody@example.com")
    draw(receiver, levels=[100], notifyEmails=["nobody@example.com", "a@example.com"])
    use(receiver)
    wait_until(lambda: {d["email"]: d["state"] for d in deliveries(receiver)} == {
        "nobody@example.com": "parked", "a@example.com": "delivered"})  # fmt: skip
    (parked,) = deliveries(receiver, state="parked")
    assert (parked["attempts"], parked["lastError"]) == (1, "the mail server refuses: 550 no such mailbox")


def test_a_name_with_a_line_break_makes_no_header(start_receiver, mail):
    org = "acme\r\nBcc: victim@example.com\r\n\r\nbody"
    receiver = start_receiver(*PRIVATE, *mail_to(mail))
    draw(receiver, org=org, levels=[100], notifyEmails=["a@example.com"])
    use(receiver, org=org)
    in_state(receiver, "delivered", 1)
    (message,) = mail.messages
    assert (message["Bcc"], mail.envelopes[0][1]) == (None, ["a@example.com"])
    assert message["Subject"].strip().startswith("api_calls of org acme")


def test_without_a_mail_server_mails_wait_and_say_why(start_receiver):
    receiver = start_receiver(*PRIVATE)
    draw(receiver, levels=[100], notifyEmails=["a@example.com"])
    use(receiver)
    wait_until(lambda: deliveries(receiver)[:1] and deliveries(receiver)[0]["lastError"] == "smtp_url is not set")
    assert deliveries(receiver)[0]["state"] == "waiting"


def test_a_threshold_with_the_action_none_notifies_nobody_and_its_events_are_there(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE)
    hook(receiver, endpoint.url, types=["threshold.exceeded"])
    hook(receiver, endpoint.url, kind="slack")
    draw(receiver, levels=[100], action="none", notifyEmails=["a@example.com"], notifySlack=True)
    use(receiver)
    (delivery,) = in_state(receiver, "delivered", 1)
    assert delivery["kind"] == "webhook"


def new_key(database_url, scope, org):
    done = run_cli("keys", "create", "--name", "k", "--org", org, "--scope", scope, "--json",
                   "--database-url", database_url)  # fmt: skip
    return json.loads(done.stdout)["key"]


def test_tenants_do_not_mix(start_receiver, database_url, endpoint):
    operator, acme, other = (new_key(database_url, "admin", org) for org in ("*", "acme", "other"))
    reader = new_key(database_url, "read", "acme")
    receiver = start_receiver(*PRIVATE)
    base = receiver.url + "/api/v1/webhooks"
    crossed = {"types": ["threshold.exceeded"]}
    of_all = hook(receiver, endpoint.url + "/all", operator, **crossed)
    of_acme = hook(receiver, endpoint.url + "/acme", acme, **crossed)
    of_other = hook(receiver, endpoint.url + "/other", other, **crossed)
    assert (of_all["orgId"], of_acme["orgId"], of_other["orgId"]) == (None, "acme", "other")
    assert send("POST", base, {"url": endpoint.url, "orgId": "acme"}, other).status == 403
    assert send("GET", base, None, reader).status == 403
    assert [w["id"] for w in get(base, acme).json["webhooks"]] == [of_acme["id"]]
    assert len(get(base, operator).json["webhooks"]) == 3
    for method, path, body in (("GET", "", None), ("PATCH", "", {"isEnabled": False}), ("DELETE", "", None),
                               ("POST", "/rotate", None)):  # fmt: skip
        for foreign in (of_acme, of_all):
            assert send(method, f"{base}/{foreign['id']}{path}", body, other).status == 404
    alert = {"threshold_percent": 100, "notify_email": "boss@operator.example"}
    assert send("POST", receiver.url + "/api/v1/usage/alerts", alert, operator).status == 201
    for org, key in (("acme", acme), ("other", other)):
        draw(receiver, org, key, levels=[100], notifyEmails=[f"a@{org}.example"])
        use(receiver, org=org, key=operator)
    wait_until(lambda: len(deliveries(receiver, operator, state="delivered")) == 4)
    told = sorted((got.path, got.json["orgId"]) for got in endpoint.received)
    assert told == [("/hook/acme", "acme"), ("/hook/all", "acme"), ("/hook/all", "other"), ("/hook/other", "other")]
    assert {d["email"] for d in deliveries(receiver, operator)} == {
        None, "a@acme.example", "a@other.example", "boss@operator.example"}  # fmt: skip
    seen = {(d["webhookId"], d["email"]) for d in deliveries(receiver, reader)}
    assert seen == {(of_acme["id"], None), (None, "a@acme.example")}
    number = deliveries(receiver, acme)[0]["id"]
    assert send("POST", f"{receiver.url}/api/v1/deliveries/{number}/resend", None, other).status == 404
    assert send("POST", f"{receiver.url}/api/v1/deliveries/{number}/resend", None, reader).status == 403
    assert get(receiver.url + "/api/v1/deliveries", acme, orgId="other").status == 403


def test_two_receivers_deliver_once(start_receiver, endpoint):
    one, two = start_receiver(*PRIVATE), start_receiver(*PRIVATE)
    made = hook(two, endpoint.url, types=["threshold.approaching", "threshold.exceeded"])
    draw(one, levels=list(range(10, 101, 10)))
    use(two, 100)
    in_state(one, "delivered", 10)
    assert len(endpoint.received) == len(endpoint.verified(made["secret"])) == 10
    wait_until(lambda: sorted(counted(receiver, "delivered") for receiver in (one, two)) == [0, 10])


def test_a_receiver_that_is_stopped_waits_for_the_answer_and_repeats_nothing(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE)
    hook(receiver, endpoint.url, types=["threshold.exceeded"])
    endpoint.released.clear()
    draw(receiver, levels=[100])
    use(receiver)
    wait_until(lambda: endpoint.received)
    endpoint.released.set()
    assert receiver.stop() == 0
    receiver.start()
    (delivery,) = in_state(receiver, "delivered", 1)
    assert (delivery["attempts"], len(endpoint.received)) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [{}, {"url": ""}, {"url": 5}, {"url": "ftp://example.com"}, {"url": "/hook"}, {"url": "http://"},
     {"url": "http://u:p@example.com"}, {"url": "http://u@example.com"}, {"url": "http://exa mple.com"},
     {"url": "http://example.com:0"}, {"url": "http://example.com:99999"}, {"url": "http://[::1"},
     {"url": "https://example.com\\@127.0.0.1"}, {"url": "https://e.com/" + "a" * 2048}, {"types": ["nonsense"]},
     {"types": []}, {"types": "threshold.exceeded"}, {"kind": "pigeon"}, {"isEnabled": "yes"}, {"colour": "red"},
     {"orgId": ""}, {"secret": "whsec_mine"}],
)  # fmt: skip
def test_a_bad_endpoint_is_refused_with_a_sentence(receiver, body):
    whole = body if body == {} or "url" in body else {"url": "https://192.88.99.1/x", **body}
    refused = send("POST", receiver.url + "/api/v1/webhooks", whole)
    assert (refused.status, refused.headers["Content-Type"]) == (400, "application/problem+json"), refused.body


def test_endpoints_are_changed_and_listed_by_page_and_bounded(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE, "--webhooks-per-org-max", "3")
    base = receiver.url + "/api/v1/webhooks"
    made = [hook(receiver, endpoint.url, description=str(n)) for n in range(3)]
    full = send("POST", base, {"url": endpoint.url})
    assert (full.status, full.json["detail"]) == (409, "there are 3 endpoints already (webhooks_per_org_max)")
    assert hook(receiver, endpoint.url, orgId="acme")["orgId"] == "acme"
    ids, cursor = [], None
    while True:
        page = get(base, limit="2", **({} if cursor is None else {"cursor": cursor})).json
        ids += [webhook["id"] for webhook in page["webhooks"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert (len(ids), ids) == (4, sorted(ids))
    path = f"{base}/{made[0]['id']}"
    changed = send("PATCH", path, {"types": ["metric.defined"], "description": "d", "url": endpoint.url + "/2"}).json
    assert changed == get(path).json
    assert (changed["types"], changed["description"], changed["url"]) == (["metric.defined"], "d", endpoint.url + "/2")
    assert send("PATCH", path, {"types": None}).json["types"] is None
    assert send("PATCH", path, {"orgId": "other"}).status == 400
    assert send("PATCH", path, {"kind": "slack"}).status == 400
    slack = hook(receiver, endpoint.url, kind="slack", orgId="acme")
    assert (slack["secret"], slack["types"]) == (None, [])
    assert send("POST", f"{base}/{slack['id']}/rotate").status == 409


def test_the_command_line_creates_lists_rotates_and_deletes(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE)
    at = ("--url", receiver.url)
    made = run_cli("webhooks", "create", endpoint.url, "--type", "threshold.exceeded", "--org", "acme", *at)
    assert (made.returncode, made.stderr) == (0, "")
    number, secret = made.stdout.split()
    (listed,) = json.loads(run_cli("webhooks", "list", "--json", *at).stdout)
    assert (listed["id"], listed["types"], listed["orgId"]) == (number, ["threshold.exceeded"], "acme")
    assert "enabled" in run_cli("webhooks", "list", *at).stdout
    assert run_cli("webhooks", "rotate", number, *at).stdout.strip() != secret
    assert run_cli("webhooks", "delete", number, *at).returncode == 0
    assert run_cli("webhooks", "delete", number, *at).returncode == 1
