"""Why two halves of a bill differ, with figures that can be checked by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal

from tallystick_receiver.reconciliation import (
    Gates,
    Key,
    Parts,
    Row,
    Side,
    Verdict,
    grouped,
    is_settled,
    reconcile,
    verdict,
)

D = Decimal
DAY = date(2026, 10, 1)
INPUT = Key(DAY, "gpt-5", "input_uncached")
SEARCH = Key(DAY, None, "web_search")
ALL = Key(DAY, None, None)


def parts(ours, theirs, key=INPUT):
    return reconcile({key: ours} if ours else {}, {key: theirs} if theirs else {}, {DAY})[key].parts


def test_equal_halves_differ_by_nothing():
    side = Side(quantity=D(1000), cost=D("0.00125"))
    row = reconcile({INPUT: side}, {INPUT: side}, {DAY})[INPUT]
    assert (row.parts, row.share) == (Parts(), 0)
    assert verdict(row, D(0)) is Verdict.PASSED


def test_tokens_that_we_did_not_see_are_coverage_at_their_rate():
    found = parts(Side(quantity=D(900), cost=D("1.80")), Side(quantity=D(1000), cost=D("2.00")))
    assert found == Parts(coverage=D("0.2"))


def test_tokens_that_they_did_not_see_are_negative_coverage():
    assert parts(Side(quantity=D(1100), cost=D("2.20")), Side(quantity=D(1000), cost=D(2))) == Parts(coverage=D("-0.2"))
    assert parts(Side(quantity=D(100), cost=D(5)), None) == Parts(coverage=D(-5))


def test_another_rate_for_the_same_tokens_is_price():
    assert parts(Side(quantity=D(1000), cost=D(3)), Side(quantity=D(1000), cost=D(2))) == Parts(price=D(-1))


def test_tokens_without_our_price_are_unpriced_at_their_rate():
    ours = Side(quantity=D(1000), cost=D("1.2"), unpriced=D(400))
    assert parts(ours, Side(quantity=D(1000), cost=D(2))) == Parts(unpriced=D("0.8"))


STANDARD, BATCH = INPUT._replace(tier="standard"), INPUT._replace(tier="batch")
OURS = {STANDARD: Side(quantity=D(600), cost=D(6)), BATCH: Side(quantity=D(400), cost=D(2))}


def test_tiers_are_compared_apart_where_the_provider_names_them():
    theirs = {STANDARD: Side(quantity=D(500), cost=D(5)), BATCH: Side(quantity=D(500), cost=D("2.5"))}
    rows = reconcile(OURS, theirs, {DAY})
    assert {key: row.parts for key, row in rows.items()} == {
        STANDARD: Parts(coverage=D(-1)), BATCH: Parts(coverage=D("0.5")),
    }  # fmt: skip
    assert grouped(rows, ("model",))["gpt-5",].parts == Parts(coverage=D("-0.5"))


def test_tiers_are_one_where_the_provider_does_not_name_all_of_them():
    whole = {INPUT: Side(quantity=D(1000), cost=D(8))}
    assert reconcile(OURS, whole, {DAY}) == {INPUT: Row(ours=Side(quantity=D(1000), cost=D(8)), theirs=whole[INPUT],
                                                        parts=Parts())}  # fmt: skip
    in_part = {INPUT: Side(quantity=None, cost=D(8)), BATCH: Side(quantity=D(400)), STANDARD: Side(quantity=D(600))}
    assert list(reconcile(OURS, in_part, {DAY})) == [INPUT]
    assert reconcile(OURS, in_part, {DAY})[INPUT].parts == Parts()


def test_a_tier_that_only_one_side_has_is_coverage():
    rows = reconcile(OURS, {STANDARD: Side(quantity=D(600), cost=D(6))}, {DAY})
    assert {key: row.parts for key, row in rows.items()} == {STANDARD: Parts(), BATCH: Parts(coverage=D(-2))}


def test_all_reasons_at_once_add_up():
    ours = Side(quantity=D(700), cost=D("1.0"), unpriced=D(200))
    found = parts(ours, Side(quantity=D(1000), cost=D(2)))
    assert found == Parts(coverage=D("0.6"), unpriced=D("0.4"), price=D("0.0"))
    assert found.delta == 1


def test_what_is_no_token_is_a_fee():
    assert parts(None, Side(cost=D("0.30")), SEARCH) == Parts(fees=D("0.30"))
    assert parts(Side(quantity=D(10), cost=D("0.10")), Side(cost=D("0.30")), SEARCH) == Parts(fees=D("0.20"))


def test_money_without_tokens_is_rest():
    assert parts(Side(quantity=D(10), cost=D(1)), Side(cost=D(3))) == Parts(rest=D(2))


def test_a_cost_that_the_provider_does_not_split_is_compared_as_a_whole():
    ours = {INPUT: Side(quantity=D(10), cost=D(1)), Key(DAY, "gpt-5", "output"): Side(quantity=D(5), cost=D(4))}
    theirs = {ALL: Side(cost=D("5.5")), INPUT: Side(quantity=D(10))}
    rows = reconcile(ours, theirs, {DAY})
    whole = grouped(rows, ())[()]
    assert (whole.ours.cost, whole.theirs.cost, whole.parts) == (5, D("5.5"), Parts(rest=D("0.5")))
    assert (rows[INPUT].ours.quantity, rows[INPUT].theirs.quantity) == (10, 10)


def test_a_day_without_their_cost_compares_tokens_only():
    row = reconcile({INPUT: Side(quantity=D(9), cost=D(1))}, {INPUT: Side(quantity=D(10))}, set())[INPUT]
    assert (row.parts, row.share, verdict(row, D(1))) == (None, None, Verdict.UNKNOWN)
    assert (row.ours.quantity, row.theirs.quantity, row.theirs.cost) == (9, 10, None)


def test_rates_without_an_end_still_add_up_to_the_last_digit():
    found = parts(Side(quantity=D(1), cost=D("0.5"), unpriced=D(0)), Side(quantity=D(3), cost=D(1)))
    assert (found.coverage, found.price) == (D("0.666666666667"), D("-0.166666666667"))
    assert found.delta == D("0.5")


def test_gates_are_of_the_larger_half_and_exact():
    def row(ours, theirs):
        return reconcile({SEARCH: Side(cost=D(ours))}, {SEARCH: Side(cost=D(theirs))}, {DAY})[SEARCH]

    assert verdict(row("99", "100"), D(1)) is Verdict.PASSED
    assert verdict(row("98.999999", "100"), D(1)) is Verdict.FAILED
    assert verdict(row("98", "100"), D(1), is_settled=False) is Verdict.SETTLING
    assert verdict(row("0", "0"), D(1)) is Verdict.PASSED
    assert verdict(None, D(1)) is Verdict.UNKNOWN


def test_a_day_settles_two_days_after_its_end():
    assert not is_settled(DAY, datetime(2026, 10, 3, 23, 59, tzinfo=UTC), Gates())
    assert is_settled(DAY, datetime(2026, 10, 4, tzinfo=UTC), Gates())
