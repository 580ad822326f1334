"""Prompts and answers never enter the meter: nothing but usage, model and tier is even looked at."""

import pytest
from opentelemetry.sdk.metrics.export import Sum

SECRET = "the patient's diagnosis"
MAY_BE_READ = {
    "usage", "usage_metadata", "usageMetadata", "model", "model_version", "modelVersion", "service_tier", "serviceTier",
    "performanceConfig", "type", "metadata", "response", "message",
}  # fmt: skip
USAGES = [
    ("usage", {"prompt_tokens": 5, "completion_tokens": 2, "note": SECRET, "prompt_tokens_details": {"text": SECRET}}),
    ("usage", {"input_tokens": 5, "cache_read_input_tokens": 1, "service_tier": SECRET, "inference_geo": SECRET}),
    ("usage", {"inputTokens": 5, "outputTokens": 2}),
    ("usage_metadata", {"prompt_token_count": 5, "traffic_type": SECRET}),
    ("usage", None),
]


class Response:
    """Remembers what was looked at; everything but the usage is the secret."""

    def __init__(self, name, usage):
        self.looked_at = set()
        self._fields = {"model": "m-1", name: usage}

    def __getattr__(self, name):
        self.looked_at.add(name)
        return self._fields.get(name, None if name in ("usage", "usage_metadata", "usageMetadata") else SECRET)


@pytest.mark.parametrize(("name", "usage"), USAGES)
def test_no_text_is_read_or_recorded(application, name, usage):
    response = Response(name, usage)
    application.llm.record(response, provider="any", model="m", user="u-1")
    with application.llm.request(provider="any", model="m", user="u-1") as request:
        request.see(response)
    usage_fields = {name for name in response.looked_at if "token" in name.lower() or name == "seconds"}
    assert response.looked_at - usage_fields <= MAY_BE_READ
    for metric in application._collected.metrics():
        assert isinstance(metric.data, Sum)
        for point in metric.data.data_points:
            assert SECRET not in str(dict(point.attributes))
