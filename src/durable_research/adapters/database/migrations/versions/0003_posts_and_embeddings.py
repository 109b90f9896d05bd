"""Posts, and the embeddings by which reports and posts find what is related to them."""

import sqlalchemy as sa
from alembic import op

from durable_research.adapters.database.vectors import Vector
from durable_research.domain.errors import InfrastructureDown

revision = "0003"
down_revision = "0002"

NOW = sa.text("clock_timestamp()")
# The first that goes on searching its index until enough rows pass the other conditions.
_OLDEST_PGVECTOR = (0, 8)


def upgrade() -> None:
    """Create both tables; reports of before get their embeddings later."""
    _require_vectors()
    _create_posts()
    _create_embeddings()


def _require_vectors() -> None:
    try:
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except sa.exc.DBAPIError as cause:
        if cause.connection_invalidated:
            raise
        raise InfrastructureDown(
            "the database has no extension `vector` and does not let us make it: have pgvector 0.8 or newer installed on "
            "its server, and CREATE EXTENSION vector run in this database by its administrator"
        ) from cause
    version = op.get_bind().scalar(sa.text("SELECT extversion FROM pg_extension WHERE extname = 'vector'"))
    if tuple(map(int, str(version).split(".")[:2])) < _OLDEST_PGVECTOR:
        raise InfrastructureDown(
            f"the database's extension `vector` is {version}, and 0.8 or newer is needed: have pgvector upgraded on its "
            "server, and ALTER EXTENSION vector UPDATE run in this database by its administrator"
        )


def _time(name: str, *, now: bool) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=NOW if now else None)


def _text(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.Text, nullable=nullable)


def _create_posts() -> None:
    op.create_table(
        "posts",
        sa.Column("post_id", sa.Text, sa.ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
        _text("tenant"),
        _text("title"),
        _text("prompt"),
        _text("language", nullable=True),
        _text("text_key"),
        _text("text_sha256"),
        sa.Column("text_bytes", sa.BigInteger, nullable=False),
        _text("model"),
        _text("provider"),
        sa.Column("is_demo", sa.Boolean, nullable=False),
        sa.Column("input_tokens", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        sa.Column("tokens_estimated", sa.Boolean, nullable=False, server_default="false"),
        _time("asked_at", now=False),
        _time("stored_at", now=True),
    )


def _create_embeddings() -> None:
    op.create_table(
        "embeddings",
        sa.Column("subject_id", sa.Text, sa.ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
        _text("tenant"),
        _text("model"),
        sa.Column("vector", Vector(256), nullable=False),
        _time("created_at", now=True),
    )
    op.create_index("embeddings_of_a_tenant", "embeddings", ["tenant", "model"])
    op.create_index(
        "embeddings_nearest",
        "embeddings",
        ["vector"],
        postgresql_using="hnsw",
        postgresql_ops={"vector": "vector_cosine_ops"},
    )


def downgrade() -> None:
    """Drop them; the extension stays, as it may be others' too."""
    op.drop_table("embeddings")
    op.drop_table("posts")
