"""Objects that a post names are no orphans; the rest of the collector's specification is in tests/pipelines/test_orphans.py."""

from datetime import UTC, datetime, timedelta

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.named_objects import PostgresNamedObjects
from durable_research.adapters.database.rows.posts import PostgresPosts
from durable_research.domain.documents.text import TextReference
from durable_research.domain.ledger.effects import Effect, EffectKind, ProviderClass
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import AttemptCompleted, Closed, EventKind
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.ports.database.posts import Post
from tests.adapters.database.rows import accepted, attempt_of


async def test_a_posts_text_is_an_orphan_only_when_the_post_is_gone(database: Database) -> None:
    post_id = await accepted(database, Kind.POST, status=Status.DONE)
    key = f"default/{post_id}/text.md"
    posts, named = PostgresPosts(database), PostgresNamedObjects(database)
    text = TextReference(key=key, sha256="a" * 64, size_bytes=1)
    asked_at = datetime.now(UTC)
    await posts.store(
        Post(post_id, "Tides", "tides?", None, text, "m", "p", True, TokenUsage(), asked_at),
        "default",
        attempt_of(post_id),
    )

    orphans = await named.orphans({key: post_id, f"{key}.other": post_id}, timedelta(0))
    await posts.delete(WorkflowRef(post_id, "default"))
    left = await named.orphans({key: post_id}, timedelta(0))

    assert (orphans, left) == ({f"{key}.other"}, {key})


async def test_an_html_page_is_no_orphan_while_the_text_beside_it_is_named(database: Database) -> None:
    post_id = await accepted(database, Kind.POST, status=Status.DONE)
    page, other = (f"default/{post_id}/{name}.html" for name in ("text", "other"))
    text = TextReference(key=f"default/{post_id}/text.md", sha256="a" * 64, size_bytes=1)
    post = Post(post_id, "Tides", "tides?", None, text, "m", "p", True, TokenUsage(), datetime.now(UTC))
    await PostgresPosts(database).store(post, "default", attempt_of(post_id))

    assert await PostgresNamedObjects(database).orphans({page: post_id, other: post_id}, timedelta(0)) == {other}


async def test_objects_of_a_compensated_run_are_orphans(database: Database) -> None:
    cancelled_only, compensated, repeated = [await accepted(database) for _ in range(3)]
    keys = {f"default/{workflow_id}/text.md": workflow_id for workflow_id in (cancelled_only, compensated, repeated)}
    progress, engine = PostgresProgressLog(database), EngineAttempt("run", 1)
    for key, workflow_id in keys.items():
        attempt = await progress.begin_attempt(workflow_id, "generate_content", "worker-1@1", engine)
        await progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, AttemptCompleted(texts={"text": {"key": key}}))
    for workflow_id in (compensated, repeated):
        await progress.begin_attempt(workflow_id, "delete_embedding", "worker-1@1", engine, undoes=True)
    for workflow_id, status in [(cancelled_only, "cancelled"), (compensated, "cancelled"), (repeated, "done")]:
        await progress.close(workflow_id, Status(status), Closed())

    left = await PostgresNamedObjects(database).orphans(keys, timedelta(0))

    assert {keys[key] for key in left} == {compensated}


async def test_a_partial_answer_named_by_the_ledger_is_no_orphan(database: Database) -> None:
    report = await accepted(database)
    key = f"default/{report}/half.md"
    effect = Effect(
        WorkflowRef(report, "default"), "llm_call", EffectKind.MODEL_CALL, "openai", ProviderClass.NOTHING, {}
    )
    ledger = PostgresLedger(database)
    await ledger.claim(effect, 1)
    await ledger.store_unpublished(effect.key, 1, {"text": {"key": key}})
    await PostgresProgressLog(database).close(report, Status.FAILED, Closed())

    assert await PostgresNamedObjects(database).orphans({key: report, f"{key}.other": report}, timedelta(0)) == {
        f"{key}.other"
    }
