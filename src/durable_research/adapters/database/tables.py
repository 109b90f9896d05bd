"""The tables, once. Migrations create them; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from durable_research.adapters.database.vectors import Vector
from durable_research.ports.vendors.embeddings import DIMENSIONS

metadata = MetaData()
_NOW = text("clock_timestamp()")


def _time(name: str, **options: object) -> "Column[object]":
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]  # options are Column's own


workflows = Table(
    "workflows",
    metadata,
    Column("workflow_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("input", JSONB, nullable=False),
    Column("last_seq", Integer, nullable=False, server_default="0"),
    Column("engine_started", Boolean, nullable=False, server_default="false"),
    Column("cancel_requested", Boolean, nullable=False, server_default="false"),
    Column("resumption", Integer, nullable=False, server_default="0"),
    Column("traceparent", Text),
    _time("created_at", nullable=False, server_default=_NOW),
    _time("updated_at", nullable=False, server_default=_NOW),
    Index("workflows_newest", "tenant", "created_at", "workflow_id"),
    Index("workflows_by_status", "status", "updated_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    _time("created_at", nullable=False, server_default=_NOW),
)

progress_events = Table(
    "progress_events",
    metadata,
    Column("workflow_id", Text, ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    _time("at", nullable=False, server_default=_NOW),
    Column("kind", Text, nullable=False),
    Column("step", Text, nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("data", JSONB, nullable=False, server_default="{}"),
    UniqueConstraint("workflow_id", "step", "attempt", "kind", name="progress_events_once"),
    # Rows lie in the order of their times, so that a few pages of a BRIN index find a range of them.
    Index("progress_events_by_time", "at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
)

drafts = Table(
    "drafts",
    metadata,
    Column("workflow_id", Text, ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
    Column("step", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    _time("updated_at", nullable=False, server_default=_NOW),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_class", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("frozen", JSONB, nullable=False, server_default="{}"),
    Column("fence", Integer, nullable=False),
    Column("possible_extra", Integer, nullable=False, server_default="0"),
    Column("resend_granted", Integer, nullable=False, server_default="0"),
    Column("result", JSONB),
    Column("kept", JSONB),
    _time("created_at", nullable=False, server_default=_NOW),
    _time("settled_at"),
    Index("effects_of_a_workflow", "workflow_id"),
)

effect_attempts = Table(
    "effect_attempts",
    metadata,
    Column("key", Text, ForeignKey("effects.key", ondelete="CASCADE"), primary_key=True),
    Column("fence", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reference", Text),
    Column("anchor", Text, key="handle"),  # the send's handle; the schema has an older word
    _time("opened_at", nullable=False, server_default=_NOW),
    _time("closed_at"),
    _time("checked_at"),
    _time("lost_at"),
    Column("failure", JSONB),
    Index("sends_open", "opened_at", postgresql_where=text("state = 'open'")),
    Index("effect_attempts_by_time", "opened_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
)

reports = Table(
    "reports",
    metadata,
    Column("report_id", Text, ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("username", Text),
    Column("language", Text),
    Column("asked_title", Text),
    Column("text_key", Text, nullable=False),
    Column("text_sha256", Text, nullable=False),
    Column("text_bytes", BigInteger, nullable=False),
    Column("pdf_key", Text, nullable=False),
    Column("pdf_sha256", Text, nullable=False),
    Column("pdf_bytes", BigInteger, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("tokens_estimated", Boolean, nullable=False, server_default="false"),
    _time("asked_at", nullable=False),
    _time("stored_at", nullable=False, server_default=_NOW),
    Index("reports_newest", "tenant", "asked_at", "report_id"),
)

posts = Table(
    "posts",
    metadata,
    Column("post_id", Text, ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("language", Text),
    Column("text_key", Text, nullable=False),
    Column("text_sha256", Text, nullable=False),
    Column("text_bytes", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("tokens_estimated", Boolean, nullable=False, server_default="false"),
    _time("asked_at", nullable=False),
    _time("stored_at", nullable=False, server_default=_NOW),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("subject_id", Text, ForeignKey("workflows.workflow_id", ondelete="CASCADE"), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("model", Text, primary_key=True),
    Column("vector", Vector(DIMENSIONS), nullable=False),
    _time("created_at", nullable=False, server_default=_NOW),
    # The planner scans a small tenant's rows in full; for others it uses the index.
    Index("embeddings_of_a_tenant", "tenant", "model"),
    Index("embeddings_nearest", "vector", postgresql_using="hnsw", postgresql_ops={"vector": "vector_cosine_ops"}),
)

workers = Table(
    "workers",
    metadata,
    Column("identity", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("queues", ARRAY(Text), nullable=False),
    _time("seen_at", nullable=False, server_default=_NOW),
    Column("build", Text, nullable=False, server_default=""),
    Column("slots", JSONB, nullable=False, server_default="{}"),
)
