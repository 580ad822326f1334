"""Crossings: each level once a period, whatever the order of usage and of the evaluator's rounds."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.events import EventType
from tallystick_receiver.thresholds import changes

LEVELS = (50, 80, 100, 120)
AMOUNTS = st.decimals(Decimal("0.001"), Decimal(10**6), places=3)


def watch(amount, looks, levels=LEVELS):
    """Everything that rounds announce which see these totals."""
    before, told = {}, []
    for used in looks:
        for change in changes(used, amount, levels, before):
            before[change.level] = change.reached
            told.append(change)
    return told


@given(AMOUNTS, st.lists(AMOUNTS, max_size=20), st.data())
def test_growing_usage_announces_each_level_once_however_rounds_fall(amount, added, data):
    totals = [sum(added[: n + 1], Decimal(0)) for n in range(len(added))]
    looks = [total for total in totals if data.draw(st.booleans())] + totals[-1:]
    told = watch(amount, looks)
    expected = [level for level in LEVELS if totals and totals[-1] * 100 >= amount * level]
    assert [change.level for change in told] == expected
    assert all(change.reached.times == 1 for change in told)


@given(AMOUNTS, st.lists(st.none() | AMOUNTS, max_size=20))
def test_reached_and_retracted_take_turns_and_end_where_usage_is(amount, looks):
    told = watch(amount, looks)
    known = [used for used in looks if used is not None]
    for level in LEVELS:
        turns = [change.reached.is_over for change in told if change.level == level]
        assert turns == [n % 2 == 0 for n in range(len(turns))]
        assert bool(turns and turns[-1]) == bool(known and known[-1] * 100 >= amount * level)


@given(AMOUNTS, AMOUNTS)
def test_the_type_says_on_which_side_of_the_limit_a_level_lies(amount, used):
    for change in watch(amount, [used]):
        expected = EventType.THRESHOLD_EXCEEDED if change.level >= 100 else EventType.THRESHOLD_APPROACHING
        assert change.type == expected
