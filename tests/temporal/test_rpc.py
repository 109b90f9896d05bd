"""The errors raised when Temporal does not answer, or refuses."""

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
async def test_an_unreachable_server_raises_infrastructure_down_with_its_cause(trouble: Exception) -> None:
    with pytest.raises(InfrastructureDown, match="temporal does not answer") as caught:
        async with answers_within(PATIENCE):
            raise trouble

    assert caught.value.__cause__ is trouble


async def test_a_call_without_an_answer_is_given_up_after_its_timeout() -> None:
    with pytest.raises(InfrastructureDown):
        async with answers_within(timedelta(0)):
            await asyncio.Event().wait()


async def test_an_expected_status_code_is_raised_unchanged() -> None:
    with pytest.raises(RPCError):
        async with answers_within(PATIENCE, except_for={RPCStatusCode.NOT_FOUND}):
            await refused(RPCStatusCode.NOT_FOUND)


async def test_any_other_status_code_raises_infrastructure_down() -> None:
    with pytest.raises(InfrastructureDown):
        async with answers_within(PATIENCE, except_for={RPCStatusCode.NOT_FOUND}):
            await refused(RPCStatusCode.PERMISSION_DENIED)


async def test_an_unrelated_exception_is_raised_unchanged() -> None:
    with pytest.raises(KeyError):
        async with answers_within(PATIENCE):
            raise KeyError
