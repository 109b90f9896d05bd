"""Each queue is a failure domain of its own: what hangs or is away on one does not hold up another."""

import asyncio

from tests.pipelines.conftest import House


async def test_a_rendering_that_hangs_does_not_delay_a_model_call(house: House) -> None:
    house.renderer.fail("A rendering that hangs", "hang")
    hanging = await house.ask("A rendering that hangs")
    await house.until_step(hanging, "create_pdf", "running")

    other = await house.ask("Asked meanwhile")

    await house.until_step(other, "llm_call", "done")
    assert house.step(await house.status(hanging), "create_pdf")["state"] == "running"
    await house.cancelling.cancel(hanging, "default")
    await asyncio.gather(house.finished(hanging), house.finished(other))


async def test_slack_that_is_down_does_not_keep_a_report_from_its_reader(house: House) -> None:
    house.fault("Slack is down meanwhile", fault="500", kind="slack", times=50)
    report = await house.ask("Slack is down meanwhile", title="Slack is down meanwhile", notify=["slack"])
    await house.until_step(report, "send_notification", "retrying")

    assert (await house.reports.get(report, "default")).title == "Slack is down meanwhile"
    other = await house.ask("Another one meanwhile")
    assert (await house.finished(other))["status"] == "done"
    await house.cancelling.cancel(report, "default")
    await house.finished(report)
