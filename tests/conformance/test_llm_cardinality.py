"""Conversations are many: with our reader none of them ends in the SDK's overflow point (research/llm.md, A-30)."""

from collections import Counter

from opentelemetry.sdk.metrics import MeterProvider
from unit.exporter.otlp_peer import otlp_peer

from tallystick import Metering
from tallystick.llm import LlmMetering, attributed
from tallystick_exporter import UsageExporter, UsageReader

CONVERSATIONS = 10_000
HOUR_MILLIS = 3_600_000


def test_ten_thousand_conversations_in_one_interval_keep_their_tokens():
    with otlp_peer() as peer:
        reader = UsageReader(UsageExporter(peer.url), export_interval_millis=HOUR_MILLIS)
        provider = MeterProvider([reader], shutdown_on_exit=False)
        llm = LlmMetering(Metering(provider), organization_id="acme")
        for number in range(CONVERSATIONS):
            usage = {"input_tokens": number, "cache_read_input_tokens": 5, "output_tokens": 2}
            with attributed(user=f"u-{number % 100}", conversation=f"c-{number}", feature="chat"):
                llm.record({"model": "claude-sonnet-5", "usage": usage}, provider="anthropic")
        reader.shutdown(timeout_millis=60_000)

    overflown = [sent for sent in peer.taken if "otel.metric.overflow" in sent.attributes]
    tokens = Counter()
    for sent in peer.taken:
        if sent.name == "llm.tokens":
            tokens[sent.attributes["gen_ai.conversation.id"], sent.attributes["token.kind"]] += sent.value
    expected = Counter()
    for number in range(CONVERSATIONS):
        expected.update({(f"c-{number}", "cache_read"): 5, (f"c-{number}", "output"): 2})
        expected[f"c-{number}", "input_uncached"] = number
    assert overflown == []
    assert peer.total("llm.requests") == CONVERSATIONS
    assert dict(tokens) == dict(expected)
    assert llm.refused == {}
