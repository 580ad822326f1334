"""What happens in a scenario, and when: derived from one integer; pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fault.proxy import CLEAR, STORM, Weather

APPLICATIONS = ("ours-a", "ours-b", "stock")
ROADS = ("to the receiver", "from agent to receiver", "to the agent")
DISKS = ("disk of the spool", "disk of the database")
CLOCK_SECONDS = (-7_200.0, -600.0, -30.0, 30.0, 400.0)
"""Steps of an application's clock; receivers take points that are less than ten minutes ahead."""


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """At a moment, counted in seconds from the start, something is done to somebody."""

    at: float
    whom: str
    what: str
    amount: float = 0.0
    """An offset of a clock in seconds, a share of what is cut, or a number that seeds a choice."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The same for the same seed and length."""

    seed: int
    seconds: float
    events: tuple[Event, ...]


def plan_of(seed: int, seconds: float) -> Plan:
    """Each of the four kinds of process is killed at least once, in an order that the seed chooses."""
    chance = random.Random(seed)
    kills = [_application_killed, _collector_killed, _receiver_killed, _postgres_killed]
    chance.shuffle(kills)
    events: list[Event] = []
    for number, kind in enumerate(kills):
        events += kind(chance, seconds * (number + chance.random()) / len(kills))
    for _ in range(round(seconds)):
        events += chance.choice(ACCIDENTS)(chance, chance.uniform(0, seconds))
    return Plan(seed, seconds, tuple(sorted(events)))


def _away(chance: random.Random, at: float, whom: str, what: str, seconds_max: float) -> Iterator[Event]:
    yield Event(at, whom, what, chance.random())
    yield Event(at + chance.uniform(0, seconds_max), whom, "start")


def _application_killed(chance: random.Random, at: float) -> Iterator[Event]:
    return _away(chance, at, chance.choice(APPLICATIONS), "kill", 1)


def _application_restarted(chance: random.Random, at: float) -> Iterator[Event]:
    return _away(chance, at, chance.choice(APPLICATIONS), "quit", 1)


def _application_terminated(chance: random.Random, at: float) -> Iterator[Event]:
    return _away(chance, at, chance.choice(APPLICATIONS[:2]), "terminate", 1)


def _collector_killed(chance: random.Random, at: float) -> Iterator[Event]:
    return _away(chance, at, "collector", "kill", 1.5)


def _receiver_killed(chance: random.Random, at: float) -> Iterator[Event]:
    return _away(chance, at, "receiver", "kill", 2)


def _receiver_stopped(chance: random.Random, at: float) -> Iterator[Event]:
    return _away(chance, at, "receiver", "stop", 2)


def _postgres_killed(chance: random.Random, at: float) -> Iterator[Event]:
    return _away(chance, at, "postgres", "kill", 1.5)


def _backend_killed(chance: random.Random, at: float) -> Iterator[Event]:
    yield Event(at, "postgres", "kill a child", chance.randrange(1 << 30))


def _away_and_restarted(chance: random.Random, at: float) -> Iterator[Event]:
    """The receiver is away, and an application ends and starts meanwhile."""
    yield Event(at, "receiver", "kill")
    yield Event(at + 0.2, whom := chance.choice(APPLICATIONS[:2]), chance.choice(["kill", "quit", "terminate"]))
    yield Event(at + 0.3, whom, "start")
    yield Event(at + chance.uniform(0.5, 2.5), "receiver", "start")


def _clock_steps(chance: random.Random, at: float) -> Iterator[Event]:
    whom = chance.choice(APPLICATIONS[:2])
    yield Event(at, whom, "clock", chance.choice(CLOCK_SECONDS))
    yield Event(at + chance.uniform(0.2, 2), whom, "clock", 0)


def _storm(chance: random.Random, at: float) -> Iterator[Event]:
    road = chance.choice(ROADS)
    yield Event(at, road, "storm")
    yield Event(at + chance.uniform(1, 4), road, "clear")


def _held_arrive(chance: random.Random, at: float) -> Iterator[Event]:
    yield Event(at, chance.choice(ROADS), "deliver held")


def _database_road(chance: random.Random, at: float) -> Iterator[Event]:
    road = "to the database"
    if chance.random() < 0.5:
        yield Event(at, road, "cut")
    else:
        yield Event(at, road, "rain", chance.uniform(0, 0.02))
        yield Event(at + chance.uniform(0.5, 2), road, "clear")


def _disk_fills(chance: random.Random, at: float) -> Iterator[Event]:
    disk = chance.choice(DISKS)
    yield Event(at, disk, "fill")
    yield Event(at + chance.uniform(0.5, 2.5), disk, "make room")


Accident = Callable[[random.Random, float], Iterator[Event]]
ACCIDENTS: tuple[Accident, ...] = (
    _application_killed, _application_restarted, _application_terminated, _collector_killed, _receiver_killed,
    _receiver_stopped, _postgres_killed, _backend_killed, _away_and_restarted, _clock_steps, _storm, _storm, _storm,
    _held_arrive, _database_road, _disk_fills,
)  # fmt: skip
WEATHERS: dict[str, Weather] = {"storm": STORM, "clear": CLEAR}
