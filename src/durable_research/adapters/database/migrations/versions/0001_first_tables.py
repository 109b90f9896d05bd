"""First tables: workflows, their log, the effect ledger, reports, workers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None

NOW = sa.text("clock_timestamp()")


def _time(name: str, *, now: bool = True, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=NOW if now else None)


def _text(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.Text, nullable=nullable)


def upgrade() -> None:
    """Create everything."""
    _create_workflows()
    _create_log()
    _create_ledger()
    _create_reports()


def _create_workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("workflow_id", sa.Text, primary_key=True),
        _text("kind"),
        _text("tenant"),
        _text("status"),
        _text("title"),
        sa.Column("input", JSONB, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False, server_default="0"),
        sa.Column("engine_started", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default="false"),
        _time("created_at"),
        _time("updated_at"),
    )
    op.create_index("workflows_newest", "workflows", ["tenant", "created_at", "workflow_id"])
    op.create_index("workflows_by_status", "workflows", ["status", "updated_at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        _text("fingerprint"),
        _text("workflow_id"),
        _time("created_at"),
    )


def _create_log() -> None:
    workflow = sa.ForeignKey("workflows.workflow_id", ondelete="CASCADE")
    op.create_table(
        "progress_events",
        sa.Column("workflow_id", sa.Text, workflow, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        _time("at"),
        _text("kind"),
        sa.Column("step", sa.Text, nullable=False, server_default=""),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("data", JSONB, nullable=False, server_default="{}"),
        sa.UniqueConstraint("workflow_id", "step", "attempt", "kind", name="progress_events_once"),
    )
    op.create_table(
        "drafts",
        sa.Column("workflow_id", sa.Text, sa.ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        _text("text"),
        _time("updated_at"),
    )


def _create_ledger() -> None:
    op.create_table(
        "effects",
        sa.Column("key", sa.Text, primary_key=True),
        _text("tenant"),
        _text("workflow_id"),
        _text("step"),
        _text("kind"),
        _text("provider"),
        _text("provider_class"),
        _text("fingerprint"),
        sa.Column("frozen", JSONB, nullable=False, server_default="{}"),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("possible_extra", sa.Integer, nullable=False, server_default="0"),
        sa.Column("result", JSONB),
        _time("created_at"),
        _time("settled_at", now=False, nullable=True),
    )
    op.create_index("effects_of_a_workflow", "effects", ["workflow_id"])
    op.create_table(
        "effect_attempts",
        sa.Column("key", sa.Text, sa.ForeignKey("effects.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("fence", sa.Integer, primary_key=True, autoincrement=False),
        _text("state"),
        _text("reference", nullable=True),
        _time("opened_at"),
        _time("closed_at", now=False, nullable=True),
    )


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("report_id", sa.Text, sa.ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
        _text("tenant"),
        _text("title"),
        _text("prompt"),
        _text("username", nullable=True),
        _text("language", nullable=True),
        _text("asked_title", nullable=True),
        _text("text_key"),
        _text("text_sha256"),
        sa.Column("text_bytes", sa.BigInteger, nullable=False),
        _text("pdf_key"),
        _text("pdf_sha256"),
        sa.Column("pdf_bytes", sa.BigInteger, nullable=False),
        sa.Column("pages", sa.Integer, nullable=False),
        _text("model"),
        _text("provider"),
        sa.Column("is_demo", sa.Boolean, nullable=False),
        sa.Column("input_tokens", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        _time("asked_at", now=False),
        _time("stored_at"),
    )
    op.create_index("reports_newest", "reports", ["tenant", "asked_at", "report_id"])
    op.create_table(
        "workers",
        sa.Column("identity", sa.Text, primary_key=True),
        _text("name"),
        sa.Column("pid", sa.Integer, nullable=False),
        _text("host"),
        sa.Column("queues", ARRAY(sa.Text), nullable=False),
        _time("seen_at"),
    )


def downgrade() -> None:
    """Drop everything."""
    for table in ("workers", "reports", "effect_attempts", "effects", "drafts", "progress_events"):
        op.drop_table(table)
    op.drop_table("idempotency_keys")
    op.drop_table("workflows")
