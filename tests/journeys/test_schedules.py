"""A schedule in a real installation, with a worker that dies while it accepts."""

import asyncio
import json

import httpx
from temporalio.client import Client

from tests.installation import Installation, until


def reports(installation: Installation, text: str) -> list[str]:
    answer = httpx.get(f"{installation.api}/api/workflows", params={"text": text}, timeout=60)
    return [row["workflow_id"] for row in answer.json()["workflows"]]


def test_a_worker_killed_while_a_schedule_fires_leaves_one_report(own_installation: Installation) -> None:
    # The report is accepted, and the firing has no answer.
    own_installation.environment["DURABLE_RESEARCH_FAILPOINTS"] = "start.accepted=kill@1"
    own_installation.start()
    own_installation.latency(0)
    prompt = "Asked by a schedule"
    body = {"prompt": prompt, "every": "1d"}
    made = httpx.post(f"{own_installation.api}/api/schedules", json=body, timeout=60)
    assert made.status_code == 201, made.text

    own_installation.fire(made.json()["schedule_id"])

    (report,) = until("the report", lambda: reports(own_installation, prompt) or None)
    assert own_installation.finished(report)["status"] == "done"
    firing_ended(own_installation, made.json()["schedule_id"])
    assert reports(own_installation, prompt) == [report]
    assert len(own_installation.billing_log(prompt)) == 1
    hits = [json.loads(line) for line in (own_installation.data / "failpoints.jsonl").read_text().splitlines()]
    assert [hit["act"] for hit in hits].count("kill") == 1


def firing_ended(installation: Installation, schedule_id: str) -> None:
    """Wait until the firing has its report."""

    async def count() -> int:
        client = await Client.connect(installation.up["temporal"])
        query = f"TemporalScheduledById = '{schedule_id}' AND ExecutionStatus = 'Completed'"
        return (await client.count_workflows(query)).count

    until("the firing's end", lambda: asyncio.run(count()) == 1)
