"""Every query of every panel finds data in a real Prometheus that scrapes a real installation, after a campaign."""

import math
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from temporalio.service import RPCError

from deploy.monitoring.dashboards.builders.catalogue import BOARDS
from deploy.monitoring.dashboards.builders.grafana import DEPLOYED
from deploy.monitoring.dashboards.builders.panels import WINDOW, Board
from durable_research.experiments.evidence.installation import NotInTime
from durable_research.experiments.evidence.own_installation import OwnInstallation
from tests.programs import free_port

# At the installation's factor it is scraped each second. A busy machine scrapes more rarely, and this still holds several.
_WINDOW_SECONDS = 30
# What cannot have data here, by a part of its query, and why. Panels with an exporter of their own come besides.
WITHOUT_DATA = {
    "temporal_workflow_task_execution_failed_total": "only code that does not fit its Event History makes it",
}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OwnInstallation, float]]:
    """An installation on which everything has happened that panels show, and when it began.

    Tests wait for what is refreshed or reported by itself: our gauges each 15 seconds, the server's backlogs each minute.
    """
    begun = time.time()
    killed = {"DURABLE_RESEARCH_FAILPOINTS": "llm_call.accepted=kill@1"}
    data = tmp_path_factory.mktemp("watched")
    with OwnInstallation(data, None, killed, free_port, extras=("prometheus",), factor=60) as installation:
        _cause_everything(installation)
        yield installation, begun


def _cause_everything(installation: OwnInstallation) -> None:
    for fault in (
        {"match": "Busy for a moment", "fault": "429", "retry_after": 1, "times": 1},
        {"match": "Busy for long", "fault": "429", "retry_after": 30, "times": 1000},
        {"match": "Refused", "fault": "401", "kind": "model_call"},
        {"match": "Summarise this text:", "fault": "401", "kind": "model_call"},
    ):
        installation.simulator("faults", fault)
    ending = [
        installation.submit("Its worker dies"),
        installation.submit("Busy for a moment"),
        installation.submit("Refused"),
        installation.submit_with(pipeline="blog-post", prompt="A post"),
        installation.submit_with(pipeline="ai-processing", prompt="Undone"),
    ]
    installation.submit("Busy for long")
    installation.submit_with(prompt="Waits for a person", approval="before_pdf")
    for workflow in ending:
        installation.finished(workflow)
    with pytest.raises(RPCError, match="not found"):  # an error for Temporal's server to count
        installation.fire("no-such-schedule")


@pytest.mark.parametrize("board", BOARDS, ids=[board.name for board in BOARDS])
def test_every_query_of_a_dashboard_finds_data(campaign: tuple[OwnInstallation, float], board: Board) -> None:
    installation, begun = campaign
    waiting = {query.promql for panel in board.panels if not panel.exporter for query in panel.queries}
    waiting = {query for query in waiting if not any(part in query for part in WITHOUT_DATA)} | {DEPLOYED}

    def all_found() -> bool:
        waiting.difference_update([query for query in sorted(waiting) if _values(installation, query, begun)])
        return not waiting

    try:
        installation.until("data of every query", all_found)
    except NotInTime:
        assert waiting == set(), "these found none"


def _values(installation: OwnInstallation, query: str, begun: float) -> list[float]:
    """All values that the panel would have drawn since the beginning: what was there for a moment counts."""
    asked: dict[str, str | float] = {
        "query": query.replace(WINDOW, f"{_WINDOW_SECONDS}s"),
        "start": begun,
        "end": time.time(),
        "step": 5,
    }
    answer = httpx.get(f"{installation.running.prometheus}/api/v1/query_range", params=asked, timeout=60)
    answer.raise_for_status()
    series: list[dict[str, Any]] = answer.json()["data"]["result"]
    values = [float(value) for one in series for _, value in one["values"]]
    return [value for value in values if not math.isnan(value)]
