"""`tallystick usage --watch`: the same question again and again, in place in a terminal and as lines elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import aiohttp
import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tallystick_receiver.cli.completeness import sentence_of
from tallystick_receiver.cli.frame import reason_of, run
from tallystick_receiver.errors import Unavailable
from tallystick_receiver.readable import printable

_Answer = dict[str, Any]
_FIGURES = frozenset({"type", "unit", "quantity", "count", "level"})


def watch(
    ask: Callable[[], Awaitable[_Answer]], shown: Callable[[_Answer], RenderableType], *, every: float, as_json: bool
) -> None:
    """Ask, show and wait, until Ctrl-C or until nobody reads any more.

    Args:
        ask: one question; Unavailable where there is no answer now but may be one in a moment.
        shown: an answer as it looks in a terminal.
        every: seconds between two questions.
        as_json: a JSON document a line instead.

    Raises:
        click.ClickException: the first question has no answer, or a later one is refused.
    """
    console = Console()
    view = _Place(console, shown) if console.is_terminal and not as_json else _Lines(as_json=as_json)
    with suppress(KeyboardInterrupt):
        run(_watch(ask, view, every))


async def _watch(ask: Callable[[], Awaitable[_Answer]], view: _Place | _Lines, every: float) -> None:
    answer: _Answer | None = await ask()
    with view:
        while _is_read(view, answer):
            await asyncio.sleep(every)
            try:
                answer = await ask()
            except (Unavailable, aiohttp.ClientError, OSError) as error:
                answer = None
                view.miss(reason_of(error))


def _is_read(view: _Place | _Lines, answer: _Answer | None) -> bool:
    """Show an answer, if there is one; whether somebody still reads."""
    try:
        if answer is not None:
            view.show(answer)
    except BrokenPipeError:
        # What is still in the buffer goes nowhere, and Python would complain about that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


class _Place:
    """One place of a terminal, drawn anew; it stays when the watching ends."""

    def __init__(self, console: Console, shown: Callable[[_Answer], RenderableType]) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._shown = shown
        self._last: RenderableType = ""

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, answer: _Answer) -> None:
        time = datetime.now().astimezone().strftime("%H:%M:%S")
        self._last = self._shown(answer)
        self._draw(Text(f"{time}  {sentence_of(answer['completeness'])} Ctrl-C ends."))

    def miss(self, why: str) -> None:
        self._draw(Text(f"No answer: {why}. These figures may be old; asking again. Ctrl-C ends.", style="yellow"))

    def _draw(self, heading: Text) -> None:
        # The heading comes first: what is higher than the terminal is cut off below.
        self._live.update(Group(heading, self._last), refresh=True)


class _Lines:
    """A line for each figure that changed, or a JSON document for each answer."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told: Mapping[tuple[str, ...], Any] = {}
        self._completeness: Any = None
        self._is_missing = False

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def show(self, answer: _Answer) -> None:
        self._is_missing = False
        if self._as_json:
            click.echo(json.dumps(answer, ensure_ascii=False))
            return
        time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        rows = {_name(row): row["quantity"] for row in answer["rows"]}
        for name, quantity in rows.items():
            if name not in self._told or self._told[name] != quantity:
                *groups, kind, unit = name
                figure = "unknown" if quantity is None else f"{quantity} {'' if unit == '1' else unit}".rstrip()
                click.echo(printable("  ".join([time, *groups, kind, figure])))
        state = answer["completeness"]["state"]
        if state != self._completeness:
            click.echo(f"{time}  {sentence_of(answer['completeness'])}")
        self._told, self._completeness = rows, state

    def miss(self, why: str) -> None:
        if not self._is_missing:
            click.echo(f"no answer: {why}; asking again", err=True)
        self._is_missing = True


def _name(row: _Answer) -> tuple[str, ...]:
    """What a row is of: its groups, its type and its unit."""
    groups = ("(none)" if value is None else str(value) for name, value in row.items() if name not in _FIGURES)
    return *groups, row["type"], row["unit"]
