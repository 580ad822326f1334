"""When collections happen and what they wait for: the pure parts of the exporter."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from tallystick_exporter.backlog import Backlog
from tallystick_exporter.clock import collection_end, next_tick
from tallystick_exporter.restamp import INSTANCE_ID, Identity, points_of, restamped

HOUR = 3600 * 10**9


def collection(points=1, temporality=AggregationTemporality.DELTA):
    data = Sum(
        data_points=[NumberDataPoint({"n": n}, 5, 7, 1) for n in range(points)],
        aggregation_temporality=temporality,
        is_monotonic=True,
    )
    metric = Metric("m", "", "", data)
    scope = ScopeMetrics(InstrumentationScope("s"), [metric], "")
    return MetricsData([ResourceMetrics(Resource({INSTANCE_ID: "parent"}), [scope], "")])


def times(found):
    data = found.resource_metrics[0].scope_metrics[0].metrics[0].data
    return [(p.start_time_unix_nano, p.time_unix_nano) for p in data.data_points]


@given(st.integers(0, 2**62), st.sampled_from([10**9, 10 * 10**9, 15 * 10**9, 60 * 10**9]))
def test_no_collection_straddles_an_hour(now, interval):
    tick = next_tick(now, interval)
    assert now < tick <= now + interval
    assert (tick - interval) // HOUR == (tick - 1) // HOUR


@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 10**6)), st.integers(0, 10**6)), max_size=30))
def test_ends_strictly_increase_even_when_the_clock_steps_back(steps):
    end = 0
    for tick, now in steps:
        later = collection_end(tick, now, end)
        assert later > end
        end = later


def test_deltas_get_the_times_of_the_collection_and_cumulative_points_keep_their_start():
    assert times(restamped(collection(2), 100, 200, Identity())) == [(100, 200)] * 2
    cumulative = collection(1, AggregationTemporality.CUMULATIVE)
    assert times(restamped(cumulative, 100, 200, Identity())) == [(5, 200)]


def test_a_child_has_an_instance_id_of_its_own_and_keeps_it():
    identity = Identity()

    def instance():
        found = restamped(collection(), 1, 2, identity)
        return found.resource_metrics[0].resource.attributes[INSTANCE_ID]

    assert instance() == "parent"
    identity.forked()
    first, second = instance(), instance()
    assert first == second != "parent"
    identity.forked()
    assert instance() not in ("parent", first)


def test_a_child_keeps_the_instance_id_that_the_sdk_gave_it():
    identity = Identity()
    restamped(collection(), 1, 2, identity)
    identity.forked()
    fresh = Resource({INSTANCE_ID: "child"})
    assert identity.of(fresh).attributes[INSTANCE_ID] == "child"


def test_the_backlog_drops_the_oldest_and_counts_it():
    backlog = Backlog(points_max=10)
    assert [backlog.add(collection(4)) for _ in range(2)] == [0, 0]
    newest = collection(5)
    assert backlog.add(newest) == 4
    assert (len(backlog), backlog.points_dropped) == (2, 4)
    backlog.delivered()
    assert backlog.oldest() is newest
    assert points_of(newest) == 5


def test_one_collection_larger_than_the_bound_is_kept():
    backlog = Backlog(points_max=1)
    assert backlog.add(collection(5)) == 0
    assert len(backlog) == 1
