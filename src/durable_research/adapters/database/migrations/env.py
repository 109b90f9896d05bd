"""Alembic's environment: one connection, one transaction, one migrator at a time."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from durable_research.adapters.database.connection import CONNECT_SECONDS
from durable_research.adapters.database.tables import metadata

_ONE_MIGRATOR = 7_241_180_093  # any fixed number: the advisory lock that makes a second migrator wait

if context.is_offline_mode():
    context.configure(
        url=context.config.get_main_option("sqlalchemy.url"), target_metadata=metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    # Without a pool a migration that fails leaves no connection behind.
    engine = create_engine(
        context.config.get_main_option("sqlalchemy.url") or "",
        poolclass=NullPool,
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({_ONE_MIGRATOR})"))
        connection.commit()
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
