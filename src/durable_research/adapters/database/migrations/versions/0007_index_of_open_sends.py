"""An index of the sends that have no outcome yet, which operators' metrics count every few seconds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the index; it holds a few rows of a large table."""
    op.create_index("sends_open", "effect_attempts", ["opened_at"], postgresql_where=sa.text("state = 'open'"))


def downgrade() -> None:
    """Drop it."""
    op.drop_index("sends_open", "effect_attempts")
