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
from tallystick_exporter.clock import HOUR_NS, Span, next_span, next_tick
from tallystick_exporter.parcel import parcel_of
from tallystick_exporter.pieces import pieces, points_of
from tallystick_exporter.restamp import INSTANCE_ID, Identity, restamped


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


instants = st.integers(0, 10 * HOUR_NS)
intervals = st.one_of(st.integers(1, 3 * HOUR_NS), st.sampled_from([7 * 10**9, 10 * 10**9, HOUR_NS]))


@given(instants, intervals)
def test_a_tick_is_a_multiple_of_the_interval_or_a_full_hour(now, interval):
    tick = next_tick(now, interval)

    assert now < tick <= now + interval
    assert tick % interval == 0 or tick % HOUR_NS == 0
    assert tick // HOUR_NS == now // HOUR_NS or tick % HOUR_NS == 0


@given(st.lists(st.tuples(instants, instants), max_size=30))
def test_no_collection_straddles_an_hour(steps):
    """Neither at a tick nor late, nor when the clock steps; and ends strictly increase."""
    end = collected = 0
    for at, now in steps:
        span = next_span(end, collected, at)
        assert end <= span.start_ns < span.end_ns
        assert span.start_ns // HOUR_NS == (span.end_ns - 1) // HOUR_NS
        end, collected = span.end_ns, now


def test_a_tick_follows_its_predecessor_without_a_gap():
    assert next_span(HOUR_NS - 10, HOUR_NS - 9, HOUR_NS) == Span(HOUR_NS - 10, HOUR_NS)
    assert next_span(HOUR_NS, HOUR_NS + 1, HOUR_NS + 10) == Span(HOUR_NS, HOUR_NS + 10)


def test_a_process_that_slept_books_its_usage_into_the_hour_in_which_it_was_due():
    due, woken = HOUR_NS - 5, 3 * HOUR_NS + 7
    late = next_span(HOUR_NS - 10, HOUR_NS - 9, due)

    assert late == Span(HOUR_NS - 10, due)
    assert next_span(late.end_ns, woken, woken + 3) == Span(3 * HOUR_NS, woken + 3)


def test_when_the_clock_steps_back_the_end_moves_on():
    assert next_span(1_000, 1_000, 500) == Span(1_000, 1_001)


def test_deltas_get_the_times_of_the_collection_and_cumulative_points_keep_their_start():
    assert times(restamped(collection(2), Span(100, 200), Identity())) == [(100, 200)] * 2
    cumulative = collection(1, AggregationTemporality.CUMULATIVE)
    assert times(restamped(cumulative, Span(100, 200), Identity())) == [(5, 200)]


def test_a_child_has_an_instance_id_of_its_own_and_keeps_it():
    identity = Identity()

    def instance():
        found = restamped(collection(), Span(1, 2), identity)
        return found.resource_metrics[0].resource.attributes[INSTANCE_ID]

    assert instance() == "parent"
    identity.forked()
    first, second = instance(), instance()
    assert first == second != "parent"
    identity.forked()
    assert instance() not in ("parent", first)


def test_a_child_keeps_the_instance_id_that_the_sdk_gave_it():
    identity = Identity()
    restamped(collection(), Span(1, 2), identity)
    identity.forked()
    fresh = Resource({INSTANCE_ID: "child"})
    assert identity.of(fresh).attributes[INSTANCE_ID] == "child"


def parcel(points):
    return parcel_of(b"", points, 0)


def test_the_backlog_drops_the_oldest_and_tells():
    dropped = []
    backlog = Backlog(10, dropped.append)
    oldest, older, newest = parcel(4), parcel(4), parcel(5)
    backlog.add(oldest)
    backlog.add(older)
    assert dropped == []
    backlog.add(newest)
    assert dropped == [oldest]
    assert backlog.remove(older)
    assert backlog.oldest() is newest


def test_one_parcel_larger_than_the_bound_is_kept():
    dropped = []
    backlog = Backlog(1, dropped.append)
    backlog.add(parcel(5))
    assert (len(backlog), dropped) == (1, [])


def test_removing_what_was_dropped_meanwhile_changes_nothing():
    backlog = Backlog(5, lambda _: None)
    sending, waiting = parcel(3), parcel(4)
    backlog.add(sending)
    backlog.add(waiting)
    assert not backlog.remove(sending)
    assert backlog.waiting() == [waiting]


@given(st.lists(st.integers(0, 7), max_size=6), st.integers(1, 9))
def test_pieces_hold_the_same_points_in_the_same_order(sizes, points_max):
    whole = MetricsData([rm for size in sizes for rm in collection(size).resource_metrics])
    found = list(pieces(whole, points_max))

    assert [points_of(piece) for piece in found[:-1]] == [points_max] * (len(found) - 1)
    assert sum(map(points_of, found)) == sum(sizes)
    assert [point for piece in found for point in all_points(piece)] == all_points(whole)


def all_points(found):
    return [
        point
        for resource in found.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
