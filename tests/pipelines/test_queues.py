"""Each queue is its own failure domain: a hang or outage on one does not delay another."""

import asyncio

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.workflow_ref import WorkflowRef
from tests.pipelines.conftest import Harness


async def test_a_hanging_renderer_does_not_delay_a_model_call(harness: Harness) -> None:
    harness.renderer.fail("A rendering that hangs", "hang")
    hanging = await harness.submit("A rendering that hangs")
    await harness.until_step(hanging, "create_pdf", "running")

    other = await harness.submit("Asked meanwhile")

    await harness.until_step(other, "llm_call", "done")
    assert harness.step(await harness.status(hanging), "create_pdf")["state"] == "running"
    await harness.cancelling.cancel(hanging, LOCAL_CALLER)
    await asyncio.gather(harness.finished(hanging), harness.finished(other))


async def test_a_slack_outage_does_not_delay_the_report_itself(harness: Harness) -> None:
    harness.fault("Slack is down meanwhile", fault="500", kind="slack", times=50)
    report = await harness.submit("Slack is down meanwhile", title="Slack is down meanwhile", notify=["slack"])
    await harness.until_step(report, "send_notification", "retrying")

    assert (await harness.reports.get(WorkflowRef(report, "default"))).title == "Slack is down meanwhile"
    other = await harness.submit("Another one meanwhile")
    assert (await harness.finished(other))["status"] == "done"
    await harness.cancelling.cancel(report, LOCAL_CALLER)
    await harness.finished(report)
