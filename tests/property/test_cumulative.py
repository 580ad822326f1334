"""Cumulative streams against a model that sees all points at once, sorted: no order, repetition or split matters."""

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.cumulative import NO_START, Row, Sample, change, number_of, place_of
from tallystick_receiver.points import QUARTER_NS

DAY = 96 * QUARTER_NS
EPOCH = 20_000 * DAY


def fraction(mantissa, exponent):
    return mantissa * Fraction(10) ** exponent


def model(start_ns, points, *, in_full):
    """Quantity by quarter, from the whole set of (end, mantissa, exponent)."""
    added = Counter()
    ends = {}
    for end, mantissa, exponent in points:
        ends.setdefault(end, []).append(fraction(mantissa, exponent))
    reached = None
    for end in sorted(ends):
        value = max(ends[end])
        if start_ns == NO_START:
            grown = 0 if reached is None else value - reached if value >= reached else value
            reached = value
        else:
            if reached is None:
                reached = 0 if in_full and end != start_ns else value
            grown = max(0, value - reached)
            reached = max(reached, value)
        added[(end - 1) // QUARTER_NS] += grown
    return {quarter: quantity for quarter, quantity in added.items() if quantity}


class State:
    """The rows of one stream, as the database keeps them between two commits."""

    def __init__(self, start_ns, *, in_full):
        self.start_ns, self.in_full = start_ns, in_full
        self.rows = {}
        self.added = Counter()
        self.writes = 0

    def commit(self, points):
        samples = [Sample(end, number_of(mantissa, exponent)) for end, mantissa, exponent in points]
        place = min(place_of(self.start_ns, sample.end_ns) for sample in samples)
        earlier = [row for at, row in self.rows.items() if at < place]
        known = [row for at, row in sorted(self.rows.items()) if at >= place]
        before = max(earlier, key=lambda row: row.at_ns, default=None)
        found = change(self.start_ns, in_full=self.in_full, before=before, known=known, samples=samples)
        for row in found.rows:
            self.rows[row.at_ns] = row
        self.writes += len(found.rows)
        for end, quantity in found.added:
            self.added[(end - 1) // QUARTER_NS] += fraction(quantity.mantissa, quantity.exponent)
        return found

    def quarters(self):
        return {quarter: quantity for quarter, quantity in self.added.items() if quantity}


values = st.one_of(
    st.tuples(st.integers(0, 12), st.just(0)),
    st.tuples(st.integers(0, 2**63 - 1), st.sampled_from([0, 0, 1, -1, -3, 300, -300])),
    st.tuples(st.integers(0, 30), st.just(-1)),
)
offsets = st.one_of(st.integers(0, 5), st.integers(0, 3 * QUARTER_NS), st.integers(0, 3 * DAY))
point = st.tuples(offsets.map(lambda offset: EPOCH + offset), values).map(lambda found: (found[0], *found[1]))
starts = st.sampled_from([NO_START, EPOCH, EPOCH - 1, EPOCH - DAY])


@given(starts, st.booleans(), st.lists(point, min_size=1, max_size=12), st.data())
def test_any_order_repetition_and_split_gives_every_quarter_of_the_model(start_ns, in_full, points, data):
    deliveries = data.draw(st.permutations(points * data.draw(st.integers(1, 3))))
    state = State(start_ns, in_full=in_full)
    while deliveries:
        size = data.draw(st.integers(1, len(deliveries)))
        state.commit(deliveries[:size])
        deliveries = deliveries[size:]
        seen = state.quarters()
    assert seen == model(start_ns, points, in_full=in_full)


@given(starts, st.booleans(), st.lists(point, min_size=1, max_size=8), st.lists(point, min_size=1, max_size=5))
def test_what_is_counted_is_right_after_each_commit_and_not_only_in_the_end(start_ns, in_full, first, second):
    state = State(start_ns, in_full=in_full)
    state.commit(first)
    assert state.quarters() == model(start_ns, first, in_full=in_full)
    state.commit(second)
    assert state.quarters() == model(start_ns, first + second, in_full=in_full)
    assert state.commit(first + second).added == []


@given(starts, st.booleans(), st.lists(point, min_size=1, max_size=10), st.lists(point, min_size=1, max_size=5),
       st.integers(0, 2))  # fmt: skip
def test_of_the_days_that_nothing_can_reach_any_more_the_newest_row_is_enough(start_ns, in_full, old, late, days):
    horizon = EPOCH + (days + 1) * DAY
    late = [found for found in late if place_of(start_ns, found[0]) >= horizon]
    state = State(start_ns, in_full=in_full)
    state.commit(old)
    gone = sorted(at for at in state.rows if at < horizon)[:-1]
    for at in gone:
        del state.rows[at]
    if late:
        state.commit(late)
    assert state.quarters() == model(start_ns, old + late, in_full=in_full)


def test_a_stream_that_rests_is_written_once_a_day_and_adds_nothing():
    state = State(EPOCH, in_full=True)
    for minute in range(1, 3 * 1440):
        state.commit([(EPOCH + minute * 60 * 10**9, 7, 0)])
    assert state.quarters() == {EPOCH // QUARTER_NS: 7}
    assert state.writes == 3


def test_a_fall_under_a_known_start_is_seen_and_adds_nothing():
    state = State(EPOCH, in_full=True)
    second = 10**9
    assert state.commit([(EPOCH + second, 7, 0)]).fallen == 0
    assert state.commit([(EPOCH + 2 * second, 6, 0), (EPOCH + second, 7, 0)]).fallen == 1
    assert state.commit([(EPOCH + DAY, 5, 0), (EPOCH + DAY + second, 9, 0)]).fallen == 1
    assert sum(state.quarters().values()) == 9


def test_what_does_not_fit_one_quantity_is_exact_in_several():
    state = State(EPOCH, in_full=False)
    state.commit([(EPOCH + 1, 1, -300)])
    found = state.commit([(EPOCH + 2, 1, 300)])
    assert len(found.added) == 2
    assert state.quarters() == {EPOCH // QUARTER_NS: fraction(1, 300) - fraction(1, -300)}


def test_what_does_not_fit_replaces_what_was_counted_before():
    state = State(NO_START, in_full=False)
    state.commit([(EPOCH, 0, 0), (EPOCH + 1, 1, 0)])
    state.commit([(EPOCH, 1, 0), (EPOCH + 1, 1, 300)])
    assert sum(state.quarters().values()) == fraction(1, 300) - 1


def test_a_row_knows_the_earliest_and_the_highest_of_its_points():
    state = State(EPOCH, in_full=True)
    state.commit([(EPOCH + 3, 5, 0), (EPOCH + 2, 9, 0), (EPOCH + 1, 4, 0), (EPOCH + 4, 9, 0)])
    assert list(state.rows.values()) == [Row(EPOCH, EPOCH + 1, 4, EPOCH + 2, 9, 9)]
