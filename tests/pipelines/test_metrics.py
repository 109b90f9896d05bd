"""What was done is counted once, by the SDK's own counters."""

from collections import Counter
from pathlib import Path

from temporalio.client import Client
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from durable_research.temporal.metrics import METRICS
from tests.pipelines.conftest import House

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "metrics.md"


async def counted(house: House) -> Counter[str]:
    """The counters of workers that made one checked text, by name and activity."""
    buffer = MetricBuffer(10_000)
    known = house.environment.client
    client = await Client.connect(
        known.service_client.config.target_host,
        namespace=known.namespace,
        data_converter=known.data_converter,
        runtime=Runtime(telemetry=TelemetryConfig(metrics=buffer)),
    )
    await house.stop_workers()
    await house.start_workers("counting@1", client)
    try:
        await house.finished(await house.ask("How are tides counted?", "ai-processing"))
    finally:
        await house.stop_workers()
        await house.start_workers()
    found: Counter[str] = Counter()
    for update in buffer.retrieve_updates():
        if update.metric.name in METRICS:
            activity = update.attributes.get("activity")
            found[f"{update.metric.name}{{{activity}}}" if activity else update.metric.name] += int(update.value)
    return found


async def test_each_finished_workflow_and_each_step_counts_once(house: House) -> None:
    assert await counted(house) == {
        "ai_workflows_completed": 1,
        "ai_activities_executed{generate_text}": 1,
        "ai_activities_executed{validate_output}": 1,
        "ai_activities_executed{summarize_text}": 1,
    }


def test_every_metric_is_documented() -> None:
    text = DOCUMENTATION.read_text()

    assert [name for name in METRICS if f"`{name}`" not in text] == []
