"""The ledger's rule against an independent model, and what must hold whatever is sent, resent, split and merged."""

from collections import Counter
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.deltas import deltas_of
from tallystick_receiver.ledger import CONFLICT, DUPLICATE, NEW, Entries, decide
from tallystick_receiver.points import QUARTER_NS, Batch, Points
from tallystick_receiver.staging import StoredParts, collections_of, stage

HOUR = 3600 * 10**9


def points_of(rows, *, anonymous=False):
    """Points from (writer, end, series, start, mantissa, exponent)."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    writer, end, series, start, mantissa, exponent = (np.array(c, dtype=np.int64) for c in columns)
    return Points(
        org_id=series % 3, dims_id=series, series_id=series, metric_id=series % 2, writer_id=writer, start_ns=start,
        end_ns=end, mantissa=mantissa, exponent=exponent.astype(np.int16), is_level=np.zeros(len(rows), dtype=bool),
        is_anonymous=np.full(len(rows), anonymous),
    )  # fmt: skip


class Model:
    """The rule in plain words: a stored multiset for each identity."""

    def __init__(self, anonymous):
        self.stored = {}
        self.anonymous = anonymous

    def send(self, rows):
        carried = {}
        for writer, end, series, start, mantissa, exponent in rows:
            identity = (writer, end, series, start) if self.anonymous else (writer, end, series)
            carried.setdefault(identity, Counter())[start, mantissa, exponent] += 1
        accepted = duplicates = conflicts = 0
        for identity, many in carried.items():
            before = self.stored.get(identity, Counter())
            common, beyond = before & many, many - before
            duplicates += common.total()
            if not before - many:
                accepted += beyond.total()
                self.stored[identity] = before | many
            else:
                conflicts += beyond.total()
        return accepted, duplicates, conflicts

    def total(self):
        return sum(
            count * mantissa * Fraction(10) ** exponent
            for many in self.stored.values()
            for (_, mantissa, exponent), count in many.items()
        )


class Database:
    """What the real rule stores; several requests may share a commit."""

    def __init__(self):
        self.stored = StoredParts()
        self.total = Fraction(0)

    def commit(self, requests, *, anonymous):
        staged = stage(collections_of([Batch(points=points_of(r, anonymous=anonymous)) for r in requests]), self.stored)
        deltas = deltas_of(staged.points)
        for mantissa, exponent in zip(deltas.mantissa.tolist(), deltas.exponent.tolist(), strict=True):
            self.total += mantissa * Fraction(10) ** exponent
        return [(v.accepted, v.duplicates, len(v.conflicts)) for v in staged.verdicts]


row = st.tuples(
    st.integers(1, 2), st.sampled_from([HOUR, HOUR + 1, 2 * HOUR]), st.integers(1, 4), st.sampled_from([0, 5]),
    st.sampled_from([0, 1, 2, 2**63 - 1]), st.sampled_from([0, 0, -1]),
)  # fmt: skip
requests = st.lists(st.lists(row, max_size=6), max_size=6)


@given(requests, st.booleans(), st.data())
def test_every_verdict_and_total_is_that_of_the_model(sent, anonymous, data):
    model, database = Model(anonymous), Database()
    while sent:
        together = data.draw(st.integers(1, len(sent)))
        group, sent = sent[:together], sent[together:]
        assert database.commit(group, anonymous=anonymous) == [model.send(request) for request in group]
        assert database.total == model.total()


@given(requests, st.booleans())
def test_sending_everything_again_adds_nothing(sent, anonymous):
    database = Database()
    database.commit(sent, anonymous=anonymous)
    before = database.total
    for verdict in database.commit(sent, anonymous=anonymous):
        assert verdict[0] == 0
    assert database.total == before


@given(st.data(), st.booleans())
def test_any_split_merge_and_order_of_deliveries_gives_the_same_total(data, anonymous):
    identities = data.draw(st.lists(row, max_size=12, unique_by=lambda r: r[:3]))
    deliveries = identities * data.draw(st.integers(1, 3))
    deliveries = data.draw(st.permutations(deliveries))
    database = Database()
    while deliveries:
        size = data.draw(st.integers(1, len(deliveries)))
        request, deliveries = deliveries[:size], deliveries[size:]
        database.commit([list(dict.fromkeys(request))], anonymous=anonymous)
    assert database.total == sum(r[4] * Fraction(10) ** r[5] for r in identities)


@given(st.permutations([1, 2, 3]))
def test_of_equal_copies_the_most_that_one_request_carried_count(order):
    database = Database()
    for copies in order:
        database.commit([[(1, HOUR, 1, 0, 7, 0)] * copies], anonymous=False)
    assert database.total == 21


def test_another_value_in_a_later_request_is_a_conflict_and_the_first_stays():
    stored = entries([(1, 0, 5)])
    assert decide([stored], entries([(1, 0, 6), (2, 0, 6)]), start_is_identity=False).tolist() == [CONFLICT, NEW]
    assert decide([stored], entries([(1, 9, 5)]), start_is_identity=False).tolist() == [CONFLICT]
    assert decide([stored], entries([(1, 9, 5)]), start_is_identity=True).tolist() == [NEW]
    assert decide([stored], entries([(1, 0, 5), (1, 0, 6)]), start_is_identity=False).tolist() == [DUPLICATE, NEW]


def entries(rows):
    series, start, mantissa = (np.array(c, dtype=np.int64) for c in zip(*rows, strict=True))
    return Entries(series_id=series, start_ns=start, mantissa=mantissa, exponent=np.zeros(len(rows), dtype=np.int16))


big = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-100, 100))


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 3 * QUARTER_NS), big, st.integers(-3, 1)), max_size=30))
def test_deltas_add_up_exactly_however_large_the_numbers_are(rows):
    deltas = deltas_of(points_of([(1, end, series, 0, m, e) for series, end, m, e in rows]))
    expected, found, counted = Counter(), Counter(), Counter()
    for series, end, m, e in rows:
        key = (series, (end - 1) // QUARTER_NS * QUARTER_NS)
        expected[key] += m * Fraction(10) ** e
    for number in range(len(deltas)):
        key = (int(deltas.dims_id[number]), int(deltas.quarter_ns[number]))
        found[key] += int(deltas.mantissa[number]) * Fraction(10) ** int(deltas.exponent[number])
        counted[key] += int(deltas.points[number])
    assert found == expected
    assert counted.total() == len(rows)
