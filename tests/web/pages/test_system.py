"""The operators' page and its JSON: every part by itself, also while another one is away or hangs."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from quart.testing import QuartClient

from durable_research.domain.workflows.workflow import Kind
from durable_research.pipelines.reconcile.messages import Reconciled
from durable_research.ports.database.overview import WorkItem, WorkList, WorkState
from durable_research.ports.engine.overview import ReconciliationRun
from durable_research.ports.engine.queues import QueueState, TaskType
from durable_research.web.pages.system import PASSES
from tests.fakes import START
from tests.web.harness import AWAY_SECONDS, BUILD, Harness
from tests.web.pages.test_pages import SCRIPT, page
from tests.web.system_fakes import CURRENT, NEWEST

REPORT = "report-01kb3v8m2q7x0c5d9e4f6g8h1j"


async def system(client: QuartClient) -> dict[str, Any]:
    response = await client.get("/api/system")
    assert response.status_code == 200
    return dict(await response.get_json())


def words_of(text: str) -> str:
    """The page as a reader has it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


async def test_a_system_where_all_is_well_says_so(client: QuartClient, harness: Harness) -> None:
    await harness.worker()

    text = await page(client, "/system")

    assert "Everything answers." in text
    assert "Look at this first" not in text


async def test_a_worker_is_shown_with_queues_slots_build_and_last_beat(client: QuartClient, harness: Harness) -> None:
    await harness.worker()

    (worker,) = (await system(client))["workers"]["workers"]

    assert worker == {
        "name": "worker-1",
        "identity": "worker-1@7",
        "host": "here",
        "pid": 7,
        "queues": ["research"],
        "slots": {"research": 50},
        "build": BUILD,
        "seen_at": START.isoformat(),
        "silent_seconds": 0.5,
        "live": True,
    }
    assert f"worker-1 ● 0.5 s ago research 50 {BUILD} 7 on here" in words_of(await page(client, "/system"))


async def test_a_dead_worker_is_named_until_its_name_lives_again(client: QuartClient, harness: Harness) -> None:
    await harness.worker("worker-1")
    await harness.worker("worker-2")
    harness.world.workers.dead["worker-2@7"] = 65.0

    text = await page(client, "/system")

    assert "Worker worker-2 died and has not come back." in text
    assert "1 min 05 s ago: dead" in words_of(text)
    assert "1 worker<" in text
    row = replace(harness.world.workers.workers["worker-2@7"], identity="worker-2@8")
    await harness.world.workers.heartbeat(row)
    assert "has not come back" not in await page(client, "/system")


async def test_a_worker_with_other_code_is_pointed_out(client: QuartClient, harness: Harness) -> None:
    await harness.worker("worker-1", build="0.1.0+00000000")

    assert "Not every worker runs the same code as this API." in await page(client, "/system")


async def test_queues_are_shown_with_backlog_age_and_pollers(client: QuartClient, harness: Harness) -> None:
    harness.world.queues.states = (QueueState("documents", TaskType.ACTIVITY, 3, 61.25, 2),)

    text = words_of(await page(client, "/system"))

    assert "documents activity 3 1 min 01 s 2" in text
    assert (await system(client))["queues"]["queues"] == [
        {"queue": "documents", "task_type": "activity", "backlog": 3, "oldest_seconds": 61.2, "pollers": 2}
    ]


@pytest.mark.parametrize("state", WorkState)
async def test_the_oldest_work_of_each_state_is_linked_and_its_title_escaped(
    client: QuartClient, harness: Harness, state: WorkState
) -> None:
    item = WorkItem(REPORT, Kind.REPORT, SCRIPT, START, "model_busy")
    harness.world.overview.found[state] = WorkList(7, (item,))

    text = await page(client, "/system")
    listed = (await system(client))["work"][state]

    assert f'<a href="/reports/{REPORT}">&lt;script&gt;' in text
    assert SCRIPT not in text
    assert (listed["number"], listed["oldest"][0]["page_url"]) == (7, f"/reports/{REPORT}")


async def test_the_latest_reconciliation_is_shown_pass_by_pass(client: QuartClient, harness: Harness) -> None:
    result = {"passes": {"left_behind": {"done": 2, "left": 1}}}
    harness.world.engine_overview.latest = ReconciliationRun(START, "completed", START + timedelta(seconds=1), result)

    assert "Closed sends that were left open 2 1" in words_of(await page(client, "/system"))
    assert (await system(client))["reconciliation"]["run"] == {
        "due_at": "2026-08-01T12:00:00+00:00",
        "ended_at": "2026-08-01T12:00:01+00:00",
        "status": "completed",
        "passes": {"left_behind": {"done": 2, "left": 1}},
    }


async def test_a_result_of_an_earlier_release_has_no_passes(client: QuartClient, harness: Harness) -> None:
    harness.world.engine_overview.latest = ReconciliationRun(START, "failed", START, {})

    assert (await system(client))["reconciliation"]["run"]["passes"] == {}
    assert "Failed" in words_of(await page(client, "/system"))


async def test_an_old_schema_is_pointed_out(client: QuartClient, harness: Harness) -> None:
    harness.world.overview.current = replace(CURRENT, schema="0006")

    assert f"schema is 0006, and this code&#39;s newest is {NEWEST}" in await page(client, "/system")


def _database_away(harness: Harness) -> None:
    harness.world.database.is_away = True


def _engine_away(harness: Harness) -> None:
    harness.world.engine.is_away = True


def _engine_hangs(harness: Harness) -> None:
    harness.world.queues.engine = harness.world.engine_overview.engine = harness.world.provider
    harness.world.provider.hangs = True


@pytest.mark.parametrize(
    ("break_it", "away", "sentence"),
    [
        (_database_away, {"workers", "work"}, "the database does not answer"),
        (_engine_away, {"queues", "reconciliation"}, "the temporal does not answer"),
        (_engine_hangs, {"queues", "reconciliation"}, f"no answer within {AWAY_SECONDS:g} s"),
    ],
)
async def test_a_part_that_is_away_is_a_sentence_and_the_others_are_shown(
    client: QuartClient, harness: Harness, break_it: Callable[[Harness], None], away: set[str], sentence: str
) -> None:
    await harness.worker()
    break_it(harness)

    body = await system(client)
    text = await page(client, "/system")

    parts = ("workers", "queues", "work", "reconciliation")
    assert {part: body[part]["problem"] for part in parts if body[part]["problem"]} == dict.fromkeys(away, sentence)
    assert text.count(f"This cannot be read now: {sentence}.") == len(away)
    assert "Everything answers." not in text


async def test_the_last_error_of_a_dependency_stays_after_it_has_come_back(
    client: QuartClient, harness: Harness
) -> None:
    harness.world.provider.is_away = True
    await system(client)
    harness.world.provider.is_away = False

    provider = (await system(client))["dependencies"][-1]

    assert (provider["name"], provider["problem"]) == ("provider", None)
    assert (provider["last_error"], provider["last_error_at"]) == ("the provider does not answer", START.isoformat())


def test_every_pass_of_reconciliation_has_words() -> None:
    assert set(PASSES) == set(Reconciled.model_fields) - {"passes"}
