"""A span around each call to a provider, with the effect's key and the provider's class."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from durable_research.domain.ledger.effects import Effect, EffectKind
from durable_research.ports.vendors.remote import EarlierSend, RemoteEffect
from durable_research.telemetry import tracing
from durable_research.telemetry.tracing import Span

Answer = TypeVar("Answer")


class TracedRemote(RemoteEffect[Answer]):
    """Passes every act on to the adapter's."""

    def __init__(self, inner: RemoteEffect[Answer], effect: Effect) -> None:
        self._inner = inner
        self._effect = effect

    @contextmanager
    def _span(self, row: Span) -> Iterator[None]:
        effect = self._effect
        with tracing.span(
            row,
            effect_key=effect.key,
            effect_kind=effect.kind,
            provider_class=effect.provider_class,
            workflow_id=effect.workflow.workflow_id,
            step=effect.step,
        ):
            yield

    async def handle(self, key: str) -> str | None:
        """Make the send's handle."""
        with self._span(tracing.PROVIDER_HANDLE):
            return await self._inner.handle(key)

    async def send(self, key: str, handle: str | None) -> str:
        """Send."""
        is_notice = self._effect.kind is EffectKind.NOTIFICATION
        with self._span(tracing.NOTIFICATION_SEND if is_notice else tracing.PROVIDER_SEND):
            return await self._inner.send(key, handle)

    async def find(self, send: EarlierSend) -> str | None:
        """Look an earlier send up."""
        with self._span(tracing.PROVIDER_LOOK_UP):
            return await self._inner.find(send)

    async def reattach_to(self, reference: str) -> None:
        """Take an accepted send up."""
        with self._span(tracing.PROVIDER_REATTACH):
            await self._inner.reattach_to(reference)

    async def collect(self, reference: str) -> Answer:
        """Wait for the answer."""
        with self._span(tracing.PROVIDER_COLLECT):
            return await self._inner.collect(reference)

    async def cancel(self, reference: str) -> None:
        """Stop an accepted send."""
        with self._span(tracing.PROVIDER_CANCEL):
            await self._inner.cancel(reference)
