"""A scenario: real processes, a plan of faults, and the books at the end.

applications with our reader and spool -> proxy -> receiver -> proxy -> PostgreSQL
an application with OpenTelemetry alone -> proxy -> Collector with a persistent queue -> proxy -> receiver
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path

from collectors import Collector
from fault.accounts import Outcome, accounts_of
from fault.actors import Application, Postgres, Receiver
from fault.disks import open_folder, small_disk_if_possible
from fault.plan import APPLICATIONS, DISKS, ROADS, WEATHERS, Event, Plan, plan_of
from fault.proxy import CLEAR, Fault, HttpProxy
from fault.relay import Rain, TcpProxy
from waiting import wait_until

DELIVERED_SECONDS = 120
SPOOL_BYTES = "4m"


def run(seed: int, seconds: float, postgres: Postgres, collector: Path | None) -> Outcome:
    """Run the scenario of a seed.

    Args:
        seed: of the plan, the weather, and what is recorded.
        seconds: how long faults happen; what waits then is delivered afterwards.
        postgres: runs, and is killed.
        collector: its binary; None: it cannot be had here, and its application does not take part.
    """
    with ExitStack() as stack:
        stage = Stage(plan_of(seed, seconds), postgres, collector, stack)
        try:
            stage.play()
            outcome = stage.finish()
            stage.is_right = outcome.is_right
        finally:
            if not stage.is_right:
                print(f"seed {seed} failed, logs are in {stage.folder}; {again(seed, seconds)}", file=sys.stderr)
        return outcome


def again(seed: int, seconds: float) -> str:
    """The command that repeats a scenario."""
    return f'repeat it with: make faults ARGS="--seed {seed} --length {seconds:g} --scenarios 1"'


class Stage:
    """Everything that takes part."""

    def __init__(self, plan: Plan, postgres: Postgres, collector: Path | None, stack: ExitStack) -> None:
        self._plan, self._postgres, self._stack = plan, postgres, stack
        self._kills_before = postgres.kills
        self.is_right = False
        self.folder = open_folder(f"tallystick-seed-{plan.seed}-")
        self._disk = small_disk_if_possible(SPOOL_BYTES)
        if self._disk is not None:
            stack.callback(self._disk.close)
        self._spool = self.folder / "spool" if self._disk is None else self._disk.folder / "spool"
        stack.callback(self._clean)
        database = postgres.new_database()
        stack.callback(self._drop, database)
        self._database_road = TcpProxy(postgres.socket, plan.seed)
        stack.callback(self._database_road.close)
        self._address = f"postgresql://postgres@127.0.0.1:{self._database_road.port}/{database}?sslmode=disable"
        self._receiver = Receiver(
            self.folder, "--database-url", self._address, "--roll-seconds", "0.5", "--balance-seconds", "0.2",
            "--gap-grace-seconds", "1",
        )  # fmt: skip
        stack.callback(self._receiver.close)
        self._receiver.start()
        self._receiver.wait()
        self._roads = {road: HttpProxy(self._receiver.port, plan.seed * 10 + n) for n, road in enumerate(ROADS[:2])}
        self._collector: Collector | None = None
        self._is_collector_up = False
        if collector is not None:
            self._collector = Collector(collector, "agent", self._roads[ROADS[1]].url, self.folder)
            stack.callback(self._collector.close)
            self._is_collector_up = True
            self._roads[ROADS[2]] = HttpProxy(self._collector.http, plan.seed * 10 + 2)
        for proxy in self._roads.values():
            stack.callback(proxy.close)
        self._collector_kills = 0
        self._applications: list[Application] = []
        self._alive: dict[str, Application] = {}
        for whom in APPLICATIONS:
            self._start_application(whom)
        wait_until(lambda: all(a.recorded.confirmed for a in self._alive.values()), what="the first usage")

    def play(self) -> None:
        """Let happen what is planned."""
        begin = time.monotonic()
        for event in self._plan.events:
            time.sleep(max(begin + event.at - time.monotonic(), 0))
            self._receiver.supervise()
            self._do(event)
        time.sleep(max(begin + self._plan.seconds - time.monotonic(), 0))

    def _do(self, event: Event) -> None:
        if event.whom in APPLICATIONS:
            self._do_application(event)
        elif event.whom in ROADS:
            self._do_road(event)
        elif event.whom in DISKS:
            self._do_disk(event)
        elif event.whom == "to the database":
            self._do_database_road(event)
        elif event.whom == "postgres":
            self._do_postgres(event)
        elif event.whom == "receiver":
            self._do_receiver(event)
        else:
            self._do_collector(event)

    def _do_application(self, event: Event) -> None:
        application = self._alive.get(event.whom)
        if event.what == "start":
            self._start_application(event.whom)
        elif application is None:
            return
        elif event.what == "clock":
            application.say(f"clock {event.amount}")
        elif event.what == "kill":
            application.kill()
            del self._alive[event.whom]
        elif event.whom == "stock" and not self._is_collector_up:
            return  # it would wait for the Collector, and lose what OpenTelemetry loses then
        elif event.whom != "stock" and self._disk is not None and self._disk.is_full:
            return  # nobody would take its usage, perhaps
        elif event.what == "quit":
            application.finish("quit")
            del self._alive[event.whom]
        elif event.what == "terminate" and application.recorded.returned:
            application.terminate()
            del self._alive[event.whom]

    def _start_application(self, whom: str) -> None:
        if whom in self._alive or (whom == "stock" and self._collector is None):
            return
        number = len(self._applications)
        seed = f"--seed={self._plan.seed * 1000 + number}"
        name = f"{whom}.{number}"
        if whom == "stock":
            started = Application(
                self.folder, name, self._roads[ROADS[2]].url, "--reader=stock", seed,
                OTEL_EXPORTER_OTLP_METRICS_TIMEOUT="60",
                OTEL_RESOURCE_ATTRIBUTES=f"service.instance.id={uuid.uuid4()}",
            )  # fmt: skip
        else:
            road, spool = self._roads[ROADS[0]].url, str(self._spool)
            started = Application(self.folder, name, road, seed, TALLYSTICK_SPOOL_DIR=spool)
        self._applications.append(started)
        self._stack.callback(started.close)
        self._alive[whom] = started

    def _do_road(self, event: Event) -> None:
        road = self._roads.get(event.whom)
        if road is None:
            return
        if event.what == "deliver held":
            road.release_held()
        else:
            road.weather = WEATHERS[event.what]

    def _do_database_road(self, event: Event) -> None:
        if event.what == "cut":
            self._database_road.cut()
        else:
            self._database_road.rain = Rain(0.02, event.amount) if event.what == "rain" else Rain()

    def _do_postgres(self, event: Event) -> None:
        match event.what:
            case "kill":
                self._postgres.kill()
            case "kill a child":
                self._postgres.kill(random.Random(event.amount))
            case "start":
                self._postgres.start()

    def _do_disk(self, event: Event) -> None:
        disk = self._disk if event.whom == DISKS[0] else self._postgres.disk
        if disk is None:
            return
        if event.what == "fill":
            disk.fill()
        elif disk is self._disk:
            disk.make_room()
        else:
            self._postgres.start()  # it may have died of it

    def _do_receiver(self, event: Event) -> None:
        match event.what:
            case "kill":
                self._receiver.end(signal.SIGKILL)
            case "stop":
                self._receiver.end(signal.SIGTERM)
            case "start":
                self._receiver.start()

    def _do_collector(self, event: Event) -> None:
        if self._collector is None:
            return
        if event.what == "start" and not self._is_collector_up:
            self._collector.start()
            self._is_collector_up = True
        elif event.what == "kill" and self._is_collector_up:
            self._collector.kill()
            self._is_collector_up = False
            self._collector_kills += 1

    def finish(self) -> Outcome:
        """Faults stop; everything that waits is delivered; the books are made up."""
        self._database_road.rain = Rain()
        if self._disk is not None:
            self._disk.make_room()
        self._postgres.start()
        self._receiver.start()
        self._receiver.wait()
        self._do_collector(Event(0, "collector", "start"))
        for road in self._roads.values():
            road.weather = CLEAR
        for whom in APPLICATIONS:
            self._start_application(whom)
        for application in self._alive.values():
            application.finish()
        self._sweep()
        for road in self._roads.values():
            road.deliver_held()
        with suppress(AssertionError):  # the table says more
            wait_until(self._is_all_there, DELIVERED_SECONDS)
        outcome = self._outcome()
        self._verify()
        assert "unforeseen" not in self._receiver.log, self._receiver.log
        return outcome

    def _sweep(self) -> None:
        """What a killed application left when no other one lived: the next process on the machine sends it."""
        spool = self._spool
        if list(spool.glob("*/writers/*/*.piece")):
            sweeper = Application(self.folder, "sweeper", self._roads[ROADS[0]].url, "--pause-seconds=60",
                                  TALLYSTICK_SPOOL_DIR=str(spool))  # fmt: skip
            sweeper.finish()
        left = [path for path in spool.glob("*/*/*/*") if path.name != "lock"]
        assert left == [], f"left in the spool: {left}"

    def _is_all_there(self) -> bool:
        accounts = accounts_of(self._applications, self._receiver.url)
        return all(account.difference >= 0 and not account.needless_gap for account in accounts)

    def _outcome(self) -> Outcome:
        killed = sum(application.was_killed for application in self._applications)
        postgres = self._postgres.kills - self._kills_before
        return Outcome(
            name=f"seed {self._plan.seed}",
            accounts=accounts_of(self._applications, self._receiver.url),
            duplicates=self._receiver.duplicates,
            kills=killed + postgres + self._receiver.kills + self._collector_kills,
            postponed=sum(road.suffered[Fault.POSTPONE] for road in self._roads.values()),
        )

    def _verify(self) -> None:
        """The receiver's own books agree as well."""
        done = subprocess.run(
            [sys.executable, "-m", "tallystick_receiver", "verify", "--database-url", self._address],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def _drop(self, database: str) -> None:
        with suppress(subprocess.SubprocessError):  # it may be what went wrong
            self._postgres.start()
            self._postgres.drop(database)

    def _clean(self) -> None:
        """Leave logs and spool behind when something went wrong."""
        if self.is_right:
            shutil.rmtree(self.folder)
            return
        shutil.copy(self._postgres.folder / "postgres" / "log", self.folder / "postgres.log")
        if self._disk is not None and self._spool.exists():
            shutil.copytree(self._spool, self.folder / "spool")
