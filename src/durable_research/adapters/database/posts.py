"""The Posts port on PostgreSQL."""

from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.events import LockedLog
from durable_research.adapters.database.tables import posts
from durable_research.domain.errors import NotFound
from durable_research.domain.progress import Attempt
from durable_research.domain.text import TextReference
from durable_research.domain.usage import TokenUsage
from durable_research.ports.posts import Post


def _post(row: "Row[*tuple[Any, ...]]") -> Post:
    return Post(
        post_id=row.post_id,
        title=row.title,
        prompt=row.prompt,
        language=row.language,
        text=TextReference(key=row.text_key, sha256=row.text_sha256, size_bytes=row.text_bytes),
        model=row.model,
        provider=row.provider,
        is_demo=row.is_demo,
        usage=TokenUsage(
            input_tokens=row.input_tokens, output_tokens=row.output_tokens, is_estimate=row.tokens_estimated
        ),
        asked_at=row.asked_at,
    )


class PostgresPosts:
    """One row for each finished post."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, post: Post, tenant: str, attempt: Attempt) -> None:
        """Insert the row while the attempt is open; a row that stands is left alone."""
        statement = insert(posts).values(
            post_id=post.post_id,
            tenant=tenant,
            title=post.title,
            prompt=post.prompt,
            language=post.language,
            text_key=post.text.key,
            text_sha256=post.text.sha256,
            text_bytes=post.text.size_bytes,
            model=post.model,
            provider=post.provider,
            is_demo=post.is_demo,
            input_tokens=post.usage.input_tokens,
            output_tokens=post.usage.output_tokens,
            tokens_estimated=post.usage.is_estimate,
            asked_at=post.asked_at,
        )
        async with self._database.begin() as connection:
            await (await LockedLog.lock(connection, attempt.workflow_id)).check_open(attempt)
            await connection.execute(statement.on_conflict_do_nothing(index_elements=["post_id"]))

    async def get(self, post_id: str, tenant: str) -> Post:
        """Read one of this tenant's."""
        query = select(posts).where(posts.c.post_id == post_id, posts.c.tenant == tenant)
        async with self._database.one() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("there is no such post")
        return _post(row)

    async def delete(self, post_id: str, tenant: str) -> None:
        """Remove one of this tenant's."""
        async with self._database.one() as connection:
            await connection.execute(delete(posts).where(posts.c.post_id == post_id, posts.c.tenant == tenant))
