"""Usage belongs to whom the call names, or the `attributed()` around it; a bad label costs the label alone."""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from uuid import UUID

import pytest

from tallystick.llm import UsageRefused, attributed

USAGE = {"prompt_tokens": 1}
WHO = ("user.id", "gen_ai.conversation.id", "app.feature", "gen_ai.agent.name", "llm.root_id")


def test_what_is_said_around_holds_for_all_that_is_recorded_within(application):
    with attributed(user="u-1", conversation="c-1", feature="chat", agent="planner", root="run-1"):
        application.llm.record(USAGE, provider="openai")
        application.llm.record(USAGE, provider="openai", user="u-2")
    application.llm.record(USAGE, provider="openai")
    assert application.sums("llm.tokens", *WHO) == {
        ("u-1", "c-1", "chat", "planner", "run-1"): 1,
        ("u-2", "c-1", "chat", "planner", "run-1"): 1,
        (None, None, None, None, None): 1,
    }


def test_an_inner_block_says_more_and_an_agent_within_another_has_it_as_its_parent(application):
    names = ("gen_ai.agent.name", "llm.parent_agent", "user.id")
    with attributed(user="u-1", agent="planner"):
        with attributed(agent="researcher"):
            application.llm.record(USAGE, provider="openai")
            with attributed(feature="search"):
                application.llm.record(USAGE, provider="openai")
            application.llm.record(USAGE, provider="openai", agent="reader")
        application.llm.record(USAGE, provider="openai", agent="planner")
    assert application.sums("llm.tokens", *names) == {
        ("researcher", "planner", "u-1"): 2,
        ("reader", "researcher", "u-1"): 1,
        ("planner", None, "u-1"): 1,
    }


async def test_tasks_inherit_it_and_do_not_disturb_each_other(application):
    everybody_is_in = asyncio.Barrier(3)

    async def answer(user):
        with attributed(user=user):
            await everybody_is_in.wait()
            await asyncio.to_thread(application.llm.record, USAGE, provider="openai")

    with attributed(feature="chat"):
        await asyncio.gather(*(answer(f"u-{number}") for number in range(3)))
    found = application.sums("llm.tokens", "user.id", "app.feature")
    assert found == {(f"u-{number}", "chat"): 1 for number in range(3)}


def test_a_thread_pool_takes_it_over_by_copying_the_context(application):
    with ThreadPoolExecutor(1) as pool, attributed(user="u-1"):
        pool.submit(contextvars.copy_context().run, application.llm.record, USAGE, provider="openai").result()
        pool.submit(application.llm.record, USAGE, provider="openai").result()
    assert application.sums("llm.tokens", "user.id") == {"u-1": 1, None: 1}


def test_a_generator_that_ends_in_another_context_does_not_raise(application):
    def stream():
        with attributed(user="u-1"):
            yield

    started = stream()
    contextvars.copy_context().run(next, started)
    started.close()
    application.llm.record(USAGE, provider="openai")
    assert application.attribute("user.id") == {None}


def test_organisation_and_project_can_be_said_around_too(application):
    with attributed(project_id="web"):
        application.llm.record(USAGE, provider="openai")
    assert application.attribute("project.id") == {"web"}


def test_ids_that_are_numbers_or_uuids_count_as_their_text(application):
    uuid = UUID(int=7)
    for user in (17, "17", uuid, str(uuid)):
        application.llm.record(USAGE, provider="openai", user=user)
    assert application.sums("llm.tokens", "user.id") == {"17": 2, str(uuid): 2}


@pytest.mark.parametrize(
    "label",
    ["x" * 1_025, "a\0b", "\ud800", 1.5j, ["u-1"], SimpleNamespace()],
    ids=["too long", "NUL", "not Unicode", "complex", "list", "object"],
)
def test_a_bad_label_costs_the_label_and_not_the_tokens(application, label):
    application.llm.record(USAGE, provider="openai", user=label, feature="chat", metadata={"team": label})
    assert application.sums("llm.tokens", "user.id", "team", "app.feature") == {(None, None, "chat"): 1}
    assert application.llm.refused == {UsageRefused.BAD_ATTRIBUTE: 2}


@pytest.mark.parametrize("metadata", [{f"key-{n}": n for n in range(60)}, [("team", "a")], {"org.id": "zeta"}])
def test_bad_metadata_costs_the_metadata_and_not_the_tokens(application, metadata):
    application.llm.record(USAGE, provider="openai", metadata=metadata)
    assert application.tokens() == {"input_uncached": 1}
    assert application.llm.refused == {UsageRefused.BAD_ATTRIBUTE: 1}


def test_further_dimensions_are_kept_and_cannot_replace_ours(application):
    metadata = {"team": "search", "is_trial": True, "token.kind": "output", "gen_ai.provider.name": "me"}
    application.llm.record(USAGE, provider="openai", metadata=metadata)
    ((attributes, _),) = application.points("llm.tokens")
    assert (attributes["team"], attributes["is_trial"]) == ("search", True)
    assert (attributes["token.kind"], attributes["gen_ai.provider.name"]) == ("input_uncached", "openai")


@pytest.mark.parametrize("units", [{"Two words": 1}, {7: 1}, [("page", 1)]], ids=repr)
def test_bad_units_cost_the_units_alone(application, units):
    application.llm.record(USAGE, provider="openai", units=units)
    assert application.tokens() == {"input_uncached": 1}
    assert application.units() == {}
    assert application.llm.refused == {UsageRefused.BAD_ATTRIBUTE: 1}


def test_a_misspelt_argument_is_a_mistake_of_the_program_and_raises(application):
    with pytest.raises(TypeError, match="usr"):
        application.llm.record(USAGE, provider="openai", usr="u-1")
