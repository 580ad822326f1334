"""The short way of encoding ends at the same bytes as OpenTelemetry's encoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics._internal.exemplar.exemplar import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from tallystick_exporter.encoding import encoded

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
attributes = st.dictionaries(
    texts, st.one_of(texts, texts, texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.lists(texts)), max_size=4
)
times = st.integers(0, 2**64 - 1)
exemplars = st.lists(st.builds(Exemplar, st.just({"a": "b"}), st.just(1), times, st.just(1), st.just(2)), max_size=1)
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats())
points = st.lists(
    st.builds(NumberDataPoint, attributes, times, times, numbers, st.one_of(st.just([]), st.just([]), exemplars)),
    max_size=4,
)
histograms = st.lists(
    st.builds(
        HistogramDataPoint, attributes, times, times, st.just(1), st.just(2.0), st.just([1, 0]), st.just([5.0]),
        st.just(1.0), st.just(2.0),
    ),
    max_size=2,
)  # fmt: skip
temporalities = st.sampled_from(AggregationTemporality).filter(lambda found: found.value)
metrics = st.builds(
    Metric, texts, texts, texts,
    st.one_of(
        st.builds(Sum, points, temporalities, st.booleans()),
        st.builds(Gauge, points),
        st.builds(Histogram, histograms, temporalities),
    ),
)  # fmt: skip
# Few names, so that equal scopes and resources occur: the encoder keeps the last of them only.
scopes = st.builds(
    ScopeMetrics, st.builds(InstrumentationScope, st.sampled_from("ab")), st.lists(metrics, max_size=3), texts
)
resources = st.builds(
    ResourceMetrics, st.builds(lambda n: Resource({"n": n}), st.sampled_from("ab")), st.lists(scopes, max_size=2), texts
)


@given(st.builds(MetricsData, st.lists(resources, max_size=2)))
def test_the_bytes_are_those_of_opentelemetrys_encoder(piece):
    assert encoded(piece) == encode_metrics(piece).SerializeToString()


def long_collection(value, text="x" * 40_000):
    found = [NumberDataPoint({"org.id": text, "n": str(n)}, 1, 2, value) for n in range(3)]
    scope = ScopeMetrics(
        InstrumentationScope("s"), [Metric("m", "", "", Sum(found, AggregationTemporality.DELTA, True))], ""
    )
    return MetricsData([ResourceMetrics(Resource({}), [scope], "")])


def test_samples_of_a_gauge_have_no_start_as_opentelemetry_writes_them():
    gauge = Metric("m", "", "", Gauge([NumberDataPoint({}, 1, 2, 0), NumberDataPoint({"a": "b"}, 1, 2, 0)]))
    scope = ScopeMetrics(InstrumentationScope("s"), [gauge], "")
    piece = MetricsData([ResourceMetrics(Resource({}), [scope], "")])
    assert encoded(piece) == encode_metrics(piece).SerializeToString()


def test_long_texts_have_long_lengths():
    piece = long_collection(1)
    request = ExportMetricsServiceRequest.FromString(encoded(piece))
    assert request == encode_metrics(piece)


@pytest.mark.parametrize("piece", [long_collection(2**63), long_collection(1, "\ud800")])
def test_what_cannot_be_encoded_is_raised_or_left_out_as_opentelemetry_does(piece):
    try:
        expected = encode_metrics(piece).SerializeToString()
    except Exception:
        with pytest.raises(Exception, match=r".*"):
            encoded(piece)
    else:
        assert encoded(piece) == expected
