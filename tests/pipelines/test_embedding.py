"""Reports and posts are found by subject, also after the embedding model was changed, and changed back."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from durable_research import policies
from durable_research.adapters.models.openai_embeddings import OpenAIEmbeddings
from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import StaleAttempt
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.effects.embedding import LateEmbedder
from durable_research.effects.runner import EffectRunner
from durable_research.pipelines.reconcile.passes.embed_late import EmbedLate
from durable_research.ports.clock import Clock
from durable_research.ports.database.similarity import Subject
from durable_research.ports.vendors.embeddings import Embedding
from tests.pipelines.conftest import Harness
from tests.pipelines.leftovers import NOTHING, WHOLE, left

FIRST, OTHER = "simulator-embedding", "simulator-embedding-2"
Only = Callable[..., None]


@pytest.fixture
def only(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Only:
    """Let reconciliation see these texts alone, in this order: other tests leave theirs."""
    similarity = harness.post.embedder.similarity
    without = similarity.subjects_without

    def limit_to(*ids: str) -> None:
        async def these(model: str, limit: int) -> Sequence[Subject]:
            found = {one.workflow.workflow_id: one for one in await without(model, 10_000)}
            return [found[one] for one in ids if one in found][:limit]

        monkeypatch.setattr(similarity, "subjects_without", these)

    return limit_to


@pytest.fixture
async def change_model(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[str], None]]:
    """Configure another model, as by OPENAI_EMBEDDING_MODEL and a restart of the workers."""
    first = harness.post.embedder.model
    other = OpenAIEmbeddings(
        deadlines=policies.CALL_DEADLINES,
        base_url=f"{harness.servers.up['simulator']}/v1",
        api_key="k",
        model=OTHER,
        provider="simulator",
    )

    def change(model: str) -> None:
        monkeypatch.setattr(harness.post.embedder, "model", {FIRST: first, OTHER: other}[model])

    yield change
    await other.close()


def late_embedder(harness: Harness, now: Clock) -> LateEmbedder:
    """As reconciliation has it, and of the test's own: it remembers refusals."""
    return LateEmbedder(
        harness.post.embedder,
        lambda attempt: EffectRunner(harness.ledger, harness.progress, attempt, lambda: False),
        now,
    )


@pytest.fixture
def late(harness: Harness) -> LateEmbedder:
    return late_embedder(harness, lambda: datetime.now(UTC))


async def post(harness: Harness, title: str) -> str:
    post_id = await harness.submit(f"Write about {title}", "blog-post", title=title)
    assert (await harness.finished(post_id))["status"] == "done"
    return post_id


async def report(harness: Harness, title: str) -> str:
    report_id = await harness.submit(f"What about {title}?", title=title)
    assert (await harness.finished(report_id))["status"] == "done"
    return report_id


async def related(harness: Harness, subject: str, model: str) -> list[str]:
    return [
        one.subject_id
        for one in await harness.post.embedder.similarity.nearest(WorkflowRef(subject, "default"), model, 1000)
    ]


async def remove_embeddings(harness: Harness, subject: str) -> None:
    """By hand, in the database: our code never removes a finished text's embedding."""
    async with harness.database.one() as connection:
        await connection.execute(text("DELETE FROM embeddings WHERE subject_id = :id"), {"id": subject})


def bought(harness: Harness, title: str) -> list[str]:
    """The models that the provider was paid for embedding this."""
    return [line["model"] for line in harness.servers.billing_log(title, kind="embedding")]


async def test_related_texts_are_ordered_by_subject(harness: Harness) -> None:
    near, far, subject_of_query = [
        await post(harness, title)
        for title in ("Harvesting tidal energy", "Medieval bookbinding", "Tidal energy harvesting at sea")
    ]

    found = await related(harness, subject_of_query, FIRST)

    assert found.index(near) < found.index(far)


async def test_reconciliation_embeds_a_finished_report(harness: Harness, only: Only) -> None:
    title = "How glaciers carve fjords"
    glaciers = await report(harness, title)
    only(glaciers)

    assert [await harness.pass_of(EmbedLate).embed_missing() for _ in range(2)] == [1, 0]
    assert glaciers in await related(harness, await post(harness, "Fjords carved by glaciers"), FIRST)
    assert bought(harness, title) == [FIRST]


async def test_after_a_model_change_reports_and_posts_are_embedded_by_the_new_model(
    harness: Harness, only: Only, late: LateEmbedder, change_model: Callable[[str], None]
) -> None:
    old_report, old_post = await report(harness, "Salt in the sea"), await post(harness, "The sea is salty")
    only(old_report, old_post)
    await late.embed_missing()

    change_model(OTHER)

    assert [await late.embed_missing() for _ in range(2)] == [2, 0]
    assert old_report in await related(harness, old_post, OTHER)
    assert bought(harness, "The sea is salty") == [FIRST, OTHER]


async def test_changing_the_model_back_reuses_the_old_embeddings(
    harness: Harness, only: Only, late: LateEmbedder, change_model: Callable[[str], None]
) -> None:
    old_report, old_post = await report(harness, "Rust on iron ships"), await post(harness, "Iron ships that rust")
    only(old_report, old_post)

    done = []
    for model in (FIRST, OTHER, FIRST):
        change_model(model)
        done.append(await late.embed_missing())

    assert done == [1, 2, 0]
    assert old_report in await related(harness, old_post, FIRST)
    assert bought(harness, "Rust on iron ships") == [FIRST, OTHER]


async def test_a_deleted_embedding_is_bought_again(harness: Harness, only: Only, late: LateEmbedder) -> None:
    title = "Removed by hand from the rows"
    removed = await post(harness, title)
    only(removed)
    await remove_embeddings(harness, removed)

    assert [await late.embed_missing() for _ in range(2)] == [1, 0]
    assert bought(harness, title) == [FIRST, FIRST]
    assert (await harness.status(removed))["embedding_charges"] == {"settled": 2, "possible_extra": 0}


async def test_an_embedding_deleted_repeatedly_is_given_up_and_delays_no_other(
    harness: Harness, only: Only, late: LateEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "Removed as soon as it is there"
    vanishing, other = await report(harness, title), await report(harness, "One that comes after it")
    only(vanishing, other)
    store = harness.post.embedder.similarity.store

    async def store_and_lose(tenant: str, embedding: Embedding, attempt: Attempt) -> None:
        await store(tenant, embedding, attempt)
        if attempt.workflow_id == vanishing:
            await remove_embeddings(harness, attempt.workflow_id)

    monkeypatch.setattr(harness.post.embedder.similarity, "store", store_and_lose)

    assert [await late.embed_missing() for _ in range(2)] == [1, 0]
    assert len(bought(harness, title)) == 3


async def test_a_pass_with_a_stale_list_buys_nothing_again(
    harness: Harness, only: Only, late: LateEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "Listed long ago"
    listed = await report(harness, title)
    only(listed)
    old = await harness.post.embedder.similarity.subjects_without(FIRST, 1)
    await late.embed_missing()

    async def old_list(model: str, limit: int) -> Sequence[Subject]:
        return old

    monkeypatch.setattr(harness.post.embedder.similarity, "subjects_without", old_list)
    await late.embed_missing()

    assert bought(harness, title) == [FIRST]


async def test_the_status_counts_charges_of_embeddings_and_model_calls_separately(harness: Harness) -> None:
    status = await harness.status(await post(harness, "One call and one embedding"))

    assert status["charges"] == {"settled": 1, "possible_extra": 0}
    assert status["embedding_charges"] == {"settled": 1, "possible_extra": 0}


async def test_an_embedding_without_an_answer_counts_as_a_possible_extra_charge(
    harness: Harness, quick_retries: None
) -> None:
    title = "Embedded and the line was cut"
    harness.fault(title, fault="cut", kind="embedding")

    status = await harness.status(await post(harness, title))

    assert bought(harness, title) == [FIRST, FIRST]
    assert status["embedding_charges"] == {"settled": 1, "possible_extra": 1}


async def test_a_post_is_stored_without_an_embedding_while_embeddings_are_off(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.post.embedder, "model", None)
    post_id = await post(harness, "Nothing to compare it with")

    step = harness.step(await harness.status(post_id), "create_embedding")

    assert (step["state"], step["left_out"], step["attempt"]) == ("left_out", "embeddings are off", 1)
    assert await left(harness, post_id) == {**WHOLE, "embeddings": 0}
    assert bought(harness, "Nothing to compare it with") == []


async def test_texts_made_while_embeddings_were_off_are_embedded_once_they_are_on(
    harness: Harness, only: Only, late: LateEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as off:
        off.setattr(harness.post.embedder, "model", None)
        old_post, old_report = await post(harness, "Written in the dark"), await report(harness, "Asked in the dark")
        only(old_post, old_report)
        assert await late.embed_missing() == 0

    assert await late.embed_missing() == 2
    assert old_post in await related(harness, old_report, FIRST)


async def refused(harness: Harness, title: str) -> str:
    """A post whose embedding was refused, and which waits for a decision."""
    harness.fault(title, fault="401", kind="embedding")
    post_id = await harness.submit(f"Write about {title}", "blog-post", title=title)
    pending = (await harness.until(post_id, "waiting_for_you"))["asks"]
    assert (pending["step"], pending["decisions"]) == ("create_embedding", ["try_again", "go_without", "give_up"])
    return post_id


async def test_the_decision_to_try_again_repeats_a_refused_embedding(harness: Harness) -> None:
    post_id = await refused(harness, "Refused and tried again")

    harness.servers.clear_faults()
    await harness.deciding.decide(post_id, LOCAL_CALLER, {"decision": "try_again"})

    assert (await harness.finished(post_id))["status"] == "done"
    assert await left(harness, post_id) == WHOLE


async def test_the_decision_to_go_without_stores_the_post_without_a_refused_embedding(
    harness: Harness, only: Only, late: LateEmbedder
) -> None:
    post_id = await refused(harness, "Refused and gone without")

    await harness.deciding.decide(post_id, LOCAL_CALLER, {"decision": "go_without"})
    status = await harness.finished(post_id)

    step = harness.step(status, "create_embedding")
    assert (status["status"], step["state"]) == ("done", "left_out")
    assert step["left_out"] == "a person decided to go on without it"
    assert await left(harness, post_id) == {**WHOLE, "embeddings": 0}
    harness.servers.clear_faults()
    only(post_id)
    assert await late.embed_missing() == 1


async def test_the_decision_to_give_up_undoes_a_post_with_a_refused_embedding(harness: Harness) -> None:
    post_id = await refused(harness, "Refused and given up")

    await harness.deciding.decide(post_id, LOCAL_CALLER, {"decision": "give_up"})
    status = await harness.finished(post_id)

    assert (status["status"], status["error"]["code"]) == ("failed", "model_refused")
    assert await left(harness, post_id) == NOTHING


async def test_the_end_of_the_wait_for_an_embedding_offers_the_same_decisions(
    harness_with_short_wait: Harness, quick_retries: None
) -> None:
    title = "Embedded by nobody for now"
    harness_with_short_wait.fault(title, fault="429", kind="embedding", times=9999)
    post_id = await harness_with_short_wait.submit(f"Write about {title}", "blog-post", title=title)
    status = await harness_with_short_wait.until(post_id, "waiting_for_you")
    assert status["asks"]["decisions"] == ["try_again", "go_without", "give_up"]

    harness_with_short_wait.servers.clear_faults()
    await harness_with_short_wait.deciding.decide(post_id, LOCAL_CALLER, {"decision": "try_again"})

    assert (await harness_with_short_wait.finished(post_id))["status"] == "done"
    assert await left(harness_with_short_wait, post_id) == WHOLE


async def test_an_embedding_taken_over_by_another_pass_is_left_to_it(
    harness: Harness, only: Only, late: LateEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "Tried by two passes at once"
    only(await report(harness, title))
    original, overtaken = harness.ledger.open_send, [StaleAttempt("attempt 2 has taken over")]

    async def open_send(*arguments: Any, **more: Any) -> None:
        if overtaken:
            raise overtaken.pop()
        await original(*arguments, **more)

    monkeypatch.setattr(harness.ledger, "open_send", open_send)

    assert [await late.embed_missing() for _ in range(3)] == [0, 1, 0]
    assert bought(harness, title) == [FIRST]


async def test_after_a_refused_embedding_the_pass_pauses_for_an_hour(
    harness: Harness, only: Only, late: LateEmbedder
) -> None:
    refused, waiting = await report(harness, "Nobody embeds this"), await report(harness, "Somebody would embed this")
    only(refused, waiting)
    harness.fault("Nobody embeds this", fault="401", kind="embedding")

    assert [await late.embed_missing() for _ in range(2)] == [0, 0]
    assert bought(harness, "Nobody embeds this") + bought(harness, "Somebody would embed this") == []
