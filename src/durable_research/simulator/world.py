"""The state that all handlers share, and the only function that accepts and bills a model call."""

import asyncio
import secrets
from dataclasses import dataclass, field

from quart import request

from durable_research.simulator.billing_log import BillingLog
from durable_research.simulator.faults.errors import ApiError, not_found
from durable_research.simulator.faults.fault_book import FaultBook
from durable_research.simulator.generation.generation import Generation, billed_tokens
from durable_research.simulator.generation.state import State

TEXT_MODELS = ("simulator-research", "simulator-small")
# Two, so that a change of the model can be tested.
EMBEDDING_MODELS = ("simulator-embedding", "simulator-embedding-2")
MODELS = (*TEXT_MODELS, *EMBEDDING_MODELS)


@dataclass
class Settings:
    """Settings that may be changed while the simulator runs."""

    latency_seconds: float = 2.0
    visibility_lag_seconds: float = 0.0
    acceptance_seconds: float = 0.0  # from "accepted and billed" to the first byte of the answer


@dataclass(frozen=True)
class World:
    """The simulated world: its state, its billing log, its faults and its settings."""

    billing_log: BillingLog
    state: State
    settings: Settings
    faults: FaultBook
    webhook_secret: str | None = None
    honour_idempotency_key: bool = False
    _accepting: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    async def accept(self, generation: Generation, key: str | None, first_byte_delay: float = 0.0) -> None:
        """Bill and store the call; when this returns, both are written and the delay of the first byte is over."""
        self.state.register(generation)
        task = asyncio.create_task(self._bill(generation, key))
        self._accepting[generation.id] = task
        task.add_done_callback(lambda _: self._accepting.pop(generation.id, None))
        await self.wait_until_accepted(generation.id)
        await self.withhold()
        await asyncio.sleep(first_byte_delay)

    async def withhold(self) -> None:
        """Delay the first byte: the call of a client that dies meanwhile was accepted, but the client never got its id."""
        await asyncio.sleep(self.settings.acceptance_seconds)

    async def wait_until_accepted(self, generation_id: str) -> None:
        # Shielded: a client that disconnects during the sync has been billed, so the call must be stored too.
        if task := self._accepting.get(generation_id):
            await asyncio.shield(task)

    async def _bill(self, generation: Generation, key: str | None) -> None:
        # The billing log first: after a kill in between, it holds a call too many, never one too few.
        await self.billing_log.write(
            "model_call",
            key=key,
            text=generation.prompt,
            id=generation.id,
            model=generation.model,
            tokens=billed_tokens(generation),
        )
        self.state.persist(generation)


def new_id(prefix: str) -> str:
    """A unique id, also across restarts."""
    return prefix + secrets.token_hex(24)


def caller_key(metadata: dict[str, str] | None, user: str | None = None) -> str | None:
    """The caller's own key of this call; embeddings have no metadata, hence the header and the user field."""
    return (metadata or {}).get("effect_key") or request.headers.get("Idempotency-Key") or user


def check_model(model: str, allowed: tuple[str, ...]) -> None:
    """Refuse as OpenAI does: a model that it does not have (404), or one of another kind (400)."""
    if model not in MODELS:
        raise not_found(
            f"The model `{model}` does not exist or you do not have access to it.",
            param="model",
            code="model_not_found",
        )
    if model not in allowed:
        raise ApiError(
            400, f"The model `{model}` cannot be used with this endpoint.", param="model", code="invalid_model"
        )
