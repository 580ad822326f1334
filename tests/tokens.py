"""Generated usage of language models, day by day, announced as our exporter does, and what it costs; imports nothing of
ours.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from otlp import SECOND, export, export_request, now_ns
from pricing import PATIENT, card, costs
from sender import Sender, merged

DAY = 86400 * SECOND
MODELS = {
    "claude-sonnet-5": ("anthropic", {"input_uncached": "2", "cache_read": "0.2", "output": "10"}, "USD"),
    "gpt-5-mini": ("openai", {"input_uncached": "0.25", "cache_read": "0.025", "output": "2"}, "USD"),
    "mistral-large": ("mistral", {"input_uncached": "2", "output": "6"}, "EUR"),
    "house-llama": ("house", {}, ""),
}
"""The last one has no price."""
KINDS = {"input_uncached": 40_000, "cache_read": 90_000, "output": 9_000}
IDLE, UNPRICED = 2, 3
"""So many days ago nothing was used, and nothing that has a price."""
USERS = {
    "acme": ("ann", "bob", "cy", "dora", "eli", "whale"), "globex": ("fay", "gus", "hana"), "initech": ("ivo", "jo"),
}  # fmt: skip
PROJECTS = ("web", "mobile", "batch")
FEATURES = ("chat", "search", "summaries")
PRICED = (*PATIENT, "--cost-open-days", "60")
"""Settings of a receiver that prices generated usage at once, that of last month, too."""


@dataclass
class Tokens:
    """The usage of so many days up to now: the same for the same seed, but for its time."""

    days: int = 40
    seed: int = 11
    users: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(USERS))

    def requests(self):
        """One request a day; the last one ends its sender."""
        chance = random.Random(self.seed)
        sender = Sender(instance="assistant-1", interval=86400, begun=now_ns() - self.days * DAY, service="assistant")
        total: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for day in range(1, self.days + 1):
            end = sender.begun + day * DAY
            points = list(self._points(chance, day, end))
            added: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
            for point in points:
                for sums in (added, total):
                    sums[point["name"], point["unit"]][0] += 1
                    sums[point["name"], point["unit"]][1] += point["value"]
            entries = [
                [name, unit, "sum", added[name, unit][0], str(added[name, unit][1]), count, str(quantity)]
                for (name, unit), (count, quantity) in total.items()
            ]
            tally = {"begun": sender.begun, "start": end - DAY, "interval": DAY, "last": day == self.days,
                     "entries": entries, "unattributed": []}  # fmt: skip
            yield merged(export_request(points, resource=sender.resource), sender.announcement(day, end, tally))

    def _points(self, chance, day, end):
        back = self.days - day
        for org, users in self.users.items():
            for place, user in enumerate((*users, None)):
                scale = (40 if user == "whale" else 1) * (0.4 if day % 7 in (5, 6) else 1) * (1 + day / 200)
                models = (list(MODELS)[place % 3], *(["house-llama"] if user == "bob" else []))
                for model in [] if back == IDLE else ["house-llama"] if back == UNPRICED else models:
                    attributes = {
                        "org.id": org, "project.id": PROJECTS[place % 3], "app.feature": FEATURES[place % 3],
                        "gen_ai.provider.name": MODELS[model][0], "gen_ai.response.model": model,
                        **({} if user is None else {"user.id": user}),
                    }  # fmt: skip
                    for kind, usual in KINDS.items():
                        value = int(usual * scale * chance.uniform(0.6, 1.4))
                        yield {"name": "llm.tokens", "unit": "{token}", "value": value, "start": end - DAY, "end": end,
                               "attributes": {**attributes, "token.kind": kind}}  # fmt: skip


def priced(receiver: Any, **more: Any) -> None:
    """Record rates, send all of it, and wait until it is priced."""
    for model, (provider, prices, currency) in MODELS.items():
        if prices:
            card(receiver, provider, model, prices=prices, currency=currency)
    for request in Tokens(**more).requests():
        reply = export(receiver.url, request)
        assert (reply.status, reply.rejected) == (200, 0), reply.body
    costs(receiver)
