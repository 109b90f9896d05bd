import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from durable_research.adapters.database import migrate
from durable_research.adapters.database.connection import Database, driver_url
from durable_research.adapters.database.tables import metadata
from durable_research.domain.errors import InfrastructureDown


def test_the_migrations_make_the_tables_that_the_code_names(database_url: str) -> None:
    engine = create_engine(driver_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})

        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert differences == []


def test_migrating_again_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)

    current, newest = migrate.versions(database_url)

    assert current == newest


async def test_a_database_out_of_reach_is_infrastructure_down() -> None:
    database = Database("postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(InfrastructureDown, match="the database does not answer"):
        await database.check()
    await database.close()
