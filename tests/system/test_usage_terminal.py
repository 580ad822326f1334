"""`tallystick usage --watch` and `--chart`, black box: in a terminal, and in a pipe."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from conftest import run_cli
from months import Months
from otlp import export, export_request, usage
from sender import Sender
from system.terminals import CTRL_C, Terminal
from waiting import wait_until

UP = re.compile(r"\x1b\[1?A")
SHOW_CURSOR = "\x1b[?25h"


def lately():
    today = datetime.now(UTC).date()
    return ("--from", str(today - timedelta(days=6)), "--to", str(today + timedelta(days=1)))


@pytest.fixture
def use(receiver):
    sender = Sender()

    def more(quantity):
        assert export(receiver.url, sender.whole(requests=[quantity])).status == 200

    return more


@pytest.fixture
def watched(receiver, tmp_path):
    """A watching process whose output is a pipe."""
    started = []

    def watch(*arguments):
        with (tmp_path / "stderr").open("w") as errors:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tallystick_receiver", "usage", "--watch", "--every", "0.2", "--url",
                     receiver.url, *lately(), *arguments],
                    stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ,
                )
            )  # fmt: skip
        return started[-1]

    yield watch
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(60)
        process.stdout.close()


def test_a_terminal_is_refreshed_in_place_and_left_in_order_by_ctrl_c(receiver, use):
    use(5)
    terminal = Terminal("usage", "--watch", "--every", "0.2", "--url", receiver.url, *lately())
    try:
        terminal.wait_for("requests +1 +5 ")
        use(7)
        terminal.wait_for("requests +1 +12 ")
        terminal.press(CTRL_C)
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert UP.search(terminal.raw), "the table is drawn over the one before"
    assert SHOW_CURSOR in terminal.raw[terminal.raw.rindex("12") :], "the cursor is back"
    assert "Traceback" not in terminal.text
    assert "Aborted" not in terminal.text


def test_a_terminal_says_that_the_receiver_is_away_and_goes_on(receiver, use):
    use(5)
    terminal = Terminal("usage", "--watch", "--every", "0.2", "--chart", "--url", receiver.url, *lately())
    try:
        terminal.wait_for(" 5\r")
        receiver.stop()
        terminal.wait_for("No answer: ")
        receiver.start()
        use(7)
        terminal.wait_for(" 12\r")
        terminal.press(CTRL_C)
        assert terminal.end() == 0
    finally:
        terminal.close()


def test_a_pipe_gets_a_line_for_each_figure_that_changed(receiver, use, watched):
    use(5)
    process = watched("--group-by", "org,type")
    lines = [process.stdout.readline(), process.stdout.readline()]
    use(7)
    lines.append(process.stdout.readline())
    figures = [line.split("  ", 1) for line in lines if "requests" in line]
    assert [figure for _, figure in figures] == ["acme  requests  5\n", "acme  requests  12\n"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time, _ in figures)
    assert "\x1b" not in "".join(lines)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_a_pipe_gets_json_documents_line_by_line_where_it_wants_them(receiver, use, watched):
    use(5)
    process = watched("--json")
    found = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert [answer["totals"][0]["quantity"] for answer in found] == ["5", "5"]


def test_watching_ends_when_nobody_reads_any_more(receiver, use, watched, tmp_path):
    use(5)
    process = watched("--json")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert (tmp_path / "stderr").read_text() == ""


def test_an_outage_is_told_once_beside_the_figures(receiver, use, watched, tmp_path):
    use(5)
    process = watched()
    process.stdout.readline()
    receiver.stop()
    wait_until(lambda: "asking again" in (tmp_path / "stderr").read_text())
    receiver.start()
    use(7)
    assert "12" in next(line for line in iter(process.stdout.readline, "") if "requests" in line)
    assert (tmp_path / "stderr").read_text().count("asking again") == 1


def test_what_can_never_be_answered_ends_the_watching():
    done = run_cli("usage", "--watch", "--url", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")


def test_a_chart_has_the_figure_of_every_day_and_bars_in_proportion(receiver):
    for request in Months(hours=60, orgs={"acme": ("web",)}).requests():
        assert export(receiver.url, request).status == 200
    wait_until(lambda: usage(receiver.url)["completeness"]["state"] == "complete")
    done = run_cli("usage", "--url", receiver.url, "--chart", "--type", "queries.executed", *lately())
    heading, *lines = done.stdout.splitlines()
    assert heading == "queries.executed"
    charted = {day: (bar, figure) for day, bar, figure in map(_cells, lines[:7])}
    days = {
        row["day"]: int(row["quantity"]) for row in usage(receiver.url, groupBy="day", type="queries.executed")["rows"]
    }
    assert len(charted) == 7
    assert {day: figure for day, (_, figure) in charted.items()} == {
        day: f"{days.get(day, 0):,} {{query}}" for day in charted
    }
    most = max(days.values())
    widest = max(len(bar) for bar, _ in charted.values())
    for day, quantity in days.items():
        assert abs(len(charted[day][0]) - widest * quantity / most) <= 1
    assert "Complete until" in lines[-1]


def _cells(line):
    day, bar, figure = re.fullmatch(r"(\S+) +([▏▎▍▌▋▊▉█]*) +(.+?)", line.rstrip()).groups()
    return day, bar, figure


def test_a_chart_tells_unknown_from_zero(receiver):
    point = {"name": "calls", "unit": "", "value": 3, "attributes": {"org.id": "acme"}}
    assert export(receiver.url, export_request([point], resource={"service.name": "nobody announces"})).status == 200
    done = run_cli("usage", "--url", receiver.url, "--chart", *lately())
    figures = [_cells(line.replace("?", ""))[2] for line in done.stdout.splitlines()[1:8]]
    assert sorted(set(figures)) == ["3", "unknown"]
    assert "Completeness unknown" in done.stdout


def test_the_unit_of_a_chart_fits_its_window(receiver, use):
    use(5)
    today = datetime.now(UTC).date()
    windows = {"hour": 2, "day": 30, "month": 300}
    forms = {"hour": r"\d{4}-\d\d-\d\dT\d\d:00:00Z ", "day": r"\d{4}-\d\d-\d\d ", "month": r"\d{4}-\d\d "}
    for unit, days in windows.items():
        done = run_cli(
            "usage", "--url", receiver.url, "--chart", "--to", str(today + timedelta(days=1)),
            "--from", str(today + timedelta(days=1 - days)),
        )  # fmt: skip
        assert re.match(forms[unit], done.stdout.splitlines()[1]), (unit, done.stdout)
    chosen = run_cli("usage", "--url", receiver.url, "--chart", "--group-by", "org,hour", *lately())
    assert chosen.stdout.startswith("requests acme\n")


def test_a_tenants_name_moves_no_cursor_and_is_no_markup(receiver):
    name = "[red]x\x1b[2J[/nope]"
    assert export(receiver.url, export_request([{"name": "calls", "attributes": {"org.id": name}}])).status == 200
    for options in ((), ("--chart",)):
        done = run_cli("usage", "--url", receiver.url, "--group-by", "org", *options, *lately())
        assert (done.returncode, "\x1b" in done.stdout) == (0, False), done.stderr
        assert "[red]x\ufffd[2J[/nope]" in done.stdout
