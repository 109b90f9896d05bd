"""The Posts port on PostgreSQL."""

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.events import LockedLog
from durable_research.adapters.database.rows.text_columns import columns_of
from durable_research.adapters.database.rows.workflows import titled_as
from durable_research.adapters.database.tables import posts
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.ports.database.posts import Post


class PostgresPosts:
    """One row for each finished post."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, post: Post, tenant: str, attempt: Attempt) -> None:
        """Insert the row while the attempt is open; an existing row stays as it is."""
        statement = insert(posts).values(
            post_id=post.post_id,
            tenant=tenant,
            title=post.title,
            prompt=post.prompt,
            language=post.language,
            model=post.model,
            provider=post.provider,
            is_demo=post.is_demo,
            asked_at=post.asked_at,
            **columns_of(post.text, post.usage),
        )
        async with self._database.begin() as connection:
            await LockedLog.lock_open_attempt(connection, attempt)
            await connection.execute(statement.on_conflict_do_nothing(index_elements=["post_id"]))
            await connection.execute(titled_as(posts.c.post_id, post.post_id))

    async def delete(self, post: WorkflowRef) -> None:
        async with self._database.one() as connection:
            await connection.execute(
                delete(posts).where(posts.c.post_id == post.workflow_id, posts.c.tenant == post.tenant)
            )
