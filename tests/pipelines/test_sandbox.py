"""Workflow code stays in the sandbox."""

import asyncio
import secrets
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from durable_research.catalogue import PACKAGES
from durable_research.temporal.worker.plugin import house_rules, sandbox
from durable_research.worker.registry import WORKFLOWS
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.clock_workflow import ClockWorkflow


async def test_reading_the_clock_in_a_workflow_is_refused(environment: WorkflowEnvironment) -> None:
    queue = secrets.token_hex(4)
    async with Worker(
        environment.client,
        task_queue=queue,
        workflows=[ClockWorkflow],
        plugins=[house_rules(PACKAGES, environment.client.data_converter)],
    ):
        handle = await environment.client.start_workflow(ClockWorkflow.run, id=queue, task_queue=queue)

        failure = await _first_task_failure(handle, environment.client.data_converter)
        await handle.terminate()

    assert "Cannot access datetime.datetime.now.__call__ from inside a workflow" in failure


async def _first_task_failure(handle: WorkflowHandle[Any, Any], converter: DataConverter) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async for event in handle.fetch_history_events():
                if event.HasField("workflow_task_failed_event_attributes"):
                    sealed = event.workflow_task_failed_event_attributes.failure
                    return str(await converter.decode_failure(sealed))
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_pipelines_modules_are_passed_through_the_sandbox(package: str) -> None:
    runner = sandbox(PACKAGES)
    assert isinstance(runner, SandboxedWorkflowRunner)

    read = {f"{package}.{part}" for part in ("pipeline", "activities", "messages", "prompts")}
    assert read | {"durable_research.descriptor"} <= set(runner.restrictions.passthrough_modules)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_no_workflow_module_is_passed_through_the_sandbox(workflow: type) -> None:
    runner = sandbox(PACKAGES)
    assert isinstance(runner, SandboxedWorkflowRunner)
    passed = runner.restrictions.passthrough_modules
    parts = workflow.__module__.split(".")

    assert not {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & set(passed)
