"""The notification effect: one message to one channel, for every pipeline.

The message's id is the effect's key, so a receiver can drop a repeat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from durable_research.domain.ledger.effects import Effect, EffectKind, ResendPolicy
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.effects.runner import EffectRunner
from durable_research.ports.vendors.notifiers import Delivery, Notification, Notifier


@dataclass(frozen=True)
class Message:
    """One message to the channel that its notification names, and what makes it the same when a later attempt sends it.

    `request` is fingerprinted. `occasion` distinguishes the messages of a step to one channel.
    """

    tenant: str
    step: str
    notification: Notification
    request: Mapping[str, str]
    occasion: tuple[str, ...] = ()


class Notified(BaseModel):
    """A delivered message: the receiver's id of it or our own, and those of several receivers whom it did not reach.

    Messages to Slack about a post were once stored without their channel.
    """

    model_config = ConfigDict(frozen=True)

    channel: str = ""
    reference: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotificationSender:
    """Sends each message once; `resend` is the rule for an unresolved send to a receiver without a look-up."""

    effects: EffectRunner
    resend: ResendPolicy = ResendPolicy.NEVER

    async def send(self, message: Message, notifier: Notifier) -> Notified:
        """Deliver the message, unless the ledger holds that it has been.

        Raises:
            NotificationFailed: the receiver did not accept, and may accept later; NotificationRefused when it never will.
            Unconfirmed: an earlier send may have been accepted, and the rule allows no other.
        """

        async def store(delivery: Delivery) -> Notified:
            return Notified(channel=message.notification.to, reference=delivery.reference, left_out=delivery.left_out)

        effect = self._effect(message, notifier)
        return await self.effects.perform(effect, lambda _: notifier.prepare(message.notification), store, Notified)

    async def withdraw(self, message: Message, notifier: Notifier) -> None:
        """Take the message back, also one whose id never reached us."""
        effect = self._effect(message, notifier)
        await self.effects.withdraw(effect, lambda _: notifier.prepare(message.notification))

    def _effect(self, message: Message, notifier: Notifier) -> Effect:
        return Effect(
            WorkflowRef(message.notification.workflow_id, message.tenant),
            message.step,
            kind=EffectKind.NOTIFICATION,
            provider=notifier.channel,
            provider_class=notifier.provider_class,
            request=dict(message.request),
            ordinal=notification_ordinal(message.occasion, message.notification.to),
            resend=self.resend,
            settle_seconds=notifier.settle_seconds,
        )


def notification_ordinal(occasion: Sequence[str], channel: str) -> str:
    """The occasion's words and the channel with a blank between each: ledgers hold keys that are made of this."""
    return " ".join((*occasion, channel))
