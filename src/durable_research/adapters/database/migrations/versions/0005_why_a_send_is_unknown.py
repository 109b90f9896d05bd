"""Why a send's fate is unknown, and since when; and the text of an answer that was paid for and is not published."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add empty columns: an older version's workers go on beside them."""
    op.add_column("effect_attempts", sa.Column("lost_at", sa.DateTime(timezone=True)))
    op.add_column("effect_attempts", sa.Column("failure", postgresql.JSONB()))
    op.add_column("effects", sa.Column("kept", postgresql.JSONB()))


def downgrade() -> None:
    """Drop them; how sends ended stays in their states."""
    op.drop_column("effects", "kept")
    op.drop_column("effect_attempts", "failure")
    op.drop_column("effect_attempts", "lost_at")
