"""Documents and code say the same: settings, refusal reasons, counters, routes."""

import json
import re

import click
import pytest
from click.testing import CliRunner

from tallystick.refusal import MEANING, Reason
from tallystick_exporter import options
from tallystick_receiver.app import Receiver, openapi
from tallystick_receiver.cli import main
from tallystick_receiver.settings import Settings, SettingsError, read_settings, table
from tallystick_receiver.store.database import Database
from tallystick_receiver.telemetry import COUNTERS


async def test_openapi_describes_exactly_the_routes_that_exist():
    receiver = Receiver(Settings(), Database("postgresql://unused"), lambda: 0)
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in receiver._application().router.routes()
        if route.resource is not None and route.method not in ("HEAD", "*")
    }
    described = {(method, path) for path, methods in openapi()["paths"].items() for method in methods}
    assert routes | {("post", "/v1/metrics")} == described
    receiver.intake.close()


def test_every_reference_in_openapi_points_at_something():
    text = json.dumps(openapi())
    for reference in set(re.findall(r'"#/([^"]+)"', text)):
        node = openapi()
        for part in reference.split("/"):
            node = node[part]


def test_every_reason_has_a_meaning_and_stands_in_the_receiver_readme(root):
    readme = (root / "receiver" / "README.md").read_text()
    assert set(MEANING) == set(Reason)
    for reason, meaning in MEANING.items():
        assert f"| `{reason}` | {meaning} |" in readme


def test_every_counter_stands_in_the_receiver_readme(root):
    readme = (root / "receiver" / "README.md").read_text()
    for name, meaning in COUNTERS.items():
        assert f"| `{name}` | {meaning} |" in readme


def test_the_readme_shows_the_table_of_settings(root):
    readme = (root / "README.md").read_text()
    for row in table():
        assert f"| `{row.name}` | `{row.environment}` | `{row.default or ' '}` | {row.meaning} |" in readme


def test_the_exporter_readme_shows_its_variables_with_their_defaults(root):
    readme = (root / "exporter" / "README.md").read_text()
    variables = {name.removesuffix("_VARIABLE") for name in vars(options) if name.endswith("_VARIABLE")}
    assert {"SPOOL_DIR", "CARDINALITY_LIMIT"} <= variables
    for name in variables:
        default = getattr(options, f"{name}_DEFAULT", "~/.local/state/tallystick/spool")
        assert f"| `{getattr(options, name + '_VARIABLE')}` | `{default}` |" in readme


def test_every_file_of_the_exporter_stands_in_its_readme(root):
    readme = (root / "exporter" / "README.md").read_text()
    files = {file.name for file in (root / "exporter").rglob("*.py")} - {"__init__.py", "temporality.py"}
    assert {name for name in files if f"`{name}`" not in readme} == set()


def test_a_flag_wins_over_the_environment_and_that_over_the_default():
    environment = {"TALLYSTICK_LATE_SECONDS_MAX": "60", "TALLYSTICK_AHEAD_SECONDS_MAX": "61"}
    settings = read_settings({"late_seconds_max": "5"}, environment)
    assert (settings.late_seconds_max, settings.ahead_seconds_max, settings.port) == (5, 61, 4318)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TALLYSTICK_LISTEN", "nowhere"), ("TALLYSTICK_LATE_SECONDS_MAX", "soon"), ("TALLYSTICK_ROLL_SECONDS", "0"),
     ("TALLYSTICK_METRICS_PATH", "v1"), ("TALLYSTICK_BODY_BYTES_MAX", str(2**32))],
)  # fmt: skip
def test_a_bad_setting_is_refused_with_a_sentence_that_names_it(name, value):
    with pytest.raises(SettingsError, match=r"\w+ must be"):
        read_settings({}, {name: value})


def leaves(group, words=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*words, name)


def test_the_readme_lists_every_command_and_each_has_help(root):
    readme = (root / "README.md").read_text()
    listed = {tuple(found.split()) for found in re.findall(r"`tallystick ((?:[a-z]+(?:-[a-z]+)* ?)+)`", readme)}
    assert listed == set(leaves(main))
    for words in listed:
        shown = CliRunner().invoke(main, [*words, "--help"])
        assert (shown.exit_code, bool(shown.output)) == (0, True), words
