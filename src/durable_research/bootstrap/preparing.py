"""Prepares an installation before it runs: the Temporal namespace and the database's schema."""

from temporalio.service import RPCError

from durable_research.adapters.database import migrate as migrations
from durable_research.bootstrap.adapters import payload_keys
from durable_research.domain.errors import InfrastructureDown
from durable_research.settings.settings import Settings
from durable_research.temporal.client.connection import connect
from durable_research.temporal.client.preparing import prepare


async def prepare_engine(settings: Settings, patience_seconds: float) -> list[str]:
    """Prepare the Temporal namespace and return a list of the changes made.

    Raises:
        InfrastructureDown: no server answered in time, or it refused.
    """
    client = await connect(None, payload_keys(settings), patience_seconds=patience_seconds, is_logged=False)
    try:
        return await prepare(client)
    except (RPCError, RuntimeError) as cause:
        raise InfrastructureDown(f"temporal does not answer as needed ({cause})") from cause


def migrate_database(settings: Settings) -> None:
    """Bring the schema to the newest version."""
    migrations.upgrade(settings.database_url.get_secret_value())


def database_versions(settings: Settings) -> tuple[str | None, str | None]:
    """The schema's version in the database, and the newest."""
    return migrations.versions(settings.database_url.get_secret_value())
