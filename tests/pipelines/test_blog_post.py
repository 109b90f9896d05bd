"""A post is written, stored, embedded and posted once; a post that fails permanently or is cancelled leaves nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from durable_research import policies
from durable_research.adapters.database.tables import posts
from durable_research.adapters.notifiers.slack import SlackMessage, SlackNotifier
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import (
    InfrastructureDown,
    InvalidInput,
    InvalidState,
    NotificationRefused,
    StaleAttempt,
)
from durable_research.failpoints.reach import FAILPOINTS_VARIABLE, HITS_FILE
from durable_research.ports.vendors.notifiers import Notification
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness
from tests.pipelines.leftovers import NOTHING, WHOLE, left, undone

UNDOS = ["delete_message", "delete_embedding", "delete_post"]
Break = Callable[[Harness, str], None]


async def bug(*_: object) -> None:
    raise ValueError("a bug of ours")


def refuse_content(harness: Harness, title: str) -> None:
    harness.fault(title, fault="401", kind="model_call")


def refuse_message(harness: Harness, title: str) -> None:
    refused_titles.add(title)


refused_titles: set[str] = set()


@pytest.fixture(autouse=True)
def slack_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack refuses some titles permanently; the simulator's Slack is only ever busy or away, which is waited for."""
    original = SlackNotifier.prepare

    class Refused(SlackMessage):
        async def send(self, key: str, handle: str | None) -> str:
            raise NotificationRefused("slack answered is_archived (HTTP 200)")

    def prepare(self: SlackNotifier, notification: Notification) -> SlackMessage:
        message = original(self, notification)
        if notification.title in refused_titles:
            message.__class__ = Refused
        return message

    monkeypatch.setattr(SlackNotifier, "prepare", prepare)


async def post(harness: Harness, title: str, **more: Any) -> str:
    return await harness.submit(f"Write about {title}", "blog-post", title=title, **more)


async def title_of(harness: Harness, post_id: str) -> object:
    async with harness.database.one() as connection:
        return (await connection.execute(select(posts.c.title).where(posts.c.post_id == post_id))).scalar_one()


async def test_a_post_is_stored_embedded_and_posted_to_slack_once(harness: Harness) -> None:
    post_id = await post(harness, "Why bees dance")

    assert (await harness.finished(post_id))["status"] == "done"
    assert await left(harness, post_id) == WHOLE
    assert await title_of(harness, post_id) == "Why bees dance"


async def test_the_result_holds_the_posts_id_and_the_reference_of_its_text(harness: Harness) -> None:
    post_id = await post(harness, "What a result holds")
    await harness.finished(post_id)

    assert await harness.result(post_id) == {
        "workflow_id": post_id,
        "post_id": post_id,
        "status": "done",
        "texts": {"text": f"/api/workflows/{post_id}/texts/text"},
    }


async def test_nothing_is_posted_to_slack_when_the_request_disables_it(harness: Harness) -> None:
    post_id = await post(harness, "A quiet post", slack=False)

    assert (await harness.finished(post_id))["status"] == "done"
    assert await left(harness, post_id) == {**WHOLE, "messages": 0}


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [(refuse_content, UNDOS[2:]), (refuse_message, UNDOS)],
    ids=["generate_content", "post_to_slack"],
)
async def test_a_permanently_failed_step_leaves_nothing_stored(
    harness: Harness, quick_retries: None, break_it: Break, expected: list[str]
) -> None:
    title = f"Failing by {break_it.__name__}"
    break_it(harness, title)

    post_id = await post(harness, title)

    assert (await harness.finished(post_id))["status"] == "failed"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, expected)


async def test_an_embedding_that_fails_three_times_leaves_nothing_stored(
    harness: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.post.embedder.similarity, "store", bug)

    post_id = await post(harness, "A bug in embedding")

    assert (await harness.finished(post_id))["status"] == "failed"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, UNDOS[1:])
    assert (await harness.kinds(post_id, "create_embedding")).count("attempt_failed") == 3


async def test_a_post_row_that_cannot_be_stored_leaves_no_text(
    harness: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.post.posts, "store", bug)

    post_id = await post(harness, "A bug in storing")

    assert (await harness.finished(post_id))["status"] == "failed"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, ["delete_post"])


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Hold the first attempt that comes by the failpoint until it is cancelled."""
    monkeypatch.setenv("DURABLE_RESEARCH_DATA", str(tmp_path))

    def stop(point: str) -> None:
        monkeypatch.setenv(FAILPOINTS_VARIABLE, f"{point}=pause@1:600")

    return stop


async def until_held(folder: Path) -> None:
    log = folder / HITS_FILE
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (log.exists() and '"pause"' in log.read_text()):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("generate_content.begun", UNDOS[2:]),
        ("generate_content.sent", UNDOS[2:]),
        ("generate_content.settled", UNDOS[2:]),
        ("create_embedding.begun", UNDOS[1:]),
        ("create_embedding.accepted", UNDOS[1:]),
        ("create_embedding.stored", UNDOS[1:]),
        ("post_to_slack.begun", UNDOS),
        ("post_to_slack.accepted", UNDOS),
        ("post_to_slack.settled", UNDOS),
    ],
)
async def test_a_post_cancelled_at_any_failpoint_leaves_nothing_stored(
    harness: Harness, stop_at: Callable[[str], None], tmp_path: Path, point: str, expected: list[str]
) -> None:
    stop_at(point)
    post_id = await post(harness, f"Cancelled at {point}")
    await until_held(tmp_path)

    await harness.cancelling.cancel(post_id, LOCAL_CALLER)

    assert (await harness.finished(post_id))["status"] == "cancelled"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, expected)


@pytest.mark.parametrize("stored", [False, True])
async def test_a_post_cancelled_while_its_row_is_written_leaves_nothing_stored(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    original, reached = harness.post.posts.store, asyncio.Event()

    async def store_slowly(*arguments: Any) -> None:
        if stored:
            await original(*arguments)
        reached.set()
        await asyncio.sleep(600)

    monkeypatch.setattr(harness.post.posts, "store", store_slowly)
    post_id = await post(harness, f"Cancelled in storing, {stored}")
    await asyncio.wait_for(reached.wait(), PATIENCE_SECONDS)

    await harness.cancelling.cancel(post_id, LOCAL_CALLER)

    assert (await harness.finished(post_id))["status"] == "cancelled"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, ["delete_post"])


async def test_a_post_is_cancelled_even_when_its_worker_dies_meanwhile(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def hang(*_: object) -> None:
        reached.set()
        await asyncio.sleep(600)

    monkeypatch.setattr(harness.post.posts, "store", hang)
    # No heartbeat: the attempt never receives the cancellation, and Temporal takes its worker for dead.
    monkeypatch.setattr(policies, "HEARTBEAT_EVERY", timedelta(minutes=10))
    monkeypatch.setattr(policies, "HEARTBEAT_TIMEOUT", timedelta(seconds=3))
    post_id = await post(harness, "Cancelled and dead")
    await asyncio.wait_for(reached.wait(), PATIENCE_SECONDS)

    await harness.cancelling.cancel(post_id, LOCAL_CALLER)

    assert (await harness.finished(post_id))["status"] == "cancelled"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, ["delete_post"])


@pytest.mark.parametrize("what", ["posts", "similarity"])
async def test_a_write_of_a_frozen_worker_after_the_undo_is_refused(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    room = harness.post.posts if what == "posts" else harness.post.embedder.similarity
    original, reached, sleeping = room.store, asyncio.Event(), asyncio.Event()
    asleep: list[asyncio.Task[None]] = []

    async def once_awake(*arguments: Any) -> None:
        await sleeping.wait()
        await original(*arguments)

    async def freeze(*arguments: Any) -> None:
        asleep.append(asyncio.create_task(once_awake(*arguments)))
        reached.set()
        await asyncio.sleep(600)  # cancelled with its attempt, as a dead worker's is; the insert is still to come

    monkeypatch.setattr(room, "store", freeze)
    post_id = await post(harness, f"Frozen before {what}")
    await asyncio.wait_for(reached.wait(), PATIENCE_SECONDS)
    await harness.cancelling.cancel(post_id, LOCAL_CALLER)
    assert (await harness.finished(post_id))["status"] == "cancelled"

    sleeping.set()

    with pytest.raises(StaleAttempt):
        await asleep[0]
    assert await left(harness, post_id) == NOTHING


@pytest.mark.parametrize("undo", UNDOS)
async def test_a_cancellation_does_not_reach_an_undo(
    harness: Harness,
    quick_retries: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    undo: str,
) -> None:
    monkeypatch.setenv("DURABLE_RESEARCH_DATA", str(tmp_path))
    monkeypatch.setenv(FAILPOINTS_VARIABLE, f"{undo}.undo_begun=pause@1:2")
    title = f"Cancelled in {undo}"
    refuse_message(harness, title)
    post_id = await post(harness, title)
    await until_held(tmp_path)

    await harness.cancelling.cancel(post_id, LOCAL_CALLER)

    assert (await harness.finished(post_id))["status"] == "failed"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, UNDOS)


async def test_an_outage_does_not_use_up_an_undos_retries(
    harness: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, outages = harness.post.embedder.similarity.delete, [InfrastructureDown("away")] * 12

    async def away_for_a_while(*arguments: Any) -> None:
        if outages:
            raise outages.pop()
        await original(*arguments)

    monkeypatch.setattr(harness.post.embedder.similarity, "delete", away_for_a_while)
    refuse_message(harness, "An outage in the undo")
    post_id = await post(harness, "An outage in the undo")

    assert (await harness.finished(post_id))["status"] == "failed"
    assert await left(harness, post_id) == NOTHING


@pytest.fixture
async def stuck(harness: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A post whose second undo fails permanently."""
    with monkeypatch.context() as broken:
        broken.setattr(harness.post.embedder.similarity, "delete", bug)
        title = f"Stuck in an undo {id(monkeypatch)}"
        refuse_message(harness, title)
        post_id = await post(harness, title)
        await harness.until(post_id, "waiting_for_you")
    return post_id


async def test_a_permanently_failed_undo_waits_for_a_decision_and_lists_remaining_undos(
    harness: Harness, stuck: str
) -> None:
    status = await harness.status(stuck)

    assert status["asks"]["step"] == "delete_embedding"
    assert (status["asks"]["decisions"], status["asks"]["remaining_undos"]) == (["try_again"], UNDOS[1:])
    assert "“Undo: remove the embedding”, “Undo: remove the post”" in status["waits_for"]["what"]
    await harness.deciding.decide(stuck, LOCAL_CALLER, {"decision": "try_again"})
    await harness.finished(stuck)


async def test_a_post_lost_by_the_engine_during_its_undos_is_undone_completely(harness: Harness, stuck: str) -> None:
    await harness.forget(stuck)

    await harness.begin_again(stuck)

    assert (await harness.finished(stuck))["status"] == "failed"
    assert await left(harness, stuck) == NOTHING


async def test_a_cancelled_post_lost_by_the_engine_is_undone_completely(harness: Harness) -> None:
    title = "Cancelled, and lost"
    harness.fault(title, fault="500", kind="slack", times=50)
    post_id = await post(harness, title)
    await harness.until_step(post_id, "post_to_slack", "retrying")
    await harness.forget(post_id)
    await harness.workflows.request_cancel(post_id)

    await harness.begin_again(post_id)

    assert (await harness.finished(post_id))["status"] == "cancelled"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, UNDOS)


async def test_a_post_cancelled_while_its_lost_run_is_repeated_is_undone_completely(harness: Harness) -> None:
    title = "Told again, and cancelled"
    harness.fault(title, fault="500", kind="slack", times=50)
    post_id = await post(harness, title)
    await harness.until_step(post_id, "post_to_slack", "retrying")
    await harness.forget(post_id)
    await harness.stop_workers()
    await harness.begin_again(post_id)

    # No step has run again yet: Temporal receives the cancellation before the first step.
    await harness.cancelling.cancel(post_id, LOCAL_CALLER)
    await harness.start_workers()

    assert (await harness.finished(post_id))["status"] == "cancelled"
    assert (await left(harness, post_id), await undone(harness, post_id)) == (NOTHING, UNDOS)


async def test_a_cancelled_post_lost_after_the_removal_of_its_text_stays_cancelled(
    harness: Harness,
    quick_retries: None,
    monkeypatch: pytest.MonkeyPatch,
    stop_at: Callable[[str], None],
    tmp_path: Path,
) -> None:
    original = harness.post.writer.remove_all

    async def remove_and_fail(*arguments: Any) -> None:
        await original(*arguments)
        raise ValueError("a bug of ours")

    stop_at("post_to_slack.begun")
    with monkeypatch.context() as broken:
        broken.setattr(harness.post.writer, "remove_all", remove_and_fail)
        post_id = await post(harness, "Cancelled, removed and lost")
        await until_held(tmp_path)
        await harness.cancelling.cancel(post_id, LOCAL_CALLER)
        await harness.until(post_id, "waiting_for_you")
    await harness.forget(post_id)
    await harness.stop_workers()

    await harness.begin_again(post_id)
    await harness.start_workers()

    assert (await harness.finished(post_id))["status"] == "cancelled"
    assert await left(harness, post_id) == NOTHING


async def test_a_decision_to_try_again_completes_the_remaining_undos(harness: Harness, stuck: str) -> None:
    await harness.deciding.decide(stuck, LOCAL_CALLER, {"decision": "try_again"})

    assert (await harness.finished(stuck))["status"] == "failed"
    assert (await left(harness, stuck), await undone(harness, stuck)) == (NOTHING, UNDOS)


async def test_a_failed_undo_offers_no_decision_to_send_again(harness: Harness, stuck: str) -> None:
    with pytest.raises(InvalidInput, match="try_again"):
        await harness.deciding.decide(stuck, LOCAL_CALLER, {"decision": "send_again"})
    await harness.deciding.decide(stuck, LOCAL_CALLER, {"decision": "try_again"})
    await harness.finished(stuck)

    with pytest.raises(InvalidState):
        await harness.deciding.decide(stuck, LOCAL_CALLER, {"decision": "try_again"})
