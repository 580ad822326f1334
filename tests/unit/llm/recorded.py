"""An application that meters its language models, and what left it; answers as objects, as clients give them."""

from collections import Counter
from decimal import Decimal
from types import SimpleNamespace

from unit.recording.recorded import Collected

from tallystick import Metering
from tallystick.llm import LlmMetering

MILLION = Decimal(10**6)


class Application:
    """Records for the organisation acme; each question collects first, and sees everything so far."""

    def __init__(self, **options):
        self._collected = Collected()
        self._points = []
        self.metering = Metering(self._collected.provider)
        self.llm = LlmMetering(self.metering, organization_id="acme", **options)

    def points(self, name):
        """(attributes, value) of all points of a metric so far, the organisation left out."""
        for metric, attributes, value in self._collected.points():
            assert attributes.pop("org.id") == "acme"
            self._points.append((metric, attributes, value))
        return [(dict(attributes), value) for metric, attributes, value in self._points if metric == name]

    def sums(self, name, *keys):
        """The sum of a metric by the values of attributes; None for one that is absent."""
        sums = Counter()
        for attributes, value in self.points(name):
            sums[tuple(attributes.get(key) for key in keys) if len(keys) > 1 else attributes.get(keys[0])] += value
        return dict(sums)

    def tokens(self):
        return self.sums("llm.tokens", "token.kind")

    def units(self):
        return self.sums("llm.units", "unit.kind")

    def outcomes(self):
        return self.sums("llm.requests", "outcome")

    def refused(self):
        return self.sums("llm.usage.refused", "reason")

    def attribute(self, key, metric="llm.requests"):
        """The values of an attribute over all points of a metric."""
        return {attributes.get(key) for attributes, _ in self.points(metric)}

    def cost(self, rates, per_unit=None):
        """USD by rates for a million tokens of each kind, and for each unit, all of them texts."""
        tokens = sum((Decimal(rates[kind]) * count / MILLION for kind, count in self.tokens().items()), Decimal())
        return tokens + sum(Decimal((per_unit or {})[kind]) * Decimal(str(n)) for kind, n in self.units().items())


def as_object(block):
    """A mapping as a client's object, with attributes."""
    if isinstance(block, dict):
        return SimpleNamespace(**{key: as_object(value) for key, value in block.items()})
    return [as_object(one) for one in block] if isinstance(block, list) else block
