"""The command line, black box: what a newcomer gets wrong is said with what to do about it."""

import json

import pytest
from conftest import run_cli
from otlp import export, export_request, totals
from waiting import wait_until

COMMANDS = [("usage",), ("record", "calls", "1", "--org", "acme"), ("export",), ("thresholds", "list")]
LONG = "conversations.of.a.metric.with.a.name.that.is.longer.than.eighty.columns.of.a.terminal.are.wide"


@pytest.fixture
def tallystick(database_url):
    return lambda *arguments: run_cli(*arguments, DATABASE_URL=database_url)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_where_no_receiver_listens_is_said_and_how_to_start_one(command):
    done = run_cli(*command, "--url", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "no receiver listens at 127.0.0.1:1" in done.stderr
    assert "tallystick serve" in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_address_without_its_scheme_is_said(command):
    done = run_cli(*command, TALLYSTICK_URL="localhost:4318")
    assert done.returncode == 1
    assert "--url must be like http://127.0.0.1:4318" in done.stderr


def test_a_setting_that_there_is_not_is_said_with_the_one_that_may_be_meant(start_receiver):
    receiver = start_receiver(TALLYSTICK_LATE_SECOND_MAX="60", TALLYSTICK_SPOOL_DIR="/tmp/spool", TALLYSTICK_ZZZ="1")
    assert "TALLYSTICK_LATE_SECOND_MAX is no setting: is TALLYSTICK_LATE_SECONDS_MAX meant?" in receiver.log
    assert "TALLYSTICK_ZZZ is no setting" in receiver.log
    assert "SPOOL" not in receiver.log


def test_a_table_in_a_pipe_folds_no_name(tallystick, receiver):
    assert export(receiver.url, export_request([{"name": LONG, "attributes": {"org.id": "acme"}}])).status == 200
    assert LONG in tallystick("usage", "--url", receiver.url).stdout
    wait_until(lambda: LONG in tallystick("metrics", "list", "--url", receiver.url).stdout)


def test_a_key_of_nobody_or_for_nothing_is_refused(tallystick):
    for name, org in (("", "acme"), ("billing", "")):
        done = tallystick("keys", "create", "--name", name, "--org", org, "--scope", "read")
        assert done.returncode == 2
        assert "must not be empty" in done.stderr
    assert json.loads(tallystick("keys", "list", "--json").stdout) == []


def test_whoever_creates_the_first_key_is_told_that_the_receiver_is_closed_by_it(tallystick, receiver):
    assert totals(receiver.url) == {}
    create = ("keys", "create", "--name", "billing", "--scope", "read")
    assert "senders need one with the scope ingest" in tallystick(*create).stderr
    assert "senders need" not in tallystick(*create).stderr


def test_a_setting_of_the_wrong_kind_is_said_in_words():
    for setting, wanted in (("late-seconds-max", "a whole number"), ("roll-seconds", "a number")):
        done = run_cli("serve", f"--{setting}", "soon")
        assert done.returncode == 2
        assert f"must be {wanted}, not 'soon'" in done.stderr


@pytest.mark.parametrize("group", ["", "cost", "costs", "reconcile", "usage", "webhooks"])
def test_no_command_is_cut_off_where_commands_are_listed(group):
    listed = run_cli(*group.split(), "--help").stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed
