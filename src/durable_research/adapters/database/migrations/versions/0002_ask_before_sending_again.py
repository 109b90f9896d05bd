"""Sends keep the handle that they hang on, a person may grant a re-send, and doubtful sends are looked up later."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; sends of before have no handle and nothing granted."""
    op.add_column("effects", sa.Column("resend_granted", sa.Integer, nullable=False, server_default="0"))
    op.add_column("effect_attempts", sa.Column("anchor", sa.Text))
    op.add_column("effect_attempts", sa.Column("checked_at", sa.DateTime(timezone=True)))
    op.add_column("reports", sa.Column("tokens_estimated", sa.Boolean, nullable=False, server_default="false"))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("reports", "tokens_estimated")
    op.drop_column("effect_attempts", "checked_at")
    op.drop_column("effect_attempts", "anchor")
    op.drop_column("effects", "resend_granted")
