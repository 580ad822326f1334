"""Reconciliation: the reasons add up to the difference to the last digit, in every grouping, whatever the figures."""

from datetime import date, timedelta
from decimal import Context, Decimal

from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.reconciliation import PLACES, Key, Side, grouped, reconcile

WIDE = Context(prec=500)
DAYS = [date(2026, 10, 1) + timedelta(days=n) for n in range(3)]
KEYS = st.builds(
    Key, st.sampled_from(DAYS), st.sampled_from([None, "gpt-5", "claude"]),
    st.sampled_from([None, "input_uncached", "output", "web_search", "requests"]),
)  # fmt: skip
MONEY = st.decimals(-(10**6), 10**6, places=9)
COUNTS = st.integers(0, 10**12).map(Decimal)


@st.composite
def ours(draw):
    quantity = draw(COUNTS)
    return Side(quantity=quantity, cost=draw(MONEY), unpriced=Decimal(draw(st.integers(0, int(quantity)))))


THEIRS = st.builds(Side, quantity=st.none() | COUNTS, cost=st.none() | MONEY)


def total(rows, side):
    found = Decimal(0)
    for row in rows.values():
        found = WIDE.add(found, getattr(row, side).cost or 0)
    return found


@given(st.dictionaries(KEYS, ours(), max_size=12), st.dictionaries(KEYS, THEIRS, max_size=12),
       st.sets(st.sampled_from(["day", "model", "kind"])))  # fmt: skip
def test_the_reasons_add_up_to_the_difference_in_every_grouping(ours, theirs, names):
    rows = reconcile(ours, theirs, set(DAYS))
    for row in (*rows.values(), *grouped(rows, sorted(names)).values()):
        assert row.parts.delta == WIDE.subtract(row.theirs.cost or 0, row.ours.cost or 0)
    groups = grouped(rows, sorted(names))
    assert total(groups, "ours") == sum((side.cost for side in ours.values()), Decimal(0))
    assert total(groups, "theirs") == sum((side.cost or 0 for side in theirs.values()), Decimal(0))


@given(st.dictionaries(KEYS, ours(), max_size=12))
def test_a_bill_that_says_what_we_say_leaves_no_more_than_rounding(ours):
    priced = {key: Side(quantity=side.quantity, cost=side.cost) for key, side in ours.items()}
    for row in reconcile(priced, priced, set(DAYS)).values():
        assert row.parts.delta == 0
        assert row.share == 0
        for part in (row.parts.coverage, row.parts.price, row.parts.unpriced, row.parts.fees, row.parts.rest):
            assert abs(part) <= Decimal(1).scaleb(-PLACES)
