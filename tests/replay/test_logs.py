"""Progress logs of every release are read by today's payload types, and nothing of a row is lost or added."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from durable_research.catalogue import BY_KIND
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import ProgressEvent, StepState, closing_of, steps_after
from durable_research.domain.workflows.workflow import kind_of
from durable_research.operations.reading.pending_decisions import recorded_decision
from durable_research.operations.reading.texts import texts_of
from tests.replay.record import HISTORIES, LOGS

FILES = sorted(LOGS.glob("*/*.json"))
FAILED = {"failed", "post-undone", "text-undone"}
CANCELLED = {"cancelled", "refused"}
# These have no log: they belong to no request of a person.
WITHOUT_LOG = {"reconcile", "accept-scheduled"}


def events_of(file: Path) -> list[ProgressEvent]:
    rows = json.loads(file.read_text())
    return [
        ProgressEvent(**{**row, "at": datetime.fromisoformat(row["at"]), "kind": EventKind(row["kind"])})
        for row in rows
    ]


def named(name: str) -> list[ProgressEvent]:
    return next(events_of(file) for file in FILES if file.stem == name)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_an_event_read_as_its_payload_is_stored_as_it_was(file: Path) -> None:
    for event in events_of(file):
        assert event.payload.stored() == event.data, event.kind


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_log_read_to_its_end_gives_the_workflows_outcome(file: Path) -> None:
    events = events_of(file)
    kind = kind_of(events[0].workflow_id)
    assert kind is not None

    states = {step.state for step in steps_after(tuple(BY_KIND[kind].steps), events)}

    ending = "failed" if file.stem in FAILED else "cancelled" if file.stem in CANCELLED else "done"
    assert closing_of(events).status == ending
    assert not states & {StepState.RUNNING, StepState.RETRYING, StepState.WAITING}
    assert (states <= {StepState.DONE, StepState.LEFT_OUT}) == (ending == "done")


def test_texts_decisions_and_reasons_are_found_in_recorded_logs() -> None:
    edited = recorded_decision(named("edited"))
    failed = closing_of(named("failed")).error

    assert list(texts_of(named("text-done"))) == ["text", "summary"]
    assert edited is not None
    assert edited.edited is not None
    assert failed is not None
    assert failed["code"] == "model_refused"


def test_every_recorded_history_has_its_log() -> None:
    recorded = {file.relative_to(HISTORIES) for file in HISTORIES.glob("*/*.json")}

    assert {file.relative_to(LOGS) for file in FILES} == {one for one in recorded if one.stem not in WITHOUT_LOG}
