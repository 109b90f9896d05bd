from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.posts import PostgresPosts
from durable_research.adapters.database.tables import posts as table
from durable_research.domain.documents.text import TextReference
from durable_research.domain.errors import StaleAttempt
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.ports.database.posts import Post
from tests.adapters.database.rows import accepted, attempt_of


@pytest.fixture
def posts(database: Database) -> PostgresPosts:
    return PostgresPosts(database)


@pytest.fixture
async def made(database: Database) -> Post:
    return Post(
        post_id=await accepted(database),
        title="Tides",
        prompt="tides?",
        language="en",
        text=TextReference(key="default/post/a.md", sha256="a" * 64, size_bytes=1),
        model="m",
        provider="simulator",
        is_demo=True,
        usage=TokenUsage.estimate("read", "written"),
        asked_at=datetime.now(UTC),
    )


async def stored(database: Database, post: Post) -> list[dict[str, Any]]:
    """The rows of this post, without the time of storing."""
    async with database.one() as connection:
        rows = await connection.execute(select(table).where(table.c.post_id == post.post_id))
        return [{name: value for name, value in row.items() if name != "stored_at"} for row in rows.mappings()]


async def test_a_post_that_was_stored_and_not_acknowledged_is_stored_again_unchanged(
    posts: PostgresPosts, made: Post, database: Database
) -> None:
    await posts.store(made, "default", attempt_of(made.post_id))

    await posts.store(replace(made, title="Another"), "default", attempt_of(made.post_id))

    assert await stored(database, made) == [
        {
            "post_id": made.post_id,
            "tenant": "default",
            "title": "Tides",
            "prompt": "tides?",
            "language": "en",
            "text_key": "default/post/a.md",
            "text_sha256": "a" * 64,
            "text_bytes": 1,
            "model": "m",
            "provider": "simulator",
            "is_demo": True,
            "input_tokens": 1,
            "output_tokens": 2,
            "tokens_estimated": True,
            "asked_at": made.asked_at,
        }
    ]


async def test_a_worker_frozen_since_before_the_undo_stores_no_post(
    posts: PostgresPosts, database: Database, made: Post
) -> None:
    progress, engine = PostgresProgressLog(database), EngineAttempt("run", 1)
    frozen = await progress.begin_attempt(made.post_id, "store_post", "worker-1@1", engine)
    await progress.begin_attempt(made.post_id, "delete_post", "worker-2@1", engine, undoes=True)

    with pytest.raises(StaleAttempt):
        await posts.store(made, "default", frozen)

    assert await stored(database, made) == []


async def test_deleting_a_post_twice_is_no_error(posts: PostgresPosts, made: Post, database: Database) -> None:
    await posts.store(made, "default", attempt_of(made.post_id))

    for _ in range(2):
        await posts.delete(WorkflowRef(made.post_id, "default"))

    assert await stored(database, made) == []


async def test_another_tenants_post_is_not_deleted(posts: PostgresPosts, made: Post, database: Database) -> None:
    await posts.store(made, "default", attempt_of(made.post_id))

    await posts.delete(WorkflowRef(made.post_id, "other"))

    assert len(await stored(database, made)) == 1
