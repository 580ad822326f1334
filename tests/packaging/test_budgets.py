"""Budgets that keep the sources readable, and names that documents and files must agree on."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
ROOT = Path(__file__).parents[2]
MODULES = [path for folder in ("src", "exporter", "receiver") for path in sorted((ROOT / folder).rglob("*.py"))]
MIGRATIONS = sorted((ROOT / "migrations").glob("*.sql"))
STATEMENTS = sorted((ROOT / "receiver").rglob("*.sql"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_and_its_functions_stay_within_their_budget(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MODULE_LINES_MAX
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {function.name: function.end_lineno - function.lineno + 1 for function in functions}
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_says_in_its_first_line_what_it_owns(path):
    text = path.read_text(encoding="utf-8")
    assert not text or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", MIGRATIONS + STATEMENTS, ids=named)
def test_an_sql_file_begins_with_a_comment_that_says_what_it_does(path):
    assert re.match(r"-- \S", path.read_text(encoding="utf-8"))


def test_each_migration_has_a_four_digit_number_of_its_own_or_is_one_for_each_edition():
    edition = r"(\.(postgresql|timescaledb|community))?"
    assert all(re.fullmatch(rf"\d{{4}}_[a-z][a-z0-9_]+{edition}\.sql", path.name) for path in MIGRATIONS)
    names: dict[str, set[str]] = defaultdict(set)
    for path in MIGRATIONS:
        number, _, rest = path.name.partition("_")
        names[number].add(rest.partition(".")[0])
    assert min(names) == "0001"
    assert all(len(found) == 1 for found in names.values()), names


def test_make_knows_every_command_that_a_document_names():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "faults", "check", "bench", "clean"} <= targets
    for document in [ROOT / "README.md", ROOT / ".ci/run", *ROOT.glob("*/README.md")]:
        named_commands = set(re.findall(r"(?:`|^(?:\$ )?)make ([a-z]+)", document.read_text(), re.MULTILINE))
        assert named_commands <= targets, document
