"""A provider that is busy or cannot be reached is waited for: uncounted, seen, and with an end."""

from datetime import UTC, datetime
from typing import Any

import pytest

from durable_research import queues
from durable_research.adapters.database.rows.workers import PostgresWorkerRegistry
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import InvalidInput
from durable_research.domain.ledger.effects import SendState
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.workflow import Status
from durable_research.ports.database.workers import WorkerRow
from durable_research.temporal.messages import StopModelCalls
from durable_research.temporal.worker.builtin_activities import StoppingActivities
from tests.pipelines.conftest import Harness

pytestmark = pytest.mark.usefixtures("quick_retries")


async def failures(harness: Harness, workflow_id: str, step: str) -> list[dict[str, Any]]:
    events = await harness.progress.read(workflow_id)
    return [event.data for event in events if event.step == step and event.kind == "attempt_failed"]


async def test_busy_answers_beyond_the_cap_of_failures_do_not_fail_the_step(harness: Harness) -> None:
    harness.fault("busy for long", fault="429", times=7)
    report = await harness.submit("busy for long")

    status = await harness.finished(report)

    assert (status["status"], status["charges"]) == ("done", {"settled": 1, "possible_extra": 0})
    polls = await failures(harness, report, "llm_call")
    assert [(failure["counted"], failure["final"]) for failure in polls] == [(False, False)] * 7
    assert "provider_answered" in await harness.kinds(report, "llm_call")


async def test_a_wait_for_the_provider_is_shown_in_the_status(harness: Harness) -> None:
    harness.fault("seen to wait", fault="429", times=99)
    report = await harness.submit("seen to wait")
    await harness.until_step(report, "llm_call", "retrying")
    now = datetime.now(UTC)
    await PostgresWorkerRegistry(harness.database).heartbeat(
        WorkerRow("tester@1", "tester", 1, "here", queues.QUEUES, now)
    )

    waits = (await harness.status(report))["waits_for"]

    assert "busy" in waits["what"]
    assert waits["since"] < waits["until"]
    assert waits["looks"] >= 1
    assert waits["last_error"]["code"] == "rate_limited"
    await harness.cancelling.cancel(report, LOCAL_CALLER)
    assert (await harness.finished(report))["status"] == "cancelled"


async def test_the_end_of_the_wait_fails_the_report_with_its_cause(harness_with_short_wait: Harness) -> None:
    harness_with_short_wait.fault("busy for ever", fault="429", times=9999)
    report = await harness_with_short_wait.submit("busy for ever")

    status = await harness_with_short_wait.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "rate_limited")
    assert "waited for" in status["error"]["detail"]
    assert (await failures(harness_with_short_wait, report, "llm_call"))[-1]["wait_left_seconds"] == 0
    assert not harness_with_short_wait.servers.billing_log("busy for ever")


async def test_a_retry_after_beyond_the_wait_ends_it_at_once(harness: Harness) -> None:
    harness.fault("busy until tomorrow", fault="429", times=9, retry_after=86_400)
    report = await harness.submit("busy until tomorrow")

    status = await harness.finished(report)

    assert (status["status"], status["error"]["code"]) == ("failed", "rate_limited")
    assert "asks to be left alone for 1 day" in status["error"]["detail"]
    assert len(await failures(harness, report, "llm_call")) == 1


@pytest.mark.parametrize(("decision", "end"), [("try_again", "done"), ("give_up", "failed")])
async def test_the_end_of_the_wait_needs_a_decision_before_a_paid_post_is_undone(
    harness_with_short_wait: Harness, decision: str, end: str
) -> None:
    prompt = f"a post whose writer is away, {decision}"
    harness_with_short_wait.fault(prompt, fault="429", times=9999, kind="model_call")
    post = await harness_with_short_wait.submit(prompt, "blog-post")
    status = await harness_with_short_wait.until(post, "waiting_for_you")
    assert status["asks"]["decisions"] == ["try_again", "give_up"]
    with pytest.raises(InvalidInput):
        await harness_with_short_wait.deciding.decide(post, LOCAL_CALLER, {"decision": "go_without"})

    harness_with_short_wait.servers.clear_faults()
    await harness_with_short_wait.deciding.decide(post, LOCAL_CALLER, {"decision": decision})

    assert (await harness_with_short_wait.finished(post))["status"] == end


async def test_an_accepted_call_continues_at_the_waits_end_and_stops_on_cancellation(harness: Harness) -> None:
    """The answer may be there already, and is paid for."""
    report = await harness.submit("left alone")
    await harness.finished(report)
    stopped: list[str] = []

    class Accepted:
        async def running_calls(self, workflow_id: str) -> list[tuple[str, str]]:
            return [("key", "resp_1")]

        async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None: ...

    class Log:
        def __init__(self, wait_left: float | None) -> None:
            self.wait_left = wait_left

        async def read(self, workflow_id: str, after_seq: int = 0) -> list[ProgressEvent]:
            events = list(await harness.progress.read(workflow_id))
            failed = next(event for event in events if event.kind == "attempt_completed")
            data = {"error": {"code": "rate_limited"}, "final": True}
            data |= {} if self.wait_left is None else {"wait_left_seconds": self.wait_left}
            return [type(failed)(report, 99, failed.at, type(failed.kind)("attempt_failed"), "llm_call", 1, data)]

    async def cancel(reference: str) -> None:
        stopped.append(reference)

    for wait_left in (0.0, None):
        activities = StoppingActivities(Accepted(), Log(wait_left), cancel)
        await activities.stop_model_calls(StopModelCalls(workflow_id=report))
        assert stopped == ([] if wait_left == 0.0 else ["resp_1"])


async def test_cancelling_ends_a_wait(harness: Harness) -> None:
    harness.fault("cancelled in the wait", fault="429", times=9999)
    report = await harness.submit("cancelled in the wait")
    await harness.until_step(report, "llm_call", "retrying")

    await harness.cancelling.cancel(report, LOCAL_CALLER)

    assert (await harness.finished(report))["status"] == Status.CANCELLED
    assert not harness.servers.billing_log("cancelled in the wait")
