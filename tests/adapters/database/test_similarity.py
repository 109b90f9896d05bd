"""Related texts are the nearest of the same tenant, model and finished state; texts without an embedding are listed."""

import math
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.migrate import upgrade
from durable_research.adapters.database.rows.posts import PostgresPosts
from durable_research.adapters.database.rows.reports import PostgresReports
from durable_research.adapters.database.rows.similarity import PostgresSimilarity
from durable_research.domain.documents.text import TextReference
from durable_research.domain.errors import StaleAttempt
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.requests.report import DocumentReference, Report
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.progress import EngineAttempt
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.ports.database.posts import Post
from durable_research.ports.database.similarity import Subject
from durable_research.ports.vendors.embeddings import DIMENSIONS, Embedding
from tests.adapters.database.rows import accepted, attempt_of

OTHERS = 24


@pytest.fixture
def similarity(database: Database) -> PostgresSimilarity:
    return PostgresSimilarity(database)


@pytest.fixture
def tenant() -> str:
    """One of the test's own: a neighbour of another test would be one here too."""
    return secrets.token_hex(4)


def towards(degrees: float, model: str = "m", length: float = 1.0) -> Embedding:
    """A vector at this angle to the one of 0 degrees; its cost does not matter here."""
    turned = math.radians(degrees)
    return Embedding((length * math.cos(turned), length * math.sin(turned), *[0.0] * (DIMENSIONS - 2)), model, tokens=1)


def report_of(report_id: str, title: str = "As found", asked_at: datetime | None = None) -> Report:
    return Report(
        report_id=report_id,
        title=title,
        prompt="tides?",
        text=TextReference(key=f"default/{report_id}/a.md", sha256="a" * 64, size_bytes=1),
        pdf=DocumentReference(key="b.pdf", sha256="b" * 64, size_bytes=1, pages=1),
        model="m",
        provider="p",
        is_demo=True,
        usage=TokenUsage(),
        asked_at=asked_at or datetime.now(UTC),
    )


def post_of(post_id: str, title: str = "As written", asked_at: datetime | None = None) -> Post:
    text = TextReference(key=f"default/{post_id}/a.md", sha256="a" * 64, size_bytes=1)
    return Post(post_id, title, "tides?", None, text, "m", "p", True, TokenUsage(), asked_at or datetime.now(UTC))


async def test_neighbours_are_ordered_by_angle_whatever_the_vectors_length(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    subject_of_query, far, near, middle = [await accepted(database, Kind.POST, tenant, Status.DONE) for _ in range(4)]
    for subject, degrees, length in [(subject_of_query, 0, 1), (far, 90, 1), (near, 10, 7), (middle, 60, 0.1)]:
        await similarity.store(tenant, towards(degrees, length=length), attempt_of(subject))

    found = await similarity.nearest(WorkflowRef(subject_of_query, tenant), "m", 2)

    assert [(one.subject_id, round(one.similarity, 3)) for one in found] == [(near, 0.985), (middle, 0.5)]


async def test_related_reports_and_posts_are_shown_with_their_stored_titles(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    subject_of_query, partly = [
        await accepted(database, Kind.REPORT, tenant, status) for status in (Status.DONE, Status.PARTLY_DONE)
    ]
    report, post = [await accepted(database, kind, tenant, Status.DONE) for kind in (Kind.REPORT, Kind.POST)]
    await PostgresReports(database).store(report_of(report, "A report's own"), tenant, attempt_of(report))
    await PostgresPosts(database).store(post_of(post, "A post's own"), tenant, attempt_of(post))
    for degrees, subject in enumerate([subject_of_query, report, post, partly]):
        await similarity.store(tenant, towards(degrees), attempt_of(subject))

    found = [(one.kind, one.title) for one in await similarity.nearest(WorkflowRef(subject_of_query, tenant), "m", 10)]

    assert found == [(Kind.REPORT, "A report's own"), (Kind.POST, "A post's own"), (Kind.REPORT, "As asked for")]


@pytest.mark.parametrize("status", [None, Status.FAILED, Status.CANCELLED, Status.TERMINATED])
async def test_unfinished_workflows_are_not_related(
    similarity: PostgresSimilarity, database: Database, tenant: str, status: Status | None
) -> None:
    subject_of_query, other = (
        await accepted(database, Kind.POST, tenant),
        await accepted(database, Kind.POST, tenant, status),
    )
    for subject in (subject_of_query, other):
        await similarity.store(tenant, towards(0), attempt_of(subject))

    assert await similarity.nearest(WorkflowRef(subject_of_query, tenant), "m", 10) == []


async def test_embeddings_of_another_tenant_or_model_are_not_related(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    subject_of_query, of_other_tenant, older = [
        await accepted(database, Kind.POST, whose, Status.DONE) for whose in (tenant, f"not {tenant}", tenant)
    ]
    await similarity.store(tenant, towards(0), attempt_of(subject_of_query))
    await similarity.store(f"not {tenant}", towards(0), attempt_of(of_other_tenant))
    await similarity.store(tenant, towards(0, model="an older model"), attempt_of(older))

    assert await similarity.nearest(WorkflowRef(subject_of_query, tenant), "m", 10) == []


async def test_a_subject_without_embedding_or_of_another_tenant_has_no_neighbours(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    plain, embedded = [await accepted(database, Kind.POST, tenant, Status.DONE) for _ in range(2)]
    await similarity.store(tenant, towards(0), attempt_of(embedded))
    await similarity.store(
        "not " + tenant, towards(0), attempt_of(await accepted(database, Kind.POST, "not " + tenant, Status.DONE))
    )

    assert await similarity.nearest(WorkflowRef(plain, tenant), "m", 10) == []
    assert await similarity.nearest(WorkflowRef(embedded, f"not {tenant}"), "m", 10) == []


async def test_a_worker_frozen_since_before_the_undo_stores_no_embedding(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    subject_of_query, other = [await accepted(database, Kind.POST, tenant) for _ in range(2)]
    progress, engine = PostgresProgressLog(database), EngineAttempt("run", 1)
    await similarity.store(tenant, towards(0), attempt_of(subject_of_query))
    frozen = await progress.begin_attempt(other, "create_embedding", "worker-1@1", engine)
    await progress.begin_attempt(other, "delete_embedding", "worker-2@1", engine, undoes=True)

    with pytest.raises(StaleAttempt):
        await similarity.store(tenant, towards(10), frozen)

    await progress.close(other, Status.DONE, Closed())
    assert await similarity.nearest(WorkflowRef(subject_of_query, tenant), "m", 1) == []


async def test_an_embedding_is_replaced_by_a_newer_one_of_the_same_model(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    subject_of_query, other = [await accepted(database, Kind.POST, tenant, Status.DONE) for _ in range(2)]
    await similarity.store(tenant, towards(0), attempt_of(subject_of_query))
    await similarity.store(tenant, towards(90), attempt_of(other))

    await similarity.store(tenant, towards(60), attempt_of(other))

    found = await similarity.nearest(WorkflowRef(subject_of_query, tenant), "m", 10)
    assert [round(one.similarity, 3) for one in found] == [0.5]


async def test_embeddings_of_different_models_are_stored_side_by_side(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    subject_of_query, other = [await accepted(database, Kind.POST, tenant, Status.DONE) for _ in range(2)]
    for model, degrees in [("old", 60), ("new", 0)]:
        await similarity.store(tenant, towards(0, model), attempt_of(subject_of_query))
        await similarity.store(tenant, towards(degrees, model), attempt_of(other))

    found = {
        model: await similarity.nearest(WorkflowRef(subject_of_query, tenant), model, 10)
        for model in ("old", "new", "unknown")
    }

    shown = {model: [round(one.similarity, 3) for one in related] for model, related in found.items()}
    assert shown == {"old": [0.5], "new": [1.0], "unknown": []}
    assert [await similarity.has(WorkflowRef(other, tenant), model) for model in found] == [True, True, False]
    assert not await similarity.has(WorkflowRef(other, f"not {tenant}"), "old")


async def test_deleting_removes_every_models_embedding_and_deleting_again_is_no_error(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    other = await accepted(database, Kind.POST, tenant, Status.DONE)
    for model in ("old", "new"):
        await similarity.store(tenant, towards(0, model), attempt_of(other))

    await similarity.delete(WorkflowRef(other, f"not {tenant}"))
    before = [await similarity.has(WorkflowRef(other, tenant), model) for model in ("old", "new")]
    for _ in range(2):
        await similarity.delete(WorkflowRef(other, tenant))

    assert before == [True, True]
    assert [await similarity.has(WorkflowRef(other, tenant), model) for model in ("old", "new")] == [False, False]


@pytest.fixture
async def large(database_url: str) -> AsyncIterator[Database]:
    """A database that behaves as a large one would: the planner takes the vectors' index, which looks at few at a time.

    It is of the test's own, and so small that the index is exact.
    """
    name = f"large_{secrets.token_hex(4)}"
    server = database_url.rsplit("/", 1)[0]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        upgrade(f"{server}/{name}")
        for setting in ("enable_seqscan = off", "enable_sort = off", f"hnsw.ef_search = {OTHERS // 4}"):
            connection.execute(f"ALTER DATABASE {name} SET {setting}")
        database = Database(f"{server}/{name}")
        yield database
        await database.close()
        connection.execute(f"DROP DATABASE {name}")


async def test_a_neighbour_is_found_although_many_of_other_tenants_are_nearer(large: Database) -> None:
    similarity = PostgresSimilarity(large)
    subject_of_query, own = [await accepted(large, Kind.POST, "us", Status.DONE) for _ in range(2)]
    await similarity.store("us", towards(0), attempt_of(subject_of_query))
    await similarity.store("us", towards(80), attempt_of(own))
    for number in range(OTHERS):
        of_other_tenant = await accepted(large, Kind.POST, "them", Status.DONE)
        await similarity.store("them", towards(number), attempt_of(of_other_tenant))

    assert [one.subject_id for one in await similarity.nearest(WorkflowRef(subject_of_query, "us"), "m", 10)] == [own]


async def test_finished_texts_without_an_embedding_of_the_model_are_listed_newest_first(
    similarity: PostgresSimilarity, database: Database, tenant: str
) -> None:
    reports, posts, model = PostgresReports(database), PostgresPosts(database), f"model of {tenant}"
    known, older, newer, by_another, failed = [
        await accepted(database, Kind.REPORT, tenant, status) for status in [*[Status.DONE] * 4, None]
    ]
    post, embedded_post, unfinished = [
        await accepted(database, Kind.POST, tenant, status) for status in (Status.DONE, Status.DONE, None)
    ]
    # From a time of their own, so that other tests' texts are not among the newest.
    days = (datetime(2126, 1, 1, tzinfo=UTC) + timedelta(number) for number in count())
    for report in (known, older):
        await reports.store(report_of(report, asked_at=next(days)), tenant, attempt_of(report))
    for one in (post, embedded_post, unfinished):
        await posts.store(post_of(one, asked_at=next(days)), tenant, attempt_of(one))
    for report in (newer, by_another, failed):
        await reports.store(report_of(report, asked_at=next(days)), tenant, attempt_of(report))
    await PostgresProgressLog(database).close(failed, Status.FAILED, Closed())
    for subject, maker in [(known, model), (embedded_post, model), (by_another, "an older model")]:
        await similarity.store(tenant, towards(0, maker), attempt_of(subject))

    found = await similarity.subjects_without(model, 4)

    assert [one.workflow.workflow_id for one in found] == [by_another, newer, post, older]
    assert found[1] == Subject(
        WorkflowRef(newer, tenant),
        "As found",
        TextReference(key=f"default/{newer}/a.md", sha256="a" * 64, size_bytes=1),
    )
    assert found[2] == Subject(
        WorkflowRef(post, tenant),
        "As written",
        TextReference(key=f"default/{post}/a.md", sha256="a" * 64, size_bytes=1),
    )
    assert await similarity.subjects_without(model, 2) == found[:2]
