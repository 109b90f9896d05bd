import secrets
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from durable_research.adapters.database import migrate
from durable_research.adapters.database.connection import Database, driver_url
from durable_research.adapters.database.tables import metadata
from durable_research.domain.errors import InfrastructureDown
from durable_research.ports.vendors.embeddings import DIMENSIONS


def test_the_migrations_make_the_tables_that_the_code_names(database_url: str) -> None:
    engine = create_engine(driver_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})

        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert differences == []


def test_the_migrations_make_the_primary_keys_that_the_code_names(database_url: str) -> None:
    # Alembic's comparison overlooks them.
    engine = create_engine(driver_url(database_url))
    made = {name: inspect(engine).get_pk_constraint(name)["constrained_columns"] for name in metadata.tables}
    engine.dispose()

    assert made == {name: list(table.primary_key.columns.keys()) for name, table in metadata.tables.items()}


def test_migrating_again_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)

    current, newest = migrate.versions(database_url)

    assert current == newest


async def test_an_unreachable_database_raises_infrastructure_down() -> None:
    database = Database("postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(InfrastructureDown, match="the database does not answer"):
        await database.check()
    await database.close()


@pytest.fixture
def new_database(database_url: str) -> Iterator[str]:
    """An empty one, that belongs to a user without special rights; the URL is that user's."""
    name = f"new_{secrets.token_hex(4)}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        connection.execute(f"CREATE DATABASE {name} OWNER {name}")
        where = connection.info
        yield f"postgresql://{name}:{name}@{where.host}:{where.port}/{name}"
        connection.execute(f"DROP DATABASE {name}")
        connection.execute(f"DROP ROLE {name}")


def as_administrator(database_url: str, new_database: str, *statements: str) -> None:
    name = new_database.rsplit("/", 1)[1]
    with psycopg.connect(f"{database_url.rsplit('/', 1)[0]}/{name}", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_migrating_without_the_right_to_create_the_vector_extension_says_what_to_do(new_database: str) -> None:
    with pytest.raises(InfrastructureDown, match="CREATE EXTENSION vector run in this database by its administrator"):
        migrate.upgrade(new_database)


def test_migrating_needs_no_special_rights_once_the_vector_extension_exists(
    database_url: str, new_database: str
) -> None:
    as_administrator(database_url, new_database, "CREATE EXTENSION vector")

    migrate.upgrade(new_database)

    current, newest = migrate.versions(new_database)
    assert current == newest


def test_a_vector_extension_that_is_too_old_is_refused_with_the_version_needed(
    database_url: str, new_database: str
) -> None:
    pretend = "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'"
    as_administrator(database_url, new_database, "CREATE EXTENSION vector", pretend)

    with pytest.raises(InfrastructureDown, match=r"is 0\.7\.4, and 0\.8 or newer is needed"):
        migrate.upgrade(new_database)


@pytest.fixture
def old_schema(database_url: str, new_database: str) -> Iterator[psycopg.Connection]:
    """A database of the schema with one embedding per subject, holding one of the post `p`."""
    as_administrator(database_url, new_database, "CREATE EXTENSION vector")
    command.upgrade(migrate._config(new_database), "0003")
    with psycopg.connect(new_database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO workflows (workflow_id, kind, tenant, status, title, input)"
            " VALUES ('p', 'post', 'default', 'done', 'Tides', '{}')"
        )
        embed(connection, "old", minutes_ago=2)
        yield connection


def embed(connection: psycopg.Connection, model: str, *, minutes_ago: int) -> None:
    connection.execute(
        "INSERT INTO embeddings VALUES ('p', 'default', %s, %s::vector, now() - make_interval(mins => %s))",
        (model, str([1] * DIMENSIONS), minutes_ago),
    )


def test_an_upgrade_keeps_all_embeddings_and_a_downgrade_the_newest_of_each_subject(
    old_schema: psycopg.Connection, new_database: str
) -> None:
    def models() -> list[str]:
        rows = old_schema.execute("SELECT model FROM embeddings ORDER BY created_at")
        return [model for (model,) in rows]

    migrate.upgrade(new_database)
    embed(old_schema, "newest", minutes_ago=0)
    embed(old_schema, "between", minutes_ago=1)
    after = models()
    command.downgrade(migrate._config(new_database), "0003")

    assert (after, models()) == (["old", "between", "newest"], ["newest"])
