"""Submit, watch, download; and the same question submitted fifty times at once."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pypdf
import pytest
from temporalio.client import Client

from durable_research.temporal import names
from tests.installation import Installation, until


def test_a_report_is_requested_watched_and_downloaded_as_a_readable_pdf(installation: Installation) -> None:
    installation.latency(0.5)
    report = installation.submit("Why do lighthouses blink?")

    kinds = [event["kind"] for event in installation.events(report)]
    pdf = httpx.get(f"{installation.api}/api/reports/{report}.pdf", timeout=60)

    assert (kinds[0], kinds[-1]) == ("accepted", "closed")
    assert pdf.headers["content-type"] == "application/pdf"
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf.content)).pages)
    assert "lighthouses blink" in text
    assert "Demo text" in text


def test_a_report_can_be_read_as_markdown_and_html(installation: Installation) -> None:
    installation.latency(0)
    report = installation.submit("Why do bridges hum?")
    installation.finished(report)

    markdown = httpx.get(f"{installation.api}/api/reports/{report}.md", timeout=60).text
    html = httpx.get(f"{installation.api}/api/reports/{report}.html", timeout=60).text

    assert markdown.startswith("# Why do bridges hum")
    assert "bridges hum" in html
    assert "<script" not in html


def test_fifty_concurrent_starts_with_one_key_make_one_report_and_one_charge(installation: Installation) -> None:
    installation.latency(0.2)
    prompt = "Fifty at once"

    async def start_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=installation.api, timeout=60) as client:
            body, headers = {"prompt": prompt}, {"Idempotency-Key": "fifty"}
            starts = (client.post("/api/workflows/generate-report", json=body, headers=headers) for _ in range(50))
            return await asyncio.gather(*starts)

    answers = asyncio.run(start_all())
    ids = {answer.json()["workflow_id"] for answer in answers}
    installation.finished(next(iter(ids)))

    assert {answer.status_code for answer in answers} == {202}
    assert len(ids) == 1
    assert sum(answer.headers.get("Idempotency-Replayed") == "true" for answer in answers) == 49
    assert len(installation.billing_log(prompt)) == 1


def test_a_worker_stopped_by_sigterm_hands_its_call_back(installation: Installation) -> None:
    installation.latency(8)
    prompt = "Handed back on SIGTERM"
    report = installation.submit(prompt)
    installation.call_committed(report)
    holder = installation.step(report, "llm_call")["worker"]

    holding = installation.process(holder)
    assert holding
    os.kill(holding.pid, signal.SIGTERM)
    status = installation.finished(report)

    kinds = [event["kind"] for event in installation.events(report) if event.get("step") == "llm_call"]
    assert status["status"] == "done"
    assert kinds[1] == "attempt_handed_back"
    assert len(installation.billing_log(prompt)) == 1


def test_a_cancelled_report_stops_the_call_at_the_provider(installation: Installation) -> None:
    installation.latency(60)
    report = installation.submit("Cancelled by a person")
    installation.call_committed(report)

    answer = httpx.post(f"{installation.api}/api/workflows/{report}/cancel", timeout=60)
    status = installation.finished(report)
    installation.latency(2)

    assert answer.status_code == 202
    assert status["status"] == "cancelled"
    line = installation.billing_log("Cancelled by a person")[0]
    provider = httpx.get(f"{installation.up['simulator']}/v1/responses/{line['id']}", timeout=60).json()
    assert provider["status"] == "cancelled"


@pytest.mark.parametrize(("reattach", "code", "billed"), [("true", 0, 1), ("false", 1, 2)])
def test_the_demos_proof_holds_and_fails_without_reattaching(
    tmp_path: Path, reattach: str, code: int, billed: int
) -> None:
    command = [sys.executable, "-m", "durable_research", "demo", "--once", "--data", str(tmp_path), "--port", "0"]

    ended = subprocess.run(
        command,
        env={**os.environ, "DURABLE_RESEARCH_REATTACH": reattach},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert f"model calls billed  {billed}" in ended.stdout, ended.stdout + ended.stderr
    assert ended.returncode == code
    assert not (tmp_path / "up.json").exists()


def test_the_post_about_the_same_subject_is_the_nearest_one(installation: Installation) -> None:
    # Their own words: canned texts are more alike than their subjects are, and every report's is embedded within minutes.
    texts = {
        "Tidal energy harvesting at sea": "Tidal turbines harvest energy where currents pass a strait; barrages and lagoons "
        "harvest it from the height of the tide.",
        "Harvesting tidal energy": "Barrages, lagoons and tidal turbines in a strait harvest energy from currents and from "
        "the height of the tide.",
        "Bookbinding in the Middle Ages": "Monks sewed folded parchment onto cords and laced it into wooden boards.",
    }
    first, second, other = [
        installation.submit_with(pipeline="blog-post", prompt=f"ECHO: # {title}\n\n{text}", title=title)
        for title, text in texts.items()
    ]
    for post in (first, second, other):
        assert installation.finished(post)["status"] == "done"

    answer = httpx.get(f"{installation.api}/api/workflows/{first}/related", timeout=60).json()

    assert answer["related"][0]["workflow_id"] == second
    assert installation.status(first)["embedding_charges"] == {"settled": 1, "possible_extra": 0}


def test_the_command_line_submits_waits_and_saves_the_pdf(installation: Installation, tmp_path: Path) -> None:
    installation.latency(0.2)
    pdf = tmp_path / "report.pdf"
    command = [sys.executable, "-m", "durable_research", "submit", "What is a tide table?", "--wait", "--out", str(pdf)]

    ended = subprocess.run(
        [*command, "--server", installation.api], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert pdf.read_bytes().startswith(b"%PDF")


def test_the_command_line_lists_as_json(installation: Installation) -> None:
    report = installation.submit("Listed as JSON")
    installation.finished(report)
    command = [sys.executable, "-m", "durable_research", "list", "-o", "json", "--server", installation.api]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert report in {one["workflow_id"] for one in json.loads(ended.stdout)["workflows"]}


async def test_reconciliation_is_scheduled_every_minute(installation: Installation) -> None:
    client = await Client.connect(installation.up["temporal"])

    schedule = (await client.get_schedule_handle(names.RECONCILE_SCHEDULE).describe()).schedule

    assert [each.every for each in schedule.spec.intervals] == [timedelta(minutes=1)]
    assert not schedule.state.paused


def test_init_keeps_histories_for_thirty_days(installation: Installation, temporal_program: Path) -> None:
    command = [str(temporal_program), "operator", "namespace", "describe", "-n", "default", "-o", "json"]

    description = until(
        "the namespace",
        lambda: (
            subprocess.run(
                [*command, "--address", installation.up["temporal"]], capture_output=True, text=True, check=False
            ).stdout
        ),
    )

    assert json.loads(description)["config"]["workflowExecutionRetentionTtl"] == "2592000s"


def test_operators_find_reports_by_tenant_and_kind(installation: Installation, temporal_program: Path) -> None:
    installation.latency(0)
    report = installation.submit("Found by an operator")
    installation.finished(report)
    query = "ResearchTenant = 'default' AND ResearchKind = 'report'"
    command = [str(temporal_program), "workflow", "list", "--query", query, "--address", installation.up["temporal"]]

    def listed() -> bool:
        return report in subprocess.run(command, capture_output=True, text=True, check=False).stdout

    until("the report in Temporal's list", listed)
