"""Which code a worker runs, and how many steps at once, for operators."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns, empty: an older version's workers go on beside them."""
    op.add_column("workers", sa.Column("build", sa.Text(), nullable=False, server_default=""))
    op.add_column("workers", sa.Column("slots", JSONB(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("workers", "slots")
    op.drop_column("workers", "build")
