"""One pool for each process, and the one place where an unreachable database becomes `InfrastructureDown`."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from durable_research.domain.errors import InfrastructureDown

# Sixteen connections keep a process's activities and pages from queueing; three processes stay far below the server's 100.
_POOL_SIZE = 8
_POOL_OVERFLOW = 8
_POOL_WAIT_SECONDS = 5
CONNECT_SECONDS = 3
_STATEMENT_MILLISECONDS = 10_000
# An index of embeddings returns the nearest rows of all tenants. By default it stops after 40, and a tenant whose rows are not
# among them would find nothing; with this setting it continues until there are enough rows of the tenant.
_ITERATIVE_SCAN = "-c hnsw.iterative_scan=strict_order"


def plain_url(url: str) -> str:
    """Remove the driver's name from the URL, as libpq needs it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def driver_url(url: str) -> str:
    """Add the driver's name to a user's `postgresql://` URL."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError) as cause:
        raise InfrastructureDown("the database does not answer") from cause
    except sqlalchemy.exc.DBAPIError as cause:
        if cause.connection_invalidated:
            raise InfrastructureDown("the database went away") from cause
        raise


class Database:
    """A pool of connections to PostgreSQL."""

    name = "database"

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(
            driver_url(url),
            hide_parameters=True,  # a traceback in the logs must not quote prompts
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=_POOL_WAIT_SECONDS,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "options": f"-c statement_timeout={_STATEMENT_MILLISECONDS} {_ITERATIVE_SCAN}",
            },
        )
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction: committed at the end of the block, rolled back on an error.

        Raises:
            InfrastructureDown: the database is unreachable, or the connection was lost meanwhile.
        """
        with _translated():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def one(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection for one statement, which is its own transaction: two round trips fewer than `begin`.

        Raises:
            InfrastructureDown: as for `begin`.
        """
        with _translated():
            async with self._single.connect() as connection:
                yield connection

    async def check(self) -> None:
        async with self.one() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()
