"""`up --with prometheus`: a real Prometheus scrapes every process of the installation and evaluates our rules."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from durable_research.experiments.evidence.own_installation import OwnInstallation
from durable_research.monitoring.catalogue import ALERTS, GROUPS
from durable_research.monitoring.jobs import API, TEMPORAL, WORKER
from tests.monitoring.runbooks import blocks
from tests.programs import free_port

TOKEN = "only-for-prometheus"


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnInstallation]:
    """At a factor, so that every rule is evaluated within seconds; with a token, which Prometheus must send."""
    data, token = tmp_path_factory.mktemp("monitored"), {"DURABLE_RESEARCH_METRICS_TOKEN": TOKEN}
    with OwnInstallation(data, None, token, free_port, extras=("prometheus",), factor=60) as installation:
        yield installation


def ask(installation: OwnInstallation, path: str, **parameters: str) -> Any:
    answer = httpx.get(f"{installation.running.prometheus}/api/v1/{path}", params=parameters, timeout=60)
    answer.raise_for_status()
    return answer.json()["data"]


def test_every_process_is_scraped(monitored: OwnInstallation) -> None:
    def all_up() -> set[tuple[str, str]] | None:
        targets = ask(monitored, "targets")["activeTargets"]
        found = {(one["labels"]["job"], one["labels"]["instance"]) for one in targets if one["health"] == "up"}
        return found if len(found) == len(targets) else None

    assert monitored.until("every target to be up", all_up) == {
        (API, "api"),
        (WORKER, "worker-1"),
        (WORKER, "worker-2"),
        (TEMPORAL, "temporal"),
    }


def test_every_rule_is_evaluated_without_an_error(monitored: OwnInstallation) -> None:
    monitored.finished(monitored.submit("Which rules read this?"))

    def evaluated() -> list[dict[str, Any]] | None:
        rules = [rule for group in ask(monitored, "rules")["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

    rules = monitored.until("every rule to be evaluated", evaluated)

    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []
    assert len(rules) == sum(len(group.rules) for group in GROUPS)
    assert {rule["name"] for rule in rules if rule["type"] == "alerting"} == {alert.name for alert in ALERTS}


@pytest.mark.parametrize(
    "series",
    [
        'temporal_num_pollers{job="durable-research-worker",task_queue="documents",poller_type="activity_task"} > 0',
        'temporal_worker_task_slots_available{job="durable-research-worker",task_queue="research"} > 0',
        'temporal_activity_schedule_to_start_latency_seconds_bucket{job="durable-research-worker",task_queue="research"}',
        'temporal_workflow_task_schedule_to_start_latency_seconds_count{job="durable-research-worker"}',
        'temporal_request_latency_seconds_bucket{job="durable-research-worker",operation="RespondActivityTaskCompleted"}',
        'durable_research_workflow_processing_seconds_bucket{outcome="done",le="600.0"}',
        'durable_research_workflows_ended_total{kind="report",outcome="done"}',
        'durable_research_attempts_ended_total{step="llm_call",outcome="completed"}',
        'durable_research_http_requests_total{status=~"2.."}',
        'service_requests{job="durable-research-temporal",namespace="default"}',
    ],
)
def test_series_have_the_labels_that_rules_select(monitored: OwnInstallation, series: str) -> None:
    monitored.finished(monitored.submit("Which series does this make?"))

    assert monitored.until(series, lambda: ask(monitored, "query", query=series)["result"])


@pytest.mark.parametrize("query", blocks("promql"))
def test_queries_of_runbooks_are_evaluated(monitored: OwnInstallation, query: str) -> None:
    assert ask(monitored, "query", query=query)["resultType"] == "vector"


@pytest.mark.parametrize("line", blocks("sh"))
def test_commands_of_runbooks_that_only_read_succeed(
    monitored: OwnInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monitored.finished(monitored.submit("What do the runbooks show?"))
    (tmp_path / "data").symlink_to(monitored.data)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    done = subprocess.run(shlex.split(line), cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_charts_of_the_page_are_from_this_prometheus(monitored: OwnInstallation) -> None:
    def drawn() -> bool:
        """With two scrapes of every process around the end of a report."""
        monitored.finished(monitored.submit("What do the charts show?"))
        body = httpx.get(f"{monitored.api}/api/metrics?range=1h", timeout=60).json()
        with_lines = {chart["name"] for chart in body["charts"] if chart["lines"]}
        # Nothing fails; on a busy machine an attempt may be lost and tried again.
        return body["source"] == "prometheus" and with_lines >= {
            "throughput", "duration", "waits", "queues", "workers", "effects",
        }  # fmt: skip

    monitored.until("every chart that has something to show", drawn)


def test_a_killed_prometheus_starts_again_with_its_data(monitored: OwnInstallation) -> None:
    since = "min_over_time(timestamp(up{job='durable-research-api'})[1h:1s])"
    before = monitored.until("a sample", lambda: ask(monitored, "query", query=since)["result"])[0]["value"][1]

    killed = monitored.kill("prometheus")

    def restarted() -> bool:
        now = monitored.process("prometheus")
        return now is not None and now.pid != killed and _answers(monitored)

    monitored.until("Prometheus to answer again", restarted)
    assert ask(monitored, "query", query=since)["result"][0]["value"][1] == before


def _answers(installation: OwnInstallation) -> bool:
    try:
        return httpx.get(f"{installation.running.prometheus}/-/ready", timeout=60).status_code == 200
    except httpx.TransportError:
        return False
