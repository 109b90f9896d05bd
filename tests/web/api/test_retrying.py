"""Trying now what waits, over HTTP and on its page."""

import re

from quart.testing import QuartClient

from durable_research.domain.workflows.progress import EventKind
from durable_research.ports.engine.engine import EngineView, PendingStep
from tests.fakes import START
from tests.web.house import House
from tests.web.pages.test_pages import page, post


async def retrying(house: House) -> str:
    """A report whose first step waits for its next try."""
    report_id = await house.asked()
    attempt = await house.step(report_id, "llm_call")
    data = {"final": False, "retry_in_seconds": 60, "error": {"code": "rate_limited", "detail": "busy"}}
    await house.world.progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, data)
    house.world.engine.views[report_id] = EngineView("running", (PendingStep("llm_call", None, START),))
    return report_id


async def test_what_waits_is_tried_now(client: QuartClient, house: House) -> None:
    report_id = await retrying(house)

    answer = await client.post(f"/api/workflows/{report_id}/retry")

    assert (answer.status_code, await answer.get_json()) == (202, {"workflow_id": report_id, "steps": ["llm_call"]})


async def test_where_nothing_waits_it_is_refused(client: QuartClient, house: House) -> None:
    answer = await client.post(f"/api/workflows/{await house.asked()}/retry")

    assert (answer.status_code, (await answer.get_json())["code"]) == (409, "invalid_state")


async def test_there_is_nothing_to_say_with_it(client: QuartClient, house: House) -> None:
    answer = await client.post(f"/api/workflows/{await retrying(house)}/retry", json={"now": True})

    assert answer.status_code == 422


async def test_the_page_offers_it_while_a_step_waits(client: QuartClient, house: House) -> None:
    report_id = await retrying(house)
    waiting = await page(client, f"/reports/{report_id}")
    other = await page(client, f"/reports/{await house.asked()}")

    status, location, _ = await post(client, f"/reports/{report_id}/retry")

    assert re.search(r'data-part="retry">', waiting)
    assert re.search(r'; next try <time datetime="[^"]+" data-countdown>at \d\d:\d\d:\d\d UTC</time>', waiting)
    assert re.search(r'data-part="retry" hidden>', other)
    assert (status, location) == (303, f"/reports/{report_id}")
