"""The trace to which a workflow belongs, for whichever process starts it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the `traceparent` of the request that was accepted; none where traces were off. Older programs never read it."""
    op.add_column("workflows", sa.Column("traceparent", sa.Text()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("workflows", "traceparent")
