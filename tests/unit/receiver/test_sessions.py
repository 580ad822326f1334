"""Tokens of sessions: expiring, and of one process only."""

import pytest

from tallystick_receiver.dashboard import assets
from tallystick_receiver.sessions import SESSION_SECONDS, Sessions


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


def test_a_token_stands_for_its_key_until_it_expires():
    clock = Clock()
    sessions = Sessions(now=clock)
    token, expires = sessions.issue("abcd1234")
    assert expires == clock.now + SESSION_SECONDS
    clock.now = expires - 1
    assert sessions.key_id(token) == "abcd1234"
    clock.now = expires
    assert sessions.key_id(token) is None


def test_a_token_of_another_process_is_nobodys():
    token, _ = Sessions().issue("abcd1234")
    assert Sessions().key_id(token) is None


@pytest.mark.parametrize("change", [
    lambda token: token.replace("abcd1234", "00000000"), lambda token: token.replace(".1", ".2", 1),
    lambda token: token[:-1],
    lambda token: token + ".", lambda _: "", lambda _: "..", lambda _: "ä.1.2", lambda token: token.upper(),
])  # fmt: skip
def test_a_changed_token_is_nobodys(change):
    sessions = Sessions(now=Clock())
    token, _ = sessions.issue("abcd1234")
    assert sessions.key_id(change(token)) is None


def test_without_the_extra_the_page_has_no_chart_library(monkeypatch):
    monkeypatch.setattr(assets, "find_spec", lambda _: None)
    assert b'name="tallystick-charts" content=""' in assets.Assets().page.asset.body


def test_the_version_of_the_files_changes_with_any_of_them(monkeypatch, tmp_path):
    (tmp_path / "index.html").write_text("{{assets}}")
    (tmp_path / "embed").mkdir()
    (tmp_path / "embed" / "frame.html").write_text("")
    (tmp_path / "a.js").write_text("1")
    monkeypatch.setattr(assets, "_FOLDER", tmp_path)
    before = assets.Assets()
    (tmp_path / "a.js").write_text("2")
    assert assets.Assets().version != before.version
    assert before.page.asset.body.decode() == f"/assets/{before.version}"
