"""Temporal stores a report as ciphertext, which can be read with the key."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Final

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer

from durable_research.catalogue import PACKAGES
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import DocumentError
from durable_research.payload_keys import Keyring
from durable_research.settings.settings import Settings
from durable_research.temporal.payloads.codec import PayloadOpener
from durable_research.temporal.payloads.converter import data_converter
from durable_research.temporal.worker.plugin import house_rules
from durable_research.worker.registry import WORKFLOWS
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import KEYS, Harness
from tests.web.harness import Harness as WebHarness

_TASK_FAILED: Final = "workflow_task_failed_event_attributes"
CANARY = "canary-5e0b9a"
RecordedWorkflow = Callable[[Harness], Awaitable[WorkflowHistory]]


def payloads_of(message: Message) -> Iterator[Payload]:
    """Every payload of a message, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        repeated = list(value.values()) if hasattr(value, "values") else value if hasattr(value, "append") else [value]
        for one in repeated:
            if isinstance(one, Message):
                yield from payloads_of(one)


def forms_of(text: str) -> list[bytes]:
    """The text as it is, and as it looks within base64 at each of the three alignments."""
    inner = [base64.b64encode(b"\0" * shift + text.encode())[4:-4] for shift in range(3)]
    return [text.encode(), *inner]


async def failed_report(harness: Harness) -> WorkflowHistory:
    """A report whose title and whose failure hold the canary, and its Event History."""
    harness.renderer.fail(f"{CANARY} in the question", DocumentError(f"{CANARY} cannot be typeset"))
    failed = await harness.submit(f"{CANARY} in the question")
    await harness.finished(failed)
    return await harness.environment.client.get_workflow_handle(failed).fetch_history()


async def titled_report(harness: Harness) -> WorkflowHistory:
    body = {"prompt": f"{CANARY} in the question", "title": f"{CANARY} in the title"}
    report = (await harness.starting.start("generate-report", body, caller=LOCAL_CALLER)).row.workflow_id
    await harness.finished(report)
    return await harness.environment.client.get_workflow_handle(report).fetch_history()


@pytest.mark.parametrize("record", [failed_report, titled_report], ids=["an error's words", "a title"])
async def test_no_user_text_is_readable_in_the_event_history(harness: Harness, record: RecordedWorkflow) -> None:
    history = await record(harness)

    stored = b"".join(event.SerializeToString() for event in history.events) + history.to_json().encode()

    assert [form for form in forms_of(CANARY) if form in stored] == []


@pytest.mark.parametrize("record", [failed_report, titled_report], ids=["an error's words", "a title"])
async def test_the_codec_endpoint_opens_a_sealed_history(harness: Harness, record: RecordedWorkflow) -> None:
    history = await record(harness)
    sealed = [payload for event in history.events for payload in payloads_of(event)]
    opener = PayloadOpener(Keyring(KEYS, "default"))
    client = WebHarness(settings=Settings(codec_origin="http://127.0.0.1:8233"), payloads=opener).app.test_client()

    answer = await client.post("/codec/decode", json=MessageToDict(Payloads(payloads=sealed)))

    opened = [base64.b64decode(one.get("data", "")) for one in (await answer.get_json())["payloads"]]
    assert CANARY.encode() in b"".join(opened)


async def test_a_sealed_history_replays_with_its_key(harness: Harness) -> None:
    history = await failed_report(harness)
    replayer = Replayer(workflows=WORKFLOWS, plugins=[house_rules(PACKAGES, harness.environment.client.data_converter)])

    await replayer.replay_workflow(history)


async def task_failed(harness: Harness, report: str) -> None:
    """Wait until a workflow task of the report has failed."""
    handle = harness.environment.client.get_workflow_handle(report)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(RPCError):  # it is handed to Temporal after it was accepted
                if [one async for one in handle.fetch_history_events() if one.HasField(_TASK_FAILED)]:
                    return
            await asyncio.sleep(0.05)


async def test_a_report_waits_for_a_missing_payload_key_and_then_continues(harness: Harness) -> None:
    await harness.stop_workers()
    config = harness.environment.client.config(active_config=True)
    config["data_converter"] = data_converter((), "default")
    await harness.start_workers("keyless@1", Client(**config))
    try:
        report = await harness.submit("waits for its key")
        await task_failed(harness, report)
    finally:
        await harness.stop_workers()
        await harness.start_workers()

    assert (await harness.finished(report))["status"] == "done"


async def test_the_detail_of_a_failure_is_still_in_the_status(harness: Harness) -> None:
    harness.renderer.fail("a failing report", DocumentError("the table in line 7 cannot be typeset"))
    report = await harness.submit("a failing report")

    status = await harness.finished(report)

    assert (status["error"]["code"], status["error"]["detail"]) == (
        "document_error",
        "the table in line 7 cannot be typeset",
    )
    assert "document_error" in json.dumps(await harness.reading.history(report, LOCAL_CALLER))
