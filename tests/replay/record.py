"""Records Event Histories and progress logs for the replay tests: `make record`. A folder for each release, never edited.

An existing recording is kept, as it shows what a release really did: remove the file to record it again.
"""

import asyncio
import base64
import json
import re
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from durable_research import queues
from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.payload_keys import parse_keys
from durable_research.pipelines.accept_scheduled.messages import AcceptScheduledReport
from durable_research.temporal import names
from durable_research.temporal.payloads.converter import data_converter
from tests.installation import Installation, until

HISTORIES = Path(__file__).parent / "histories"
LOGS = Path(__file__).parent / "logs"
# Recordings are sealed as everything else is, with a key that is no secret: they must open in years to come.
_KEYS = "recordings:" + base64.b64encode(b"a key for recorded histories, 32").decode()
RECORDING_KEYS = parse_keys(_KEYS)


def is_writing(installation: Installation, report: str) -> bool:
    """Whether the model call runs."""
    return bool(installation.step(report, "llm_call")["state"] == "running")


def question(installation: Installation, workflow_id: str) -> dict[str, Any] | None:
    """The decision that the workflow waits for, or None."""
    draft: dict[str, Any] | None = installation.status(workflow_id)["asks"]
    return draft


def reports(installation: Installation) -> dict[str, str]:
    """Run each course of a report, and return the workflow ids by name."""
    installation.latency(0.3)
    done = installation.submit("A report that is simply made")
    installation.simulator("faults", {"match": "refused key", "fault": "401"})
    failed = installation.submit("A refused key")
    installation.simulator("faults", {"match": "busy first", "fault": "429", "retry_after": 1})
    retried = installation.submit("The provider is busy first")
    for report in (done, failed, retried):
        installation.finished(report)
    installation.latency(8)
    cancelled = installation.submit("Cancelled in the call")
    killed = installation.submit("The worker is killed in the call")
    for report in (cancelled, killed):
        until("the call", partial(is_writing, installation, report))
    httpx.post(f"{installation.api}/api/workflows/{cancelled}/cancel", timeout=10).raise_for_status()
    installation.finished(cancelled)
    installation.kill(installation.step(killed, "llm_call")["worker"])
    installation.finished(killed)
    return {"done": done, "failed": failed, "retried": retried, "cancelled": cancelled, "worker-killed": killed}


def waits(installation: Installation) -> dict[str, str]:
    """Run each way in which a report waits for the clock and for decisions."""
    installation.latency(0.3)
    ids = {}
    for name, verdict, before in (("approved", "approve", "before_pdf"), ("edited", "edit", "before_pdf"),
                                  ("refused", "refuse", "before_notify")):  # fmt: skip
        ids[name] = installation.submit_with(prompt=f"A draft to be {name}", approval=before)
        draft = until("the draft", partial(question, installation, ids[name]))
        body = {"decision": verdict, "draft_sha256": draft["draft_sha256"], "decision_id": f"decision-{name}"}
        body |= {"text": "# Edited\n\nBy a person."} if verdict == "edit" else {}
        httpx.post(f"{installation.api}/api/workflows/{ids[name]}/approve", json=body, timeout=10).raise_for_status()
    later = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    ids["delayed"] = installation.submit_with(prompt="A report that begins later", start_after=later)
    for report in ids.values():
        installation.finished(report)
    return ids


def notices(installation: Installation) -> dict[str, str]:
    """Run the notices that a draft waits: two before the decision, or one cancelled by it."""
    installation.latency(0.3)
    reminded = installation.submit_with(prompt="A draft that is told of twice", approval="before_pdf")
    until("the reminder", lambda: len(installation.billing_log(reminded, kind="webhook")) == 2 or None)
    slow = {"match": "told too slowly", "kind": "webhook", "fault": "slow", "latency_seconds": 60}
    installation.simulator("faults", slow)
    stopped = installation.submit_with(prompt="A draft that is told too slowly", approval="before_notify")
    for report in (reminded, stopped):
        draft = until("the draft", partial(question, installation, report))
        body = {"decision": "approve", "draft_sha256": draft["draft_sha256"]}
        httpx.post(f"{installation.api}/api/workflows/{report}/approve", json=body, timeout=10).raise_for_status()
        installation.finished(report)
    return {"told-that-it-waits": reminded, "telling-stopped": stopped}


def sagas(installation: Installation) -> dict[str, str]:
    """Run a post and a checked text to each of their ends."""
    installation.latency(0.3)
    ids = {
        "post-done": installation.submit_with(pipeline="blog-post", prompt="A post that is simply made"),
        "text-done": installation.submit_with(pipeline="ai-processing", prompt="A text that is simply made"),
    }
    installation.simulator("faults", {"match": "Nobody embeds it", "fault": "401", "kind": "embedding"})
    ids["post-undone"] = installation.submit_with(
        pipeline="blog-post", prompt="A post that is undone", title="Nobody embeds it"
    )
    installation.simulator(
        "faults", {"match": "Summarise this text:\n\n# Undone", "fault": "401", "kind": "model_call"}
    )
    ids["text-undone"] = installation.submit_with(
        pipeline="ai-processing", prompt=f"ECHO: # Undone\n\n{'A line of it. ' * 30}"
    )
    # A refused embedding needs a decision first: the post could be stored without it.
    until("the question", partial(question, installation, ids["post-undone"]))
    decide_url = f"{installation.api}/api/workflows/{ids['post-undone']}/decide"
    httpx.post(decide_url, json={"decision": "give_up"}, timeout=10).raise_for_status()
    for workflow_id in ids.values():
        installation.finished(workflow_id)
    return ids


async def terminate(address: str, workflow_id: str) -> None:
    """End it as an operator does, and have reconciliation notice."""
    client = await Client.connect(address)
    await client.get_workflow_handle(workflow_id).terminate("an operator")
    await client.get_schedule_handle(names.RECONCILE_SCHEDULE).trigger()


def resumptions(installation: Installation) -> dict[str, str]:
    """Run each way in which a report is resumed after its end; the resumed run is recorded."""
    installation.latency(0.3)
    installation.simulator("faults", {"match": "mended and resumed", "fault": "401", "times": 1})
    installation.simulator("faults", {"match": "Stopped and corrected", "quirk": "unknown_reason"})
    ids = {
        "failed-resumed": installation.submit("A key to be mended and resumed"),
        "corrected-resumed": installation.submit("Stopped and corrected"),
    }
    for report in ids.values():
        installation.finished(report)
    installation.latency(8)
    ids["terminated-resumed"] = terminated = installation.submit("Terminated in the call, and resumed")
    installation.call_committed(terminated)
    installation.latency(0.3)
    asyncio.run(terminate(installation.up["temporal"], terminated))
    installation.finished(terminated)
    for name, report in ids.items():
        body = {"text": "# By hand\n\nTo its end."} if name.startswith("corrected") else {}
        httpx.post(f"{installation.api}/api/workflows/{report}/resume", json=body, timeout=10).raise_for_status()
    for report in ids.values():
        installation.finished(report)
    return ids


async def record_log(database: Database, file: Path, workflow_id: str) -> None:
    """Write a workflow's progress log, an event a line; nothing for a workflow without one."""
    events = await PostgresProgressLog(database).read(workflow_id)
    if events and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [json.dumps(asdict(event), default=datetime.isoformat) for event in events]
        file.write_text("[\n" + ",\n".join(rows) + "\n]\n")


async def record(installation: Installation, ids: dict[str, str]) -> None:
    """Write each history as the SDK returns it, and one of the reconcile schedule's and of a person's schedule's."""
    folder = HISTORIES / version("durable-research")
    folder.mkdir(parents=True, exist_ok=True)
    client = await Client.connect(installation.up["temporal"], data_converter=data_converter(RECORDING_KEYS, "default"))
    ids["reconcile"] = "reconcile-recorded"
    await client.execute_workflow("ReconcileWorkflow", id=ids["reconcile"], task_queue=queues.RESEARCH)
    ids["accept-scheduled"] = "recurring-recorded-2026-11-21T09:00:00Z"
    message = AcceptScheduledReport(tenant="default", request={"prompt": "Asked by a schedule"})
    await client.execute_workflow(
        "AcceptScheduledReportWorkflow", message, id=ids["accept-scheduled"], task_queue=queues.RESEARCH
    )
    database = Database(installation.up["database"])
    for name, workflow_id in ids.items():
        await record_log(database, LOGS / folder.name / f"{name}.json", workflow_id)
        if (folder / f"{name}.json").exists():
            continue
        history = await client.get_workflow_handle(workflow_id).fetch_history()
        # Stack traces name the folders of the machine that recorded, and replay does not read them.
        text = re.sub(r'"stackTrace": "(?:[^"\\]|\\.)*"', '"stackTrace": ""', history.to_json())
        (folder / f"{name}.json").write_text(text + "\n")
        print(f"{folder.name}/{name}.json: {len(history.events)} events")  # noqa: T201  (it is run by hand)
    await database.close()


if __name__ == "__main__":
    settings = {"PAYLOAD_KEYS": _KEYS, "DURABLE_RESEARCH_APPROVAL_REMINDER": "3"}
    with tempfile.TemporaryDirectory() as scratch, Installation(Path(scratch) / "data", **settings) as running:
        recorded = reports(running) | waits(running) | notices(running) | sagas(running) | resumptions(running)
        asyncio.run(record(running, recorded))
