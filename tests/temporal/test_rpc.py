"""What is said of Temporal when it does not answer, or refuses."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.service import RPCError, RPCStatusCode

from durable_research.domain.errors import InfrastructureDown
from durable_research.temporal.client.rpc import answers_within

PATIENCE = timedelta(minutes=1)


async def refused(status: RPCStatusCode) -> None:
    raise RPCError("words", status, b"")


@pytest.mark.parametrize(
    "trouble", [RPCError("words", RPCStatusCode.UNAVAILABLE, b""), RuntimeError("the SDK cannot connect")]
)
async def test_whoever_does_not_answer_is_down_and_the_cause_is_kept(trouble: Exception) -> None:
    with pytest.raises(InfrastructureDown, match="temporal does not answer") as caught:
        async with answers_within(PATIENCE):
            raise trouble

    assert caught.value.__cause__ is trouble


async def test_an_answer_that_never_comes_is_not_waited_for() -> None:
    with pytest.raises(InfrastructureDown):
        async with answers_within(timedelta(0)):
            await asyncio.Event().wait()


async def test_a_refusal_that_was_expected_is_left_to_who_asks() -> None:
    with pytest.raises(RPCError):
        async with answers_within(PATIENCE, except_for={RPCStatusCode.NOT_FOUND}):
            await refused(RPCStatusCode.NOT_FOUND)


async def test_another_refusal_than_the_expected_one_is_no_answer() -> None:
    with pytest.raises(InfrastructureDown):
        async with answers_within(PATIENCE, except_for={RPCStatusCode.NOT_FOUND}):
            await refused(RPCStatusCode.PERMISSION_DENIED)


async def test_what_is_not_about_temporal_passes_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with answers_within(PATIENCE):
            raise KeyError
