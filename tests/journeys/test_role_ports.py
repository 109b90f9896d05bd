"""Every process of an installation answers metrics and probes on a port of its own."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest
from temporalio.worker import Worker

from durable_research import queues
from durable_research.settings.settings import load
from durable_research.telemetry.exposition import families
from durable_research.telemetry.metric import Role
from durable_research.telemetry.metrics import METRICS, QUEUE_BACKLOG, QUEUE_BACKLOG_AGE, QUEUE_POLLERS
from durable_research.worker.process import WorkerOptions, run_worker
from tests.installation import PATIENCE_SECONDS, Installation
from tests.measured import series
from tests.programs import free_port, promtool

EVERY_PROCESS = pytest.mark.parametrize("name", ["api", "worker-1", "worker-2"])


def role_port(installation: Installation, name: str, path: str) -> httpx.Response:
    return httpx.get(f"{installation.running.role_ports[name]}{path}", timeout=60)


@EVERY_PROCESS
async def test_every_process_is_alive_and_ready(installation: Installation, name: str) -> None:
    # A database that answers late, as on a busy machine, is a reason not to be ready for a moment.
    async with asyncio.timeout(PATIENCE_SECONDS):
        for path in ("/livez", "/readyz"):
            while (await asyncio.to_thread(role_port, installation, name, path)).status_code != 200:
                await asyncio.sleep(0.1)


async def test_the_api_exports_what_waits_in_every_queue(installation: Installation) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            text = (await asyncio.to_thread(role_port, installation, "api", "/metrics")).content
            pollers = series(text, QUEUE_POLLERS)
            if len(pollers) == 2 * len(queues.QUEUES) and sum(pollers.values()) >= len(queues.QUEUES):
                break
            await asyncio.sleep(0.2)

    assert set(series(text, QUEUE_BACKLOG)) == set(series(text, QUEUE_BACKLOG_AGE)) == set(pollers)


@EVERY_PROCESS
def test_every_process_exports_the_metrics_of_its_role(installation: Installation, name: str) -> None:
    role = Role.API if name == "api" else Role.WORKER

    found = families(role_port(installation, name, "/metrics").content)

    assert found >= {metric.name for metric in METRICS if role in metric.roles and not metric.of_sdk}
    assert ("temporal_worker_start_total" in found) == (role is Role.WORKER)


def test_promtool_finds_nothing_to_complain_about(installation: Installation) -> None:
    """After a report and a post, so that most metrics have series; the SDK's are checked with ours."""
    installation.finished(installation.submit("What does promtool say?"))
    installation.finished(installation.submit_with(pipeline="blog-post", prompt="What does it say of posts?"))

    for name in ("api", "worker-1", "worker-2"):
        text = role_port(installation, name, "/metrics").content
        checked = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True, check=False)

        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b""), name
    assert b"durable_research_workflows_accepted_total" in role_port(installation, "api", "/metrics").content


async def test_a_worker_is_not_ready_before_it_stops_polling(
    servers: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", servers.up["temporal"])
    url = f"http://127.0.0.1:{free_port()}"
    seen: list[tuple[int, str]] = []
    shutdown = Worker.shutdown

    async def noted(worker: Worker) -> None:
        seen.append(await probe(url))
        await shutdown(worker)

    monkeypatch.setattr(Worker, "shutdown", noted)
    settings = load(
        database_url=servers.up["database"],
        object_store_url=tmp_path.as_uri(),
        openai_api_key="k",
        metrics_address=url.removeprefix("http://"),
    )
    # A queue without workflows: this worker must take nothing of the other tests.
    running = asyncio.create_task(run_worker(settings, WorkerOptions("drainer", (queues.NOTIFICATIONS,))))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await probe(url))[0] != 200:
                assert not running.done()
                await asyncio.sleep(0.05)
            os.kill(os.getpid(), signal.SIGTERM)
            await running
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)

    assert seen[0] == (503, "the process is draining")


async def probe(url: str) -> tuple[int, str]:
    """The status of /readyz and its reason; 0 while nothing listens there."""
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"{url}/readyz", timeout=60)
        except httpx.TransportError:
            return 0, ""
    return answer.status_code, answer.json().get("detail", "")
