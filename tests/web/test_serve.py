"""What the API's readiness asks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from durable_research.web.serve import database_check
from tests.installation import PATIENCE_SECONDS
from tests.web.harness import Harness


async def test_the_api_is_ready_while_its_database_answers(harness: Harness) -> None:
    check = database_check(harness.operations)

    async with asyncio.timeout(PATIENCE_SECONDS):  # on a busy machine an answer may come late, which is none
        while await asyncio.to_thread(check) is not None:
            pass

    harness.world.database.is_away = True
    assert await asyncio.to_thread(check) == "the database does not answer"


async def test_an_event_loop_that_hangs_is_no_answer(harness: Harness) -> None:
    with ThreadPoolExecutor() as threads:
        reason = threads.submit(database_check(harness.operations)).result(60)  # the loop stands still meanwhile

    assert reason == "the database does not answer"
