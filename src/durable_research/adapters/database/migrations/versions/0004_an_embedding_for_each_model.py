"""A subject has an embedding of each model that embedded it: going back to an earlier model finds what it made."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Widen the key; the rows that stand fit it as they are."""
    op.drop_constraint("embeddings_pkey", "embeddings", type_="primary")
    op.create_primary_key("embeddings_pkey", "embeddings", ["subject_id", "model"])


def downgrade() -> None:
    """Narrow the key again, which leaves room for the newest of each subject."""
    op.execute(
        "DELETE FROM embeddings AS older USING embeddings AS newer WHERE older.subject_id = newer.subject_id"
        " AND (older.created_at, older.model) < (newer.created_at, newer.model)"
    )
    op.drop_constraint("embeddings_pkey", "embeddings", type_="primary")
    op.create_primary_key("embeddings_pkey", "embeddings", ["subject_id"])
