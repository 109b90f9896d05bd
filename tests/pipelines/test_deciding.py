"""At a provider without lookups, if the operator configures it, a person decides whether to pay again."""

import asyncio

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import InfrastructureDown, InvalidInput, InvalidState
from durable_research.domain.ledger.effects import ResendPolicy
from durable_research.domain.workflows.events import AttemptFailed, EventKind, Payload
from durable_research.domain.workflows.progress import Attempt
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness


@pytest.fixture
def harness_with_decisions(harness_without_lookup: Harness, monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.setattr(harness_without_lookup.writer, "resend", ResendPolicy.ASK)
    return harness_without_lookup


async def waiting(harness: Harness, prompt: str, times: int = 1) -> str:
    """A report whose answer was lost, waiting for a person."""
    harness.fault(prompt, kind="model_call", fault="billed_500", times=times)
    report = await harness.submit(prompt)
    await harness.until(report, "waiting_for_you")
    return report


async def test_a_lost_answer_waits_for_a_decision_and_explains_it(
    harness_with_decisions: Harness, quick_retries: None
) -> None:
    report = await waiting(harness_with_decisions, "waits for you")

    status = await harness_with_decisions.status(report)

    assert "decide whether to pay again" in status["waits_for"]["what"]
    assert harness_with_decisions.step(status, "llm_call")["state"] == "waiting"
    assert len(harness_with_decisions.servers.billing_log("waits for you")) == 1
    await harness_with_decisions.deciding.decide(report, LOCAL_CALLER, {"decision": "give_up"})
    await harness_with_decisions.finished(report)


async def test_the_decision_to_send_again_gives_the_report_with_both_charges(
    harness_with_decisions: Harness, quick_retries: None
) -> None:
    report = await waiting(harness_with_decisions, "sent again by hand")

    await harness_with_decisions.deciding.decide(report, LOCAL_CALLER, {"decision": "send_again"})
    status = await harness_with_decisions.finished(report)

    assert (status["status"], status["charges"]) == ("done", {"settled": 1, "possible_extra": 1})
    assert len(harness_with_decisions.servers.billing_log("sent again by hand")) == 2


async def test_each_lost_answer_needs_its_own_decision(harness_with_decisions: Harness, quick_retries: None) -> None:
    report = await waiting(harness_with_decisions, "lost twice over", times=2)

    await harness_with_decisions.deciding.decide(report, LOCAL_CALLER, {"decision": "send_again"})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(harness_with_decisions.servers.billing_log("lost twice over")) < 2:
            await asyncio.sleep(0.05)
    await harness_with_decisions.until(report, "waiting_for_you")

    await harness_with_decisions.deciding.decide(report, LOCAL_CALLER, {"decision": "send_again"})
    assert (await harness_with_decisions.finished(report))["status"] == "done"


async def test_the_decision_to_give_up_fails_the_report(harness_with_decisions: Harness, quick_retries: None) -> None:
    report = await waiting(harness_with_decisions, "given up by hand")

    await harness_with_decisions.deciding.decide(report, LOCAL_CALLER, {"decision": "give_up"})
    status = await harness_with_decisions.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "decision_needed")
    assert len(harness_with_decisions.servers.billing_log("given up by hand")) == 1


async def test_a_report_that_waits_for_a_decision_can_be_cancelled(
    harness_with_decisions: Harness, quick_retries: None
) -> None:
    report = await waiting(harness_with_decisions, "cancelled while it waits")

    await harness_with_decisions.cancelling.cancel(report, LOCAL_CALLER)

    assert (await harness_with_decisions.finished(report))["status"] == "cancelled"


async def test_a_decision_about_a_report_that_does_not_wait_is_refused(harness: Harness) -> None:
    report = await harness.submit("nothing to decide")
    await harness.finished(report)

    with pytest.raises(InvalidState):
        await harness.deciding.decide(report, LOCAL_CALLER, {"decision": "send_again"})
    with pytest.raises(InvalidInput):
        await harness.deciding.decide(report, LOCAL_CALLER, {"decision": "maybe"})


async def test_a_decision_is_accepted_after_a_worker_died_while_requesting_it(
    harness_with_decisions: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, deaths = harness_with_decisions.progress.end_attempt, ["one"]

    async def dies_after_writing(attempt: Attempt, kind: EventKind, payload: Payload) -> None:
        await original(attempt, kind, payload)
        if isinstance(payload, AttemptFailed) and payload.asks_a_person and deaths:
            deaths.pop()
            raise InfrastructureDown("the commit's answer was lost")

    monkeypatch.setattr(harness_with_decisions.progress, "end_attempt", dies_after_writing)
    report = await waiting(harness_with_decisions, "asked twice by accident")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(await decision_attempts(harness_with_decisions, report)) < 2:
            await asyncio.sleep(0.05)
    await harness_with_decisions.until(report, "waiting_for_you")

    await harness_with_decisions.deciding.decide(report, LOCAL_CALLER, {"decision": "send_again"})

    assert (await harness_with_decisions.finished(report))["status"] == "done"


async def decision_attempts(harness: Harness, report: str) -> list[int]:
    return [event.attempt for event in await harness.progress.read(report) if event.data.get("asks_a_person")]
