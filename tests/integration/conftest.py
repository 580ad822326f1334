"""One full database an edition, for the tests of plans, which change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from conftest import fresh_database
from filled import Full, Scan


@pytest.fixture(scope="session")
def full(template: str) -> Iterator[tuple[asyncio.Runner, Full]]:
    """A full database, and the loop that its connections belong to."""
    with fresh_database(template) as url, asyncio.Runner() as runner:
        made = runner.run(Full.made(url))
        yield runner, made
        runner.run(made.close())


@pytest.fixture
def plan(full: tuple[asyncio.Runner, Full]) -> Callable[..., list[Scan]]:
    """plan(name of a statement, its parameters): every scan."""
    runner, made = full
    return lambda name, *arguments: runner.run(made.explained(name, *arguments))


@pytest.fixture
def kept_plan(full: tuple[asyncio.Runner, Full]) -> Callable[..., list[Scan]]:
    """kept_plan(name of a statement, its parameters as SQL): every scan of the plan that is kept for any parameters."""
    runner, made = full
    return lambda name, *literals: runner.run(made.explained_for_any(name, *literals))


@pytest.fixture
def asked(full: tuple[asyncio.Runner, Full]) -> Callable[[Callable[..., Awaitable[object]]], dict[str, list[Scan]]]:
    """asked(question(database)): the scans of every statement that the question really used, by its name."""
    runner, made = full
    return lambda question: runner.run(made.asked(question))
