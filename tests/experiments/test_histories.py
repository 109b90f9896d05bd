"""Histories are searched in the bytes that Temporal stores, and replayed with today's code."""

import pytest
from temporalio.client import WorkflowHistory

from durable_research.experiments.evidence import histories
from durable_research.temporal.payloads.converter import data_converter
from tests.replay.record import HISTORIES, RECORDING_KEYS


@pytest.fixture
def done() -> WorkflowHistory:
    file = next(HISTORIES.glob("*/done.json"))
    return WorkflowHistory.from_json("done", file.read_text())


def test_plain_text_in_a_history_is_found(done: WorkflowHistory) -> None:
    found = histories.leaks([done], {"a type": "GenerateReportWorkflow", "a prompt": "canary"})

    assert found == ["the history of done holds a type"]


async def test_a_recorded_history_replays(done: WorkflowHistory) -> None:
    assert await histories.not_replayable([done], data_converter(RECORDING_KEYS, "default")) == []


async def test_a_history_that_does_not_replay_is_reported(done: WorkflowHistory) -> None:
    for event in done.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            event.activity_task_scheduled_event_attributes.activity_type.name = "something_else"

    found = await histories.not_replayable([done], data_converter(RECORDING_KEYS, "default"))

    assert len(found) == 1
    assert found[0].startswith("done: NondeterminismError")
