"""What the demo shows: usage as it arrives, live in a terminal and as lines elsewhere; at the end both halves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tallystick_receiver.demo.tally import Kept, Key, Match
from tallystick_receiver.readable import readable, readable_hours

_HEADINGS: Final = {
    "logs.ingested.bytes": "log bytes",
    "logs.ingested.events": "log events",
    "queries.executed": "queries",
    "alerts.evaluated": "alerts",
    "webhooks.delivered": "webhooks",
    "storage.snapshot": "stored",
    "llm.tokens": "tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One moment of the demo."""

    elapsed_seconds: float
    seconds: float | None
    requests: int
    recorded: Mapping[Key, Decimal]
    answered: Mapping[Key, Decimal]
    trouble: str = ""


class Screen:
    """Shows scenes: a live table in a terminal, a line each elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _: BaseException | None, _tb: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, scene: Scene) -> None:
        """Replace the table, or print a line."""
        if self._live is not None:
            self._live.update(Group(Text(_progress(scene), style="bold"), _table(scene)), refresh=True)
            return
        totals = _by_type(scene.answered)
        shown = ", ".join(f"{heading} {totals.get(type_, 0):,}" for type_, heading in _HEADINGS.items())
        self._console.print(f"{_progress(scene)}; answered: {shown}", soft_wrap=True, highlight=False)


def addresses(console: Console, receiver_url: str, platform_url: str) -> None:
    """Print where everything can be reached."""
    for meaning, url in (
        ("dashboard", f"{receiver_url}/"),
        ("log platform", platform_url),
        ("OTLP/HTTP", f"{receiver_url}/v1/metrics"),
        ("cost", f"{receiver_url}/dashboard/cost"),
        ("usage", f"{receiver_url}/api/usage?groupBy=org,type"),
        ("one organisation", f"{receiver_url}/api/usage?orgId=acme&groupBy=project,type,hour"),
        ("completeness", f"{receiver_url}/api/v1/completeness"),
        ("health", f"{receiver_url}/healthz"),
    ):
        console.print(f"[bold]{meaning:>16}[/]  {escape(url)}", soft_wrap=True, highlight=False)


def comparison(console: Console, matches: Sequence[Match]) -> None:
    """Print both halves side by side, and whether they match."""
    console.print("[bold]What the sites recorded, and what GET /api/usage answers[/]")
    shown = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("organisation", "project", "type"):
        shown.add_column(name, no_wrap=name == "type", overflow="fold")
    for name in ("recorded", "answered"):
        shown.add_column(name, justify="right", overflow="fold")
    shown.add_column("")
    for match in matches:
        shown.add_row(
            *match.key, _number(match.recorded), _number(match.answered),
            Text("=", style="green") if match.is_equal else Text("differs", style="bold red"),
        )  # fmt: skip
    console.print(shown)
    different = sum(not match.is_equal for match in matches)
    if not matches:
        console.print("[bold red]nothing was recorded[/]")
    elif different:
        console.print(f"[bold red]{different} of {len(matches)} figures differ[/]", highlight=False)
    else:
        console.print(f"[green]all {len(matches)} figures are equal[/]", highlight=False)


def books(console: Console, completeness: Mapping[str, Any]) -> None:
    """Print whether the receiver has all that was announced to it (GET /api/v1/completeness)."""
    if completeness["state"] == "complete":
        console.print(
            f"[green]complete until {completeness['until']}: all that was announced is here[/]", highlight=False
        )
    else:
        console.print(
            f"[bold red]completeness: {completeness['state']}, until {completeness['until']}[/]", highlight=False
        )


def kept_over_time(console: Console, levels: Sequence[Kept]) -> None:
    """Print what was kept on average, and for how long: what storage is paid by."""
    if not levels:
        return
    console.print("[bold]What was kept over time[/]")
    shown = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("organisation", "project", "type"):
        shown.add_column(name, no_wrap=name == "type", overflow="fold")
    for name in ("average", "over time", "known for"):
        shown.add_column(name, justify="right", overflow="fold")
    for level in levels:
        shown.add_row(
            *level.key, "-" if level.average is None else readable(level.average, level.unit),
            readable_hours(level.integral, level.unit), f"{level.covered_seconds:,.1f} s",
        )  # fmt: skip
    console.print(shown)


def _progress(scene: Scene) -> str:
    planned = " (Ctrl-C stops and compares)" if scene.seconds is None else f" of {scene.seconds:g} s"
    trouble = f" - {scene.trouble}" if scene.trouble else ""
    return f"{scene.elapsed_seconds:.0f} s{planned}, {scene.requests:,} requests{trouble}"


def _table(scene: Scene) -> Table:
    shown = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    shown.add_column("organisation / project", overflow="fold")
    for heading in _HEADINGS.values():
        shown.add_column(heading, justify="right", overflow="fold")
    for org, project in sorted({(key.org, key.project) for key in scene.recorded}):
        shown.add_row(
            f"{org} / {project}", *(_number(scene.answered.get(Key(org, project, type_))) for type_ in _HEADINGS)
        )
    shown.add_section()
    for name, half in (("answered", scene.answered), ("recorded at the sites", scene.recorded)):
        totals = _by_type(half)
        shown.add_row(Text(name, style="bold"), *(_number(totals.get(type_)) for type_ in _HEADINGS))
    return shown


def _by_type(half: Mapping[Key, Decimal]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for key, quantity in half.items():
        totals[key.type] = totals.get(key.type, Decimal(0)) + quantity
    return totals


def _number(quantity: Decimal | None) -> str:
    return "-" if quantity is None else f"{quantity:,}"
