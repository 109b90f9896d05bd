"""Reaching Temporal: the same variables and profile file as the `temporal` program (temporalio.envconfig)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from durable_research.domain.errors import InfrastructureDown
from durable_research.payload_keys import PayloadKey
from durable_research.telemetry import logs
from durable_research.temporal.payloads.converter import data_converter

_POLL_SECONDS = 0.5


def _connect_config(identity: str | None, keys: Sequence[PayloadKey]) -> dict[str, Any]:
    config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    config.setdefault("target_host", "127.0.0.1:7233")
    config.setdefault("namespace", "default")
    # The namespace is sealed into every payload, so the converter needs the one that the client connects to.
    config["data_converter"] = data_converter(keys, config["namespace"])
    if identity:
        config["identity"] = identity
    return config


async def connect_lazily(identity: str, keys: Sequence[PayloadKey]) -> Client:
    """A client that dials at its first call: the API must answer without Temporal."""
    return await Client.connect(**_connect_config(identity, keys), lazy=True)


async def connect(
    identity: str | None,
    keys: Sequence[PayloadKey],
    *,
    patience_seconds: float,
    runtime: Runtime | None = None,
    is_logged: bool = True,
) -> Client:
    """A connected client; waits for a server that is still coming up, at most `patience_seconds`.

    Raises:
        InfrastructureDown: no server answered in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_seconds
    config = _connect_config(identity, keys)
    if runtime:
        config["runtime"] = runtime
    while True:
        try:
            # One try of the SDK takes many seconds where a port is open and no server answers.
            async with asyncio.timeout_at(deadline):
                return await Client.connect(**config)
        except (RuntimeError, RPCError, TimeoutError) as cause:
            if loop.time() + _POLL_SECONDS > deadline:
                raise InfrastructureDown(f"temporal does not answer at {config['target_host']}") from cause
        if is_logged:
            logs.emit(logs.INFRASTRUCTURE_DOWN, what="temporal", at=config["target_host"])
        await asyncio.sleep(_POLL_SECONDS)
