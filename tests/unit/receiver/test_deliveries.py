"""What follows from an attempt, which addresses are called, and what events say to people."""

import ipaddress
import json
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.deliver.addresses import BadTargetError, is_public, target_of
from tallystick_receiver.deliver.courier import Office
from tallystick_receiver.deliver.endpoints import slack_body
from tallystick_receiver.deliver.lookup import Lookup
from tallystick_receiver.deliver.mail import compose
from tallystick_receiver.deliver.telling import telling_of
from tallystick_receiver.deliveries import (
    Attempt,
    Delivered,
    Failed,
    Gone,
    Kind,
    Persistence,
    Refused,
    State,
    judge,
)
from tallystick_receiver.mail_server import UNFIT_ADDRESS, Security, mail_server

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = Persistence(first=timedelta(seconds=5), give_up=timedelta(days=1))
CONTENT = {
    "thresholdId": "thr_1", "metricKey": "api_calls", "unit": "{call}", "subjectType": "project", "subjectId": "web",
    "level": 80, "threshold": "100", "used": "85", "percent": "85", "action": "alert", "resetPeriod": "monthly",
    "timeZone": "UTC", "periodStart": "2026-11-01T00:00:00Z", "periodEnd": "2026-12-01T00:00:00Z", "isClosed": False,
    "occurrence": 1,
}  # fmt: skip


def body_of(kind="threshold.approaching", org="acme", **content):
    return json.dumps({"id": "evt_1", "type": kind, "timestamp": "2026-11-02T00:00:00.000Z", "orgId": org,
                       "data": CONTENT | content}, ensure_ascii=False)  # fmt: skip


def attempt(attempts=1, body=None, email=None):
    return Attempt(
        number=7, kind=Kind.WEBHOOK, lane="whk_1", attempts=attempts, since=START, webhook=None, email=email,
        event="evt_1", at=START, body=body or body_of(),
    )  # fmt: skip


@given(st.lists(st.floats(0, 1), min_size=40, max_size=40))
def test_pauses_grow_with_jitter_for_a_day_and_then_it_is_parked(jitters):
    now, pauses = START, []
    for jitter in jitters:
        verdict = judge(attempt(), Failed("no"), DAY, now, jitter)
        if verdict.state is State.PARKED:
            break
        pauses.append(verdict.due_at - now)
        now = verdict.due_at
    assert verdict.state is State.PARKED
    assert timedelta(hours=21) <= now - START <= timedelta(days=1)
    assert 15 <= len(pauses) <= 40
    assert timedelta(seconds=4) <= pauses[0] <= timedelta(seconds=6)
    assert max(pauses) <= timedelta(hours=2.4)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [(timedelta(minutes=10), timedelta(minutes=10)), (timedelta(days=9), timedelta(hours=1)),
     (timedelta(), timedelta(seconds=5)), (None, timedelta(seconds=5))],
)  # fmt: skip
def test_what_the_endpoint_asks_for_is_heeded_within_reason(asked, pause):
    assert judge(attempt(), Failed("no", asked), DAY, START, 0.5).due_at == START + pause


@pytest.mark.parametrize(
    ("outcome", "state", "error"),
    [(Delivered(), State.DELIVERED, None), (Refused("no"), State.PARKED, "no"), (Gone("410"), State.PARKED, "410"),
     (Failed("a\x00b\n" + "x" * 999), State.WAITING, "a b " + "x" * 496)],
)  # fmt: skip
def test_every_outcome_has_its_state_and_an_error_that_can_be_stored(outcome, state, error):
    verdict = judge(attempt(3), outcome, DAY, START, 0.5)
    assert (verdict.number, verdict.attempts, verdict.state, verdict.error) == (7, 3, state, error)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(text):
    assert is_public(text)


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_as_public_as_itself(ip):
    assert is_public(f"::ffff:{ip}") == is_public(f"64:ff9b::{ip}") == is_public(str(ip))
    assert is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80)))) == is_public(str(ip))


@given(st.text())
def test_nothing_but_an_address_is_public(text):
    assert not is_public(text) or ipaddress.ip_address(text)


@given(st.text(max_size=60))
def test_any_url_is_called_or_refused_with_a_sentence(text):
    for whole in (text, "https://" + text, "http://example.com/" + text, "http://example.com" + text):
        try:
            url = target_of(whole)
        except BadTargetError:
            continue
        assert url.scheme in ("http", "https")
        assert url.user is None
        assert url.host


async def test_a_name_is_looked_up_by_one_thread_however_many_ask():
    lookup = Lookup()
    found = await lookup.resolve("localhost", 80)
    assert {entry["host"] for entry in found} <= {"127.0.0.1", "::1"}
    assert found[0]["port"] == 80
    for nobody in ("no.such.name.invalid", "a" * 300):
        with pytest.raises(OSError):
            await lookup.addresses(nobody)
    assert lookup._pending == {}


def test_a_failing_lane_gets_one_slot_and_no_lane_more_than_its_share():
    office = Office((Kind.WEBHOOK,), None, slots=10, lane_slots=4)
    for _ in range(3):
        office.begin("a")
    assert (office.free, office.free_of_lanes()) == (7, {"a": 1})
    office.end("a", is_failing=True)
    assert office.free_of_lanes() == {"a": 0}
    office.end("a", is_failing=True)
    office.end("a", is_failing=True)
    assert (office.free, office.free_of_lanes()) == (10, {"a": 1})
    office.begin("a")
    office.end("a", is_failing=False)
    assert (office.free, office.free_of_lanes()) == (10, {})


def test_a_crossing_in_words():
    told = telling_of(body_of())
    assert told.title == "api_calls of project web of org acme has reached 80 %"
    assert told.lines == (
        "used: 85 of 100 {call} (85 %)",
        "period: 2026-11-01T00:00:00Z to 2026-12-01T00:00:00Z (monthly, UTC)",
        "threshold: thr_1, action alert",
        "event: threshold.approaching evt_1 at 2026-11-02T00:00:00.000Z",
    )
    assert "is below 80 %" in telling_of(body_of("threshold.retracted")).title


@given(st.sampled_from(["threshold.exceeded", "metric.defined", "usage.recorded"]), st.text(), st.text(), st.text())
def test_no_name_breaks_a_line_a_header_or_out_of_slacks_text(kind, org, subject, metric):
    body = body_of(kind, org or None, subjectId=subject, metricKey=metric, more=[subject])
    told = telling_of(body)
    assert all(line.isprintable() for line in (told.title, *told.lines))
    text = json.loads(slack_body(body))["text"]
    assert "<" not in text
    message = compose(attempt(body=body, email="a@example.com"), Address(addr_spec="u@example.com"))
    assert message["To"] == "a@example.com"
    header = message.as_bytes().split(b"\r\n\r\n")[0]
    names = [line.split(b":")[0] for line in header.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert names == [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"Content-Type",
                     b"Content-Transfer-Encoding", b"MIME-Version"]  # fmt: skip
    again = compose(attempt(2, body=body, email="a@example.com"), Address(addr_spec="u@example.com"))
    assert again.as_bytes() == message.as_bytes()


@pytest.mark.parametrize("email", ["a@b\r\nBcc: c@d", "a", "@", "", "a@b c@d", "a@b\nX: y"])
def test_an_address_that_cannot_be_is_no_message(email):
    with pytest.raises(UNFIT_ADDRESS):
        compose(attempt(email=email), Address(addr_spec="u@example.com"))


@pytest.mark.parametrize(
    ("url", "security", "port"),
    [("smtp://mail.example.com", Security.STARTTLS, 587), ("smtps://me@mail.example.com", Security.TLS, 465),
     ("smtp+plain://relay:2525", Security.PLAIN, 2525)],
)  # fmt: skip
def test_the_scheme_says_how_mail_is_protected(url, security, port):
    server = mail_server(url, "Tallystick <usage@example.com>", "secret")
    assert (server.security, server.port, str(server.sender)) == (security, port, "Tallystick <usage@example.com>")


@pytest.mark.parametrize(
    ("url", "sender"),
    [("http://mail", "a@b.c"), ("smtp://", "a@b.c"), ("smtp://me:secret@mail", "a@b.c"), ("smtp://mail:99999", "a@b.c"),
     ("smtp+plain://me@mail", "a@b.c"), ("smtp://mail/path", "a@b.c"), ("smtp://mail", ""), ("smtp://mail", "nobody"),
     ("smtp://mail", "a@b\r\nBcc: x@y")],
)  # fmt: skip
def test_bad_settings_of_mail_are_refused_with_a_sentence(url, sender):
    with pytest.raises(ValueError, match=r"smtp_\w+ must be"):
        mail_server(url, sender, "")
    assert mail_server("", sender, "") is None
