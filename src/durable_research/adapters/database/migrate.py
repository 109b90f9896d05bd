"""Migrating the database's schema to the newest version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from durable_research.adapters.database.connection import CONNECT_SECONDS, driver_url
from durable_research.domain.errors import InfrastructureDown


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", driver_url(url).replace("%", "%%"))
    return config


def upgrade(url: str) -> None:
    """Apply the missing migrations; a second migrator waits for the first.

    Raises:
        InfrastructureDown: the database does not answer.
    """
    try:
        command.upgrade(_config(url), "head")
    except OperationalError as cause:
        raise InfrastructureDown("the database does not answer") from cause


def versions(url: str) -> tuple[str | None, str | None]:
    """Read the database's version and the newest one."""
    engine = create_engine(driver_url(url), connect_args={"connect_timeout": CONNECT_SECONDS})
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as cause:
        raise InfrastructureDown("the database does not answer") from cause
    finally:
        engine.dispose()
    return current, newest()


def newest() -> str | None:
    """Read the newest version that this code has."""
    return ScriptDirectory.from_config(_config("")).get_current_head()
