"""recorded = queryable + known gaps, to the last unit, whatever dies and in whatever order.

Short scenarios of fixed seeds; `make faults` runs long ones of any seed. The table is printed (pytest -s shows it),
and a seed whose books do not agree says how to repeat it.
"""

import pytest
from collectors import BUILD_SECONDS, built
from fault.accounts import Account, show
from fault.plan import APPLICATIONS, plan_of
from fault.scenario import again, run
from servers import Missing

SECONDS = 4
SEEDS = (3, 5)


@pytest.fixture(scope="module")
def collector_if_possible():
    """Without it the other applications still take part."""
    try:
        return built()
    except Missing:
        return None


@pytest.mark.timeout(BUILD_SECONDS + 300)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_recorded_is_queryable_or_a_known_gap(mortal_postgres, collector_if_possible, seed):
    outcome = run(seed, SECONDS, mortal_postgres, collector_if_possible)
    show([outcome])
    assert outcome.difference == 0, again(seed, SECONDS)
    assert outcome.needless_gaps == 0, again(seed, SECONDS)


def test_a_seed_is_a_plan_and_every_plan_kills_each_kind_of_process():
    assert plan_of(7, 20) == plan_of(7, 20) != plan_of(8, 20)
    for seed in range(200):
        killed = {event.whom for event in plan_of(seed, SECONDS).events if event.what == "kill"}
        assert {"collector", "receiver", "postgres"} < killed
        assert killed & set(APPLICATIONS)


@pytest.mark.parametrize(
    ("least", "most", "queryable", "gap", "difference"),
    [(10, 10, 10, 0, 0), (10, 10, 7, 3, 0), (10, 10, 7, 0, -3), (10, 10, 11, 0, 1), (10, 10, 10, 1, 1),
     (8, 10, 9, 0, 0), (8, 10, 7, 0, -1), (8, 10, 11, 0, 1)],
)  # fmt: skip
def test_the_books_of_an_application(least, most, queryable, gap, difference):
    account = Account("a", least, most, was_killed=least < most, queryable=queryable, gap=gap)
    assert account.difference == difference
