"""Finished work is counted once, by the SDK's own counters, and exported under the documented names."""

import re
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from durable_research.telemetry.metrics import METRICS
from durable_research.temporal.client.sdk_metrics import BUCKETS, runtime_on_loopback
from tests.pipelines.conftest import Harness

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "metrics.md"
OURS = {metric.name for metric in METRICS if metric.of_sdk}
_SAMPLE = re.compile(r"^(\w+?)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
async def exported(harness: Harness) -> str:
    """The metrics exported by workers that made one checked text."""
    runtime, address = runtime_on_loopback()
    known = harness.environment.client
    client = await Client.connect(
        known.service_client.config.target_host,
        namespace=known.namespace,
        data_converter=known.data_converter,
        runtime=runtime,
    )
    await harness.stop_workers()
    await harness.start_workers("counting@1", client)
    try:
        await harness.finished(await harness.submit("How are tides counted?", "ai-processing"))
    finally:
        await harness.stop_workers()
        await harness.start_workers()
    return httpx.get(f"http://{address}/metrics").text


def counted(text: str) -> dict[str, float]:
    """Our counters, by name and activity."""
    found = {}
    for name, labels, value in _SAMPLE.findall(text):
        activity = re.search(r'\bactivity="(\w+)"', labels)
        if name in OURS:
            found[f"{name}{{{activity[1]}}}" if activity else name] = float(value)
    return found


async def test_each_finished_workflow_and_step_is_counted_once(exported: str) -> None:
    assert counted(exported) == {
        "ai_workflows_completed_total": 1,
        "ai_activities_executed_total{generate_text}": 1,
        "ai_activities_executed_total{validate_output}": 1,
        "ai_activities_executed_total{summarize_text}": 1,
    }


async def test_every_counter_ends_in_total_and_its_renaming_is_documented(exported: str) -> None:
    counters = set(re.findall(r"^# TYPE (\w+) counter$", exported, re.MULTILINE))
    renamed = re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", DOCUMENTATION.read_text(), re.MULTILINE)

    assert {name for name in counters if not name.endswith("_total")} == set()
    assert {new for _, new in renamed} >= OURS
    assert [(old, new) for old, new in renamed if new not in counters or new != f"{old}_total"] == []


def test_latencies_are_in_seconds_and_no_label_is_the_servers(exported: str) -> None:
    histograms = set(re.findall(r"^# TYPE (\w+) histogram$", exported, re.MULTILINE))

    assert {name for name in histograms if not name.endswith("_seconds")} == set()
    assert "service_name" not in exported


def test_every_histogram_has_the_buckets_that_alerts_need(exported: str) -> None:
    wanted = {f"{name}_seconds": set(map(float, edges)) for name, edges in BUCKETS.items()}
    found: dict[str, set[float]] = {}
    for name, labels, _ in _SAMPLE.findall(exported):
        if name.endswith("_seconds_bucket") and '"+Inf"' not in labels:
            edge = float(re.findall(r'\ble="([^"]+)"', labels)[0])
            found.setdefault(name.removesuffix("_bucket"), set()).add(edge)

    assert len(found) > 5
    assert found == {name: wanted[name] for name in found}
