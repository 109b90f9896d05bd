"""How often a workflow has been resumed after it had ended."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the number, 0 for all that there are. Older workers know of no resumption: they are stopped first."""
    op.add_column("workflows", sa.Column("resumption", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it; the events of resuming stay in the log."""
    op.drop_column("workflows", "resumption")
