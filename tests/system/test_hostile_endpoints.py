"""Endpoints that mean harm: they delay nobody else, fill no memory, and lead nobody into the operator's own network."""

import socket
import ssl
import threading
from contextlib import suppress

import psutil
import pytest
import trustme
from delivering import PRIVATE, QUICK, deliveries, draw, hook, in_state, mail_to, use
from endpoints import Answer, Endpoint, MailServer
from otlp import get, send
from waiting import wait_until

MEBIBYTE = 2**20


@pytest.fixture
def endpoint():
    found = Endpoint()
    yield found
    found.stop()


class Silent:
    """Accepts connections and says nothing; with `flood` it answers 500 and never stops talking."""

    def __init__(self, flood=False):
        self.connections = []
        self.sent = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._flood = flood
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            if self._flood:
                self._threads.append(threading.Thread(target=self._talk, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _talk(self, connection):
        try:
            connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 1073741824\r\n\r\n")
            for _ in range(1024):
                connection.sendall(b"x" * MEBIBYTE)
                self.sent += MEBIBYTE
        except OSError:
            return

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self._listener.close()
        self._threads[0].join(10)
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for connection in self.connections:
            connection.close()


def test_an_endpoint_that_never_answers_delays_nobody_else(start_receiver, endpoint):
    receiver = start_receiver(*PRIVATE, "--deliver-attempt-seconds-max", "3600")
    silent = Silent()
    try:
        levels = list(range(1, 101))
        hung = hook(receiver, silent.url, types=["threshold.approaching", "threshold.exceeded"])
        fine = hook(receiver, endpoint.url, types=["threshold.approaching", "threshold.exceeded"])
        for start in range(0, 100, 20):
            draw(receiver, levels=levels[start : start + 20])
        use(receiver)
        wait_until(lambda: len(deliveries(receiver, webhookId=fine["id"], state="delivered")) == 100)
        assert len(endpoint.verified(fine["secret"])) == 100
        assert {d["state"] for d in deliveries(receiver, webhookId=hung["id"])} == {"waiting"}
        wait_until(lambda: len(silent.connections) == 4)
    finally:
        silent.stop()


def test_an_endpoint_that_hangs_is_given_up_and_counts_as_a_failed_attempt(start_receiver):
    receiver = start_receiver(*QUICK, "--deliver-attempt-seconds-max", "0.2", "--deliver-give-up-seconds", "0.1")
    silent = Silent()
    try:
        hook(receiver, silent.url, types=["threshold.exceeded"])
        draw(receiver, levels=[100])
        use(receiver)
        (parked,) = in_state(receiver, "parked", 1)
        assert parked["lastError"] == "no answer within 0.2 s"
    finally:
        silent.stop()


def test_an_answer_of_a_gigabyte_is_not_read(start_receiver):
    receiver = start_receiver(*QUICK, "--deliver-give-up-seconds", "0.01")
    flood = Silent(flood=True)
    try:
        hook(receiver, flood.url, types=["threshold.exceeded"])
        draw(receiver, levels=[100])
        use(receiver)
        (parked,) = in_state(receiver, "parked", 1)
        assert parked["lastError"].startswith("the endpoint answers 500: xxx")
        assert len(parked["lastError"]) <= 500
        assert flood.sent < 64 * MEBIBYTE
        assert psutil.Process(receiver.process.pid).memory_info().rss < 400 * MEBIBYTE
    finally:
        flood.stop()


def test_redirects_are_not_followed(start_receiver, endpoint):
    receiver = start_receiver(*QUICK, "--deliver-give-up-seconds", "0.01")
    inside = Endpoint()
    try:
        endpoint.answer = lambda _: Answer(307, {"Location": inside.url}, b"")
        hook(receiver, endpoint.url, types=["threshold.exceeded"])
        draw(receiver, levels=[100])
        use(receiver)
        (parked,) = in_state(receiver, "parked", 1)
        assert parked["lastError"] == "the endpoint answers 307"
        assert (len(endpoint.received), inside.received) == (parked["attempts"], [])
    finally:
        inside.stop()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0",
     "[::ffff:127.0.0.1]", "[fd00:ec2::254]", "[fe80::1]", "224.0.0.1", "2130706433", "0x7f000001", "127.1",
     "100.100.100.200", "168.63.129.16", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "255.255.255.255", "192.0.0.192"],
)  # fmt: skip
def test_an_endpoint_in_our_own_network_is_refused_at_once(receiver, host):
    refused = send("POST", receiver.url + "/api/v1/webhooks", {"url": f"http://{host}:8080/"})
    assert refused.status == 400
    assert "not a public address" in refused.json["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_name_that_leads_inside_later_is_refused_when_it_is_called(start_receiver, endpoint, host):
    """What DNS rebinding does: fine when the endpoint was created, private when it is called."""
    receiver = start_receiver(*QUICK)
    hook(receiver, f"http://{host}:{endpoint.port}/", types=["threshold.exceeded"])
    receiver.stop()
    guarded = start_receiver("--deliver-seconds", "0.1", "--deliver-retry-seconds", "0.05", "--deliver-give-up-seconds",
                             "0.01")  # fmt: skip
    draw(guarded, levels=[100])
    use(guarded)
    (parked,) = in_state(guarded, "parked", 1)
    assert "is not a public address" in parked["lastError"]
    assert endpoint.received == []


@pytest.fixture
def authority(tmp_path):
    found = trustme.CA()
    found.cert_pem.write_to_path(tmp_path / "ca.pem")
    return found, {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}


def server_context(ca, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize(("name", "is_known"), [("127.0.0.1", True), ("127.0.0.1", False), ("evil.example", True)])
def test_a_certificate_is_checked(start_receiver, authority, name, is_known):
    ca, environment = authority
    receiver = start_receiver(*QUICK, "--deliver-give-up-seconds", "0.01", **(environment if is_known else {}))
    endpoint = Endpoint(tls=server_context(ca, name))
    try:
        hook(receiver, endpoint.url, types=["threshold.exceeded"])
        draw(receiver, levels=[100])
        use(receiver)
        is_fine = is_known and name == "127.0.0.1"
        (delivery,) = in_state(receiver, "delivered" if is_fine else "parked", 1)
        assert len(endpoint.received) == (1 if is_fine else 0)
        assert is_fine or "certificate" in delivery["lastError"].lower()
    finally:
        endpoint.stop()


@pytest.mark.parametrize(("is_known", "password"), [(True, "secret"), (False, "secret"), (True, "wrong")])
def test_mail_goes_over_starttls_with_a_checked_certificate_and_a_password_of_the_environment(
    start_receiver, authority, is_known, password
):
    ca, environment = authority
    mail = MailServer(tls=server_context(ca, "localhost"), password="secret")
    try:
        receiver = start_receiver(
            *QUICK, "--smtp-url", f"smtp://user@localhost:{mail.port}", "--smtp-from", "usage@example.com",
            "--deliver-give-up-seconds", "0.01", TALLYSTICK_SMTP_PASSWORD=password, **(environment if is_known else {}),
        )  # fmt: skip
        draw(receiver, levels=[100], notifyEmails=["a@example.com"])
        use(receiver)
        is_fine = is_known and password == "secret"
        (delivery,) = in_state(receiver, "delivered" if is_fine else "parked", 1)
        assert mail.was_encrypted == ([True] if is_fine else [])
        assert is_fine or ("535" if is_known else "certificate") in delivery["lastError"].lower()
        assert "secret" not in receiver.log
    finally:
        mail.stop()


def test_a_mail_server_without_starttls_gets_nothing_unless_that_is_asked_for(start_receiver):
    mail = MailServer()
    try:
        plain = mail_to(mail)
        receiver = start_receiver(*QUICK, "--smtp-url", plain[1].replace("smtp+plain", "smtp"), *plain[2:],
                                  "--deliver-give-up-seconds", "0.01")  # fmt: skip
        draw(receiver, levels=[100], notifyEmails=["a@example.com"])
        use(receiver)
        in_state(receiver, "parked", 1)
        assert mail.messages == []
    finally:
        mail.stop()


def test_a_dead_mail_server_delays_no_webhook(start_receiver, endpoint):
    silent = Silent()
    try:
        where = silent.url.removeprefix("http://").rstrip("/")
        to_nobody = ("--smtp-url", f"smtp+plain://{where}", "--smtp-from", "usage@example.com")
        receiver = start_receiver(*PRIVATE, "--deliver-attempt-seconds-max", "3600", *to_nobody)
        fine = hook(receiver, endpoint.url, types=["threshold.approaching", "threshold.exceeded"])
        levels = list(range(81, 101))
        draw(receiver, levels=levels, notifyEmails=[f"{n}@example.com" for n in range(20)])
        use(receiver)
        wait_until(lambda: len(deliveries(receiver, webhookId=fine["id"], state="delivered")) == len(levels))
        assert len(silent.connections) <= 4
        assert get(receiver.url + "/healthz").status == 200
    finally:
        silent.stop()
