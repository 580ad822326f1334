"""Scenario after scenario until the time is over: make faults [ARGS="--seconds 600 --seed 7"].

Each seed is a plan of faults (plan.py), and repeats it. Ends with 1 at a violation, and says how to repeat it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from collectors import built
from fault.accounts import Outcome, show
from fault.actors import Postgres
from fault.scenario import again, run
from rich.console import Console
from servers import Missing


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=300, help="begin no scenario after this time (default 300)")
    parser.add_argument("--seed", type=int, help="the first seed (default: of the clock); then one after the other")
    parser.add_argument("--scenarios", type=int, default=1 << 30, help="at most so many")
    parser.add_argument("--length", type=float, default=20, help="seconds of faults in one scenario (default 20)")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("TALLYSTICK_", "OTEL_")) or name == "DATABASE_URL"]:
        del os.environ[name]
    console = Console(width=120)
    try:
        collector: Path | None = built()
    except Missing as error:
        collector = None
        console.print(f"[yellow]without the Collector: {error}[/yellow]")
    outcomes: list[Outcome] = []
    begin = time.monotonic()
    seed = int(time.time()) % 1_000_000 if options.seed is None else options.seed
    postgres = Postgres()
    try:
        while time.monotonic() < begin + options.seconds and len(outcomes) < options.scenarios:
            outcomes.append(run(seed, options.length, postgres, collector))
            show(outcomes[-1:], console)
            if not outcomes[-1].is_right:
                break
            seed += 1
    finally:
        postgres.close()
    show(outcomes, console)
    if not all(outcome.is_right for outcome in outcomes):
        console.print(f"[red]the books of seed {seed} do not agree; {again(seed, options.length)}[/red]")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
