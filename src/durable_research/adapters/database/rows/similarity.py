"""The Similarity port on PostgreSQL with pgvector."""

from collections.abc import Sequence

from sqlalchemy import Float, bindparam, delete, exists, func, select, union_all
from sqlalchemy.dialects.postgresql import insert

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.events import LockedLog
from durable_research.adapters.database.rows.text_columns import text_of
from durable_research.adapters.database.tables import embeddings, posts, reports, workflows
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.ports.database.similarity import Related, Subject
from durable_research.ports.vendors.embeddings import Embedding

_FINISHED = workflows.c.status.in_([str(Status.DONE), str(Status.PARTLY_DONE)])

# Built once, like the statements of `events.py`.
_subject = embeddings.alias("mine")
_is_subject = (
    _subject.c.subject_id == bindparam("of_subject"),
    _subject.c.tenant == bindparam("of_tenant"),
    _subject.c.model == bindparam("of_model"),
)
_subject_vector = select(_subject.c.vector).where(*_is_subject).scalar_subquery()
_is_embedded = exists().where(*_is_subject)
_HAS = select(_is_embedded)
_distance = embeddings.c.vector.op("<=>", return_type=Float())(_subject_vector)
_NEAREST = (
    select(
        embeddings.c.subject_id,
        workflows.c.kind,
        # The report's or post's own title may be better than the requested one.
        func.coalesce(reports.c.title, posts.c.title, workflows.c.title).label("title"),
        (1 - _distance).label("similarity"),
    )
    .join(workflows, workflows.c.workflow_id == embeddings.c.subject_id)
    .outerjoin(reports, reports.c.report_id == embeddings.c.subject_id)
    .outerjoin(posts, posts.c.post_id == embeddings.c.subject_id)
    .where(
        _is_embedded,
        embeddings.c.tenant == bindparam("of_tenant"),
        embeddings.c.model == bindparam("of_model"),
        embeddings.c.subject_id != bindparam("of_subject"),
        _FINISHED,
    )
    .order_by(_distance)
    .limit(bindparam("at_most"))
)
_OF_A_TEXT = ("title", "text_key", "text_sha256", "text_bytes", "asked_at")
_embedded_by_it = exists().where(
    embeddings.c.subject_id == workflows.c.workflow_id, embeddings.c.model == bindparam("of_model")
)
_texts = union_all(
    *(
        select(made_by.label("workflow_id"), *(made_by.table.c[name] for name in _OF_A_TEXT))
        for made_by in (reports.c.report_id, posts.c.post_id)
    )
).subquery("texts")
_WITHOUT = (
    select(workflows.c.tenant, _texts)
    .join(workflows, workflows.c.workflow_id == _texts.c.workflow_id)
    .where(_FINISHED, ~_embedded_by_it)
    .order_by(_texts.c.asked_at.desc(), _texts.c.workflow_id.desc())
    .limit(bindparam("at_most"))
)


class PostgresSimilarity:
    """One row for each report or post and each model that embedded it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, tenant: str, embedding: Embedding, attempt: Attempt) -> None:
        """Insert or replace the row while the attempt is open."""
        statement = insert(embeddings).values(
            subject_id=attempt.workflow_id, tenant=tenant, model=embedding.model, vector=embedding.vector
        )
        statement = statement.on_conflict_do_update(
            index_elements=["subject_id", "model"],
            set_={"vector": statement.excluded.vector, "created_at": func.clock_timestamp()},
            where=embeddings.c.tenant == tenant,
        )
        async with self._database.begin() as connection:
            await LockedLog.lock_open_attempt(connection, attempt)
            await connection.execute(statement)

    async def has(self, subject: WorkflowRef, model: str) -> bool:
        parameters = {"of_subject": subject.workflow_id, "of_tenant": subject.tenant, "of_model": model}
        async with self._database.one() as connection:
            return bool((await connection.execute(_HAS, parameters)).scalar_one())

    async def delete(self, subject: WorkflowRef) -> None:
        """Remove those of one of this tenant's."""
        statement = delete(embeddings).where(
            embeddings.c.subject_id == subject.workflow_id, embeddings.c.tenant == subject.tenant
        )
        async with self._database.one() as connection:
            await connection.execute(statement)

    async def nearest(self, subject: WorkflowRef, model: str, limit: int) -> Sequence[Related]:
        """List finished neighbours by cosine similarity."""
        parameters = {
            "of_subject": subject.workflow_id,
            "of_tenant": subject.tenant,
            "of_model": model,
            "at_most": limit,
        }
        async with self._database.one() as connection:
            rows = (await connection.execute(_NEAREST, parameters)).all()
        return [Related(row.subject_id, Kind(row.kind), row.title, row.similarity) for row in rows]

    async def subjects_without(self, model: str, limit: int) -> Sequence[Subject]:
        """List finished reports and posts that this model has not embedded."""
        async with self._database.one() as connection:
            rows = (await connection.execute(_WITHOUT, {"of_model": model, "at_most": limit})).all()
        return [Subject(WorkflowRef(row.workflow_id, row.tenant), row.title, text_of(row)) for row in rows]
