"""Histories of every release replay with today's code; an edit that changes recorded commands is caught here."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from durable_research.catalogue import PACKAGES
from durable_research.temporal.payloads.converter import data_converter
from durable_research.temporal.worker.plugin import house_rules
from durable_research.worker.registry import WORKFLOWS
from tests.replay.edits import INCOMPATIBLE
from tests.replay.record import HISTORIES, RECORDING_KEYS

FILES = sorted(HISTORIES.glob("*/*.json"))


async def replay(file: Path, *workflows: type) -> None:
    replayer = Replayer(workflows=workflows, plugins=[house_rules(PACKAGES, data_converter(RECORDING_KEYS, "default"))])
    # A history without workflow tasks would hang the replayer.
    async with asyncio.timeout(30):
        await replayer.replay_workflow(WorkflowHistory.from_json(file.stem, file.read_text()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_replays(file: Path) -> None:
    await replay(file, *WORKFLOWS)


@pytest.mark.parametrize("edited", INCOMPATIBLE, ids=lambda edited: edited.__name__)
async def test_an_incompatible_edit_is_caught(edited: type) -> None:
    file = next(file for file in FILES if file.stem == "done")

    with pytest.raises(NondeterminismError):
        await replay(file, edited)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_recorded_history_names_no_folder_of_a_machine(file: Path) -> None:
    assert ".py" not in file.read_text()


def test_every_course_of_a_workflow_has_a_recorded_history() -> None:
    by_itself = {"done", "failed", "retried", "cancelled", "worker-killed", "reconcile", "accept-scheduled"}
    with_people = {"approved", "edited", "refused", "delayed"}

    sagas = {"post-done", "post-undone", "text-done", "text-undone"}

    notices = {"told-that-it-waits", "telling-stopped"}

    resumptions = {"failed-resumed", "corrected-resumed", "terminated-resumed"}

    assert by_itself | with_people | sagas | notices | resumptions <= {file.stem for file in FILES}
