"""What a worker measures of real workflows.

Its Temporal server is its own: a workflow that another test left running would be measured here too.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from durable_research.telemetry.metrics import (
    ATTEMPT_DURATION,
    ATTEMPTS_ENDED,
    COMPENSATIONS,
    EFFECTS,
    OBJECTS_COLLECTED,
    PROVIDER_WAIT,
    PROVIDER_WAITS_BEGUN,
    STEP_DURATION,
    TOKENS,
    WORKFLOW_PROCESSING,
    WORKFLOWS_ACCEPTED,
    WORKFLOWS_ENDED,
)
from tests.installation import Installation
from tests.measured import Increase
from tests.pipelines.conftest import Harness, open_harness, start_temporal
from tests.pipelines.test_blog_post import UNDOS, post, refuse_content
from tests.pipelines.test_orphans import Collector, left_behind

REPORT_STEPS = ("llm_call", "create_pdf", "store_report_metadata", "send_notification")


@pytest.fixture(scope="module")
async def environment(
    temporal_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WorkflowEnvironment]:
    async with await start_temporal(temporal_program, tmp_path_factory.mktemp("measured")) as environment:
        yield environment


@pytest.fixture(scope="module")
async def harness(
    servers: Installation, environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Harness]:
    async with open_harness(servers, environment, tmp_path_factory.mktemp("measured_objects")) as harness:
        yield harness


async def test_a_report_is_measured_from_its_acceptance_to_its_end(harness: Harness) -> None:
    increase = Increase(harness.meter)

    await harness.finished(await harness.submit("How is a report measured?"))
    await increase.until(WORKFLOWS_ENDED, 1, kind="report", outcome="done")

    assert increase.of(WORKFLOWS_ACCEPTED, kind="report") == 1
    assert increase.of(WORKFLOWS_ENDED) == 1
    assert increase.of(WORKFLOW_PROCESSING, kind="report", outcome="done") == 1
    for step in REPORT_STEPS:
        # A busy machine may lose an attempt, which has no duration.
        assert increase.of(ATTEMPTS_ENDED, step=step, outcome="completed", code="") == 1, step
        assert increase.of(ATTEMPT_DURATION, step=step, outcome="completed") == 1, step
        assert increase.of(STEP_DURATION, step=step) == 1, step
    assert increase.of(EFFECTS, kind="model_call", provider_class="L", outcome="settled") == 1
    assert increase.of(EFFECTS, kind="notification", outcome="settled") >= 1
    assert increase.of(TOKENS, model="simulator-research", direction="input") > 0
    assert increase.of(TOKENS, model="simulator-research", direction="output") > 0


async def test_a_wait_for_a_busy_provider_is_measured(harness: Harness, quick_retries: None) -> None:
    increase = Increase(harness.meter)
    harness.fault("measured while busy", fault="429", times=3)

    await harness.finished(await harness.submit("measured while busy"))

    assert increase.of(PROVIDER_WAITS_BEGUN, step="llm_call", code="rate_limited") == 1
    assert increase.of(ATTEMPTS_ENDED, step="llm_call", outcome="waiting", code="rate_limited") == 3
    assert increase.of(PROVIDER_WAIT, step="llm_call", outcome="answered") == 1
    assert increase.of(EFFECTS, kind="model_call", outcome="refused") == 3


async def test_a_wait_that_is_given_up_is_measured_with_the_failure(
    harness_with_short_wait: Harness, quick_retries: None
) -> None:
    harness, increase = harness_with_short_wait, Increase(harness_with_short_wait.meter)
    harness.fault("measured in vain", kind="model_call", fault="429", times=9999)

    await harness.finished(await harness.submit("measured in vain"))
    await increase.until(WORKFLOWS_ENDED, 1, kind="report", outcome="failed")

    assert increase.of(PROVIDER_WAIT, step="llm_call", outcome="given_up") == 1
    assert increase.of(ATTEMPTS_ENDED, step="llm_call", outcome="failed", code="rate_limited") == 1


async def test_undone_steps_are_measured(harness: Harness, quick_retries: None) -> None:
    increase, title, undone = Increase(harness.meter), "Measured while it is undone", UNDOS[2:]
    refuse_content(harness, title)

    await harness.finished(await post(harness, title))
    await increase.until(WORKFLOWS_ENDED, 1, kind="post", outcome="failed")

    assert {one: increase.of(COMPENSATIONS, step=one, outcome="completed") for one in undone} == dict.fromkeys(
        undone, 1
    )
    assert increase.of(COMPENSATIONS, outcome="completed") == len(undone)


async def test_collected_objects_are_counted(harness: Harness) -> None:
    increase, collector = Increase(harness.meter), Collector(harness)
    await left_behind(harness)

    assert await collector.collect() == increase.of(OBJECTS_COLLECTED) > 0


async def test_no_metric_of_a_worker_holds_what_people_wrote(harness: Harness) -> None:
    report = await harness.submit("A canary's question", user="canary-user")
    await harness.finished(report)

    text = harness.meter.text().decode()

    assert "canary" not in text
    assert report not in text
