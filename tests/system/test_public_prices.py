"""Public price sheets and bills, end to end: what was sent over OTLP costs exactly what the provider's page says.

The cases are numbered as in the research of prices (A-1 ...), each with its source; where a known bug of other tools
gives another figure, that figure is named, so that this test says what it refuses.
"""

import pytest
from otlp import get
from pricing import PATIENT, attributes_of, card, cost, costs, rate, use

OPUS_5 = {"input_uncached": "5", "output": "25", "cache_read": "0.5", "cache_write_5m": "6.25", "cache_write_1h": "10"}
SONNET_45 = {"input_uncached": "3", "output": "15", "cache_read": "0.3", "cache_write_5m": "3.75"}


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(*PATIENT)


def test_a1_a_session_of_opus_5_costs_its_tokens_and_its_hour(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices=OPUS_5)
    rate(receiver, metricKey="llm.units", provider="anthropic", kind="session_hour", price="0.08")
    attributes = attributes_of("anthropic", "claude-opus-5")
    use(receiver, {"input_uncached": 50_000, "output": 15_000}, attributes)
    use(receiver, {"session_hour": 1}, attributes, metric="llm.units", unit="{unit}", by="unit.kind")
    assert cost(receiver) == "0.705"


def test_a2_what_was_read_from_the_cache_is_not_paid_as_input_besides(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices=OPUS_5)
    rate(receiver, metricKey="llm.units", provider="anthropic", kind="session_hour", price="0.08")
    attributes = attributes_of("anthropic", "claude-opus-5")
    use(receiver, {"input_uncached": 10_000, "cache_read": 40_000, "output": 15_000}, attributes)
    use(receiver, {"session_hour": 1}, attributes, metric="llm.units", unit="{unit}", by="unit.kind")
    assert cost(receiver) == "0.525" != "0.725"
