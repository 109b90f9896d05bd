"""Chooses the adapters by the settings. Only this package names adapters; they receive values, never settings."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from durable_research.adapters.models.openai_chat import OpenAIChat
from durable_research.adapters.models.openai_embeddings import OpenAIEmbeddings
from durable_research.adapters.models.openai_responses import OpenAIResponses
from durable_research.adapters.models.reachability import ProviderReachability
from durable_research.adapters.monitoring.grafana import Grafana
from durable_research.adapters.monitoring.prometheus import PrometheusSeries
from durable_research.adapters.notifiers.address import AddressNotifier
from durable_research.adapters.notifiers.email import EmailNotifier
from durable_research.adapters.notifiers.log import LogNotifier
from durable_research.adapters.notifiers.slack import SlackNotifier
from durable_research.adapters.notifiers.webhook import WebhookNotifier
from durable_research.adapters.objects.obstore import ObstoreObjects
from durable_research.descriptor import Receivers
from durable_research.domain.workflows.approval import ApprovalWaits
from durable_research.egress.client import PinnedClient
from durable_research.payload_keys import PayloadKey, parse_keys
from durable_research.ports.vendors.models import CallDeadlines
from durable_research.ports.vendors.notifiers import Notifier
from durable_research.settings.settings import Settings

# A server that accepts any key still requires one.
NO_KEY = "missing"


def now() -> datetime:
    """The Clock port."""
    return datetime.now(UTC)


def payload_keys(settings: Settings) -> tuple[PayloadKey, ...]:
    """The keys that encrypt payloads, the active one first; empty when payloads are not encrypted."""
    return parse_keys(settings.payload_keys.get_secret_value()) if settings.payload_keys else ()


def objects(settings: Settings) -> ObstoreObjects:
    """The object store."""
    return ObstoreObjects(settings.object_store_url, settings.object_store_endpoint)


def page_prefix(settings: Settings) -> str:
    """The prefix of the addresses of our pages."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


def receivers(settings: Settings) -> Receivers:
    """By default the log and the operator's webhook are notified; mail and Slack only when the request names them."""
    default = ("log", "webhook") if settings.webhook_url else ("log",)
    on_request = {"email": settings.smtp_url, "slack": settings.slack_bot_token}
    waits = ApprovalWaits(
        reminder_seconds=settings.approval_reminder_seconds, expiry_seconds=settings.approval_expiry_seconds
    )
    return Receivers(default, tuple(channel for channel, setting in on_request.items() if setting), waits)


def notifiers(settings: Settings, stack: AsyncExitStack) -> Mapping[str, Notifier]:
    """Every configured notification channel, and the one for users' addresses."""
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    found: dict[str, Notifier] = {
        "log": LogNotifier(),
        "address": AddressNotifier(secret, PinnedClient(loopback_too=settings.allow_unsafe_webhooks)),
    }
    if settings.smtp_url and settings.email_from:
        found["email"] = EmailNotifier(
            settings.smtp_url.get_secret_value(), settings.email_from, settings.email_recipients
        )
    if settings.slack_bot_token and settings.slack_channel:
        token = settings.slack_bot_token.get_secret_value()
        found["slack"] = SlackNotifier(settings.slack_api_url, token, settings.slack_channel)
    if settings.webhook_url:
        webhook = WebhookNotifier(settings.webhook_url, secret)
        stack.push_async_callback(webhook.close)
        found["webhook"] = webhook
    return found


def model(settings: Settings) -> OpenAIResponses | OpenAIChat:
    """The model adapter for the provider's API; Azure's v1 address serves OpenAI's own API."""
    arguments: dict[str, Any] = {
        **_provider(settings),
        "model": settings.openai_model,
        "deadlines": _deadlines(settings),
        "is_demo": settings.provider == "simulator",
    }
    match settings.openai_api:
        case "chat-stored":
            return OpenAIChat(**arguments, stored=True, settle_seconds=settings.settle_seconds)
        case "chat":
            return OpenAIChat(**arguments, stored=False)
        case api:
            return OpenAIResponses(**arguments, keyed=api == "responses-keyed")


def embedding_model(settings: Settings) -> OpenAIEmbeddings | None:
    """The embedding adapter, at the model's provider unless another address is set; None when embeddings are off."""
    if not settings.openai_embedding_model:
        return None
    arguments = _provider(settings)
    if settings.openai_embedding_base_url:
        # The model's key belongs to the model's address: it is never sent to another one.
        arguments |= {"base_url": settings.openai_embedding_base_url, "api_key": NO_KEY}
    if settings.openai_embedding_api_key:
        arguments["api_key"] = settings.openai_embedding_api_key.get_secret_value()
    return OpenAIEmbeddings(
        **arguments,
        model=settings.openai_embedding_model,
        deadlines=_deadlines(settings),
        has_own_address=bool(settings.openai_embedding_base_url),
    )


def provider_reachability(settings: Settings) -> ProviderReachability:
    """Whether the model provider answers; one that needs a key is not asked without it."""
    needs_key = settings.provider != "simulator" and not settings.openai_api_key
    return ProviderReachability(settings.openai_base_url, None if needs_key else _provider(settings)["api_key"])


def prometheus(settings: Settings) -> PrometheusSeries | None:
    """The Prometheus that the charts ask; None without an address."""
    return PrometheusSeries(settings.prometheus_url) if settings.prometheus_url else None


def grafana(settings: Settings, stack: AsyncExitStack) -> Grafana | None:
    """The Grafana that is embedded; None without an address."""
    if not settings.grafana_url:
        return None
    found = Grafana(settings.grafana_url)
    stack.push_async_callback(found.close)
    return found


def _deadlines(settings: Settings) -> CallDeadlines:
    return CallDeadlines(
        silence=settings.silence_seconds,
        first_byte=settings.first_byte_seconds,
        longest=settings.longest_call_seconds,
    )


def _provider(settings: Settings) -> dict[str, str]:
    return {
        "base_url": settings.openai_base_url,
        "api_key": settings.openai_api_key.get_secret_value() if settings.openai_api_key else NO_KEY,
        "provider": settings.provider,
    }
