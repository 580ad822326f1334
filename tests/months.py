"""Generated usage of a log platform, hour by hour, announced as our exporter does; imports nothing of ours."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from otlp import SECOND, export_request, now_ns
from sender import Sender, merged

HOUR = 3600 * SECOND
ORGS = {
    "acme": ("web", "mobile", "batch"), "globex": ("search", "billing"), "initech": ("reports",),
    "umbrella": ("lab", "archive"), "hooli": ("mail", "drive", "meet"), "stark": ("arc",), "wayne": ("signal", "cave"),
}  # fmt: skip
METRICS = {
    "logs.ingested.bytes": ("By", 40_000_000), "logs.ingested.events": ("{event}", 90_000),
    "queries.executed": ("{query}", 700), "alerts.evaluated": ("{alert}", 300), "webhooks.delivered": ("{webhook}", 40),
}  # fmt: skip


@dataclass
class Months:
    """The usage of `hours` hours up to now: the same for the same seed, but for its time."""

    hours: int
    seed: int = 7
    orgs: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(ORGS))

    def requests(self):
        """One request an hour; the last one ends its sender."""
        chance = random.Random(self.seed)
        now = now_ns()
        sender = Sender(instance="platform-1", interval=3600, begun=now - self.hours * HOUR, service="platform")
        totals: dict[str, list[int]] = {}
        for hour in range(1, self.hours + 1):
            end = sender.begun + hour * HOUR
            points = list(self._points(chance, hour, end))
            entries = []
            for name, (unit, _) in METRICS.items():
                values = [point["value"] for point in points if point["name"] == name]
                before = totals.setdefault(name, [0, 0])
                totals[name] = [before[0] + len(values), before[1] + sum(values)]
                entries.append(
                    [name, unit, "sum", len(values), str(sum(values)), totals[name][0], str(totals[name][1])]
                )
            tally = {"begun": sender.begun, "start": end - HOUR, "interval": HOUR, "last": hour == self.hours,
                     "entries": entries, "unattributed": []}  # fmt: skip
            levels = [point for point in points if point["name"] == "storage.snapshot"]
            sums = [point for point in points if point["name"] != "storage.snapshot"]
            yield merged(export_request(sums, resource=sender.resource), sender.announcement(hour, end, tally),
                         export_request(levels, resource=sender.resource))  # fmt: skip

    def _points(self, chance, hour, end):
        daylight = 1 + 0.6 * ((hour % 24) / 24 if hour % 24 < 12 else 1 - (hour % 24) / 24)
        for rank, (org, projects) in enumerate(self.orgs.items(), 1):
            for place, project in enumerate(projects, 1):
                attributes = {"org.id": org, "project.id": project, "region": ("eu", "us")[place % 2]}
                for name, (unit, usual) in METRICS.items():
                    value = int(usual * daylight * chance.uniform(0.5, 1.5) / rank / place * (1 + hour / 2000))
                    yield {"name": name, "unit": unit, "value": value, "end": end, "start": end - HOUR,
                           "attributes": attributes}  # fmt: skip
                yield {"name": "storage.snapshot", "unit": "By", "kind": "gauge", "end": end,
                       "value": int(9e9 / rank / place + 3e6 * hour), "attributes": attributes}  # fmt: skip
