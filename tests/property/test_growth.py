"""No level is reached while the evaluator rests: growth is never less than what any subject got."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.definitions import Aggregation
from tallystick_receiver.growth import Growth, room

ORG = 1
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["use", "roll", "use and roll", "correct"]), st.integers(0, 3), st.integers(0, 60),
        st.integers(0, 3), st.booleans(),
    ),
    max_size=30,
)  # fmt: skip


@given(STEPS, st.lists(st.integers(1, 300), min_size=4, max_size=4))
def test_no_subject_reaches_a_level_while_it_is_said_to_be_impossible(steps, limits):
    """Usage of subjects in quarters, moved from waiting to rolled between looks, against a look each time."""
    growth, waiting, used, told = Growth(), {}, [0, 0, 0, 0], set()
    left, fresh = [], []
    for action, subject, amount, quarter, looks in steps:
        value = -amount if action == "correct" else amount
        if action != "roll":
            used[subject] += value
            waiting.setdefault(quarter, []).append(value)
            fresh.append((ORG, _amount([value])))
        if "roll" in action:
            left += [(ORG, _amount(values)) for values in waiting.values()]
            waiting = {}
        if not looks:
            continue
        everything = [(ORG, _amount(values)) for values in waiting.values()]
        growth.advance("", left, everything if left else fresh, is_all=bool(left))
        left, fresh = [], []
        crossed = {n for n in range(4) if used[n] >= limits[n]} - told
        if crossed:
            assert growth.may_reach((ORG, quarter))
        if growth.may_reach((ORG, quarter)):
            told |= crossed
            lacking = [room(Aggregation.SUM, Decimal(used[n]), Decimal(limits[n]), (100,)) for n in range(4)]
            known = [one for one in lacking if one is not None]
            growth.looked({(ORG, q): min(known, default=None) for q in range(4)})


def _amount(values):
    return None if any(value < 0 for value in values) else Decimal(sum(values))


def test_what_does_not_only_add_up_has_no_room():
    for aggregation in set(Aggregation) - {Aggregation.SUM}:
        assert room(aggregation, Decimal(1), Decimal(100), (100,)) == 0
    assert room(Aggregation.SUM, None, Decimal(100), (100,)) == 0
    assert room(Aggregation.SUM, Decimal("49.5"), Decimal(100), (50, 80)) == Decimal("0.5")
    assert room(Aggregation.SUM, Decimal(80), Decimal(100), (50, 80)) is None
