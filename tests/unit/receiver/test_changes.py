"""What receivers tell each other: whose it is, as far as a message has room, and nothing that others say."""

import asyncio

import pytest

from tallystick_receiver.changes import ORGS_MAX, Change, Topic, change_in, change_of
from tallystick_receiver.store.changes import Ear

PAYLOAD_BYTES = 7999


@pytest.mark.parametrize("orgs", [{1}, {-(2**63), 2**63 - 1}, set(range(-(2**63), -(2**63) + ORGS_MAX))])
def test_what_is_told_is_what_is_heard_and_fits_into_a_message(orgs):
    told = change_in(Topic.USAGE, orgs)
    assert len(told.text) <= PAYLOAD_BYTES
    assert change_of(told.text) == told == Change(Topic.USAGE, frozenset(orgs))


@pytest.mark.parametrize("orgs", [range(ORGS_MAX + 1), [1, None]])
def test_of_more_organisations_than_fit_and_of_none_in_particular_it_may_be_anybodys(orgs):
    told = change_in(Topic.EVENT, orgs)
    assert change_of(told.text) == told == Change(Topic.EVENT, None)
    assert told.concerns(10**9)


def test_whoever_looks_at_all_organisations_is_concerned_by_each_and_others_by_their_own():
    change = change_in(Topic.COST, [1])
    assert [change.concerns(org) for org in (None, 1, 2)] == [True, True, False]


@pytest.mark.parametrize("text", ["", "usage", "usage ", "usage x", "weather 1", "usage 1,", "\0"])
def test_what_others_say_on_the_channel_is_passed_over(text):
    assert change_of(text) is None


async def test_an_ear_keeps_what_it_heard_until_it_is_asked_and_hears_its_topics_only():
    ear = Ear([Topic.USAGE, Topic.COST], 1)
    for told in (Change(Topic.USAGE, None), Change(Topic.COST, frozenset({1})), Change(Topic.EVENT, None)):
        ear.hear(told)
    assert await ear.news(60) == {Topic.USAGE, Topic.COST}
    waiting = asyncio.ensure_future(ear.news(60))
    await asyncio.sleep(0)
    ear.hear(Change(Topic.USAGE, frozenset({2})))
    ear.hear(Change(Topic.USAGE, frozenset({1})))
    assert await waiting == {Topic.USAGE}
    assert await ear.news(0) == set()
