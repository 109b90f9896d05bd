"""The one reader of configuration: every setting with its type, unit, default and meaning; frozen; secrets masked.

The Temporal connection is not here: it follows `temporalio.envconfig` (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_TLS_*, profiles).
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from durable_research import policies
from durable_research.domain.requests.mailboxes import mailboxes
from durable_research.failpoints.reach import FAILPOINTS_VARIABLE
from durable_research.settings.defaults import DEFAULT_API_PORT
from durable_research.settings.observing import ObservingSettings
from durable_research.settings.values import (
    BearerToken,
    FailpointRules,
    LoopbackAddress,
    LoopbackHost,
    Mailboxes,
    MailServer,
    Origin,
    PayloadKeys,
    Sender,
    SigningSecret,
)

FILE_SUFFIX = "_FILE"
_FIVE_HOURS = 18_000
_A_MONTH = 2_592_000


class SettingsInvalid(Exception):
    """The environment has invalid settings; the message lists all of them, one a line."""


class Settings(ObservingSettings):
    """The settings from the environment. A field's alias is the variable's name; `NAME_FILE` reads the value from a file."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    data_folder: Path = Field(
        default=Path("data"), alias="DURABLE_RESEARCH_DATA", description="folder of the one-machine edition's state"
    )
    database_url: SecretStr = Field(
        default=SecretStr("postgresql://127.0.0.1:5432/durable_research"),
        alias="DATABASE_URL",
        description="PostgreSQL 16 or newer with pgvector 0.8 or newer",
    )
    object_store_url: str = Field(
        default="file://data/objects", alias="OBJECT_STORE_URL", description="where texts and PDFs are kept"
    )
    object_store_endpoint: str | None = Field(
        default=None,
        alias="OBJECT_STORE_ENDPOINT",
        description="another address than the vendor's own, such as Azurite's or MinIO's; http:// only when written so",
    )
    openai_api_key: SecretStr | None = Field(
        default=None, alias="OPENAI_API_KEY", description="key of the model provider; without one the simulator is used"
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1", alias="OPENAI_BASE_URL", description="any OpenAI-compatible address"
    )
    openai_model: str = Field(default="gpt-5-mini", alias="OPENAI_MODEL", description="the model that writes reports")
    openai_embedding_model: str = Field(
        default="text-embedding-3-small",
        alias="OPENAI_EMBEDDING_MODEL",
        description="the model whose embeddings tell which reports and posts are related; empty turns embeddings off",
    )
    openai_embedding_base_url: str | None = Field(
        default=None,
        alias="OPENAI_EMBEDDING_BASE_URL",
        description="the address that is asked for embeddings; default: the model's",
    )
    openai_embedding_api_key: SecretStr | None = Field(
        default=None,
        alias="OPENAI_EMBEDDING_API_KEY",
        description="the key of that address; the model's key is sent to the model's address alone",
    )
    openai_api: Literal["responses", "responses-keyed", "chat-stored", "chat"] = Field(
        default="responses",
        alias="OPENAI_API",
        description="the API that the provider speaks, which decides what can be asked after a silent send",
    )
    settle_seconds: float = Field(
        default=75.0,
        ge=0,
        le=_FIVE_HOURS,
        alias="DURABLE_RESEARCH_SETTLE_SECONDS",
        description="chat-stored: how long after a silent send to look for its answer before sending again; longer than "
        "your slowest answer",
    )
    provider_wait: float = Field(
        default=policies.PROVIDER_WAIT.total_seconds(),
        ge=0,
        le=_A_MONTH,
        alias="PROVIDER_WAIT_SECONDS",
        description="how long a step waits for a provider that is busy or cannot be reached; 0 fails at once",
    )
    silence_seconds: float = Field(
        default=policies.CALL_DEADLINES.silence,
        gt=0,
        le=_FIVE_HOURS,
        alias="MODEL_SILENCE_SECONDS",
        description="a streamed answer is given up after so long without a byte",
    )
    first_byte_seconds: float = Field(
        default=policies.CALL_DEADLINES.first_byte,
        gt=0,
        le=_FIVE_HOURS,
        alias="MODEL_FIRST_BYTE_SECONDS",
        description="... and when its first byte has not come by then, as from a server that loads its model",
    )
    longest_call_seconds: float = Field(
        default=policies.CALL_DEADLINES.longest,
        gt=0,
        le=_FIVE_HOURS,
        alias="MODEL_LONGEST_SECONDS",
        description="the longest that one call to the model may take, whatever comes of it",
    )
    drain_seconds: float = Field(
        default=policies.DRAIN.total_seconds(),
        ge=0,
        le=3600,
        alias="DRAIN_SECONDS",
        description="how long a worker that is told to stop lets steps end; what cannot be taken up again is cut then",
    )
    model_resend: Literal["bounded", "never", "ask"] = Field(
        default="bounded",
        alias="DURABLE_RESEARCH_MODEL_RESEND",
        description="a silent model call that cannot be asked about: send once more and count it, never, or ask a person",
    )
    notification_resend: Literal["bounded", "never"] = Field(
        default="never",
        alias="DURABLE_RESEARCH_NOTIFICATION_RESEND",
        description="a silent notification that cannot be asked about (e-mail): send once more and count it, or never",
    )
    provider: Literal["openai", "azure", "simulator"] = Field(
        default="openai", alias="DURABLE_RESEARCH_PROVIDER", description="`simulator` labels every text as demo text"
    )
    webhook_url: str | None = Field(
        default=None, alias="DURABLE_RESEARCH_WEBHOOK_URL", description="the operator's receiver of notifications"
    )
    webhook_secret: SigningSecret | None = Field(
        default=None, alias="DURABLE_RESEARCH_WEBHOOK_SECRET", description="signs them (Standard Webhooks, whsec_...)"
    )
    smtp_url: MailServer | None = Field(
        default=None,
        alias="SMTP_URL",
        description="the mail server: smtp://user:password@host:587 (STARTTLS) or smtps://...",
    )
    email_from: Sender | None = Field(
        default=None, alias="DURABLE_RESEARCH_EMAIL_FROM", description="the sender of notifications by mail"
    )
    email_to: Mailboxes | None = Field(
        default=None, alias="DURABLE_RESEARCH_EMAIL_TO", description="the operator's addresses, separated by commas"
    )
    slack_bot_token: SecretStr | None = Field(
        default=None,
        alias="SLACK_BOT_TOKEN",
        description="a bot's token (xoxb-...) with chat:write and channels:history",
    )
    slack_channel: str | None = Field(
        default=None, alias="SLACK_CHANNEL", description="the channel's id (C...); a name cannot be searched"
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/", alias="SLACK_API_URL", description="where Slack's methods are"
    )
    host: LoopbackHost = Field(
        default="127.0.0.1", alias="DURABLE_RESEARCH_HOST", description="address the API listens on"
    )
    port: int = Field(
        default=DEFAULT_API_PORT, ge=0, le=65535, alias="DURABLE_RESEARCH_PORT", description="port of the API and pages"
    )
    public_url: str | None = Field(
        default=None, alias="DURABLE_RESEARCH_PUBLIC_URL", description="how links in notifications begin"
    )
    temporal_ui_url: str | None = Field(
        default=None, alias="DURABLE_RESEARCH_TEMPORAL_UI_URL", description="Temporal's Web UI, for links"
    )
    payload_keys: PayloadKeys | None = Field(
        default=None,
        alias="PAYLOAD_KEYS",
        description="keys that seal what Temporal stores, id:base64 of 32 bytes, the active one first; none seals nothing",
    )
    codec_origin: Origin | None = Field(
        default=None,
        alias="DURABLE_RESEARCH_CODEC_ORIGIN",
        description="the one origin (of Temporal's Web UI) whose pages may open sealed payloads here; off without",
    )
    approval_reminder_seconds: float = Field(
        default=86_400,
        gt=0,
        alias="DURABLE_RESEARCH_APPROVAL_REMINDER",
        description="seconds after which a draft that waits for approval is brought to mind again",
    )
    approval_expiry_seconds: float = Field(
        default=604_800,
        gt=0,
        alias="DURABLE_RESEARCH_APPROVAL_EXPIRY",
        description="seconds after which a draft that nobody approved is given up, and its report fails",
    )
    worker_identity: str | None = Field(
        default=None,
        alias="DURABLE_RESEARCH_WORKER_IDENTITY",
        description="how this worker is named; default host and pid",
    )
    ai_tasks_per_second: float | None = Field(
        default=None,
        gt=0,
        alias="DURABLE_RESEARCH_AI_TASKS_PER_SECOND",
        description="at most so many steps that ask a model begin per second, over all workers; no limit without",
    )
    notifications_per_second: float | None = Field(
        default=None,
        gt=0,
        alias="DURABLE_RESEARCH_NOTIFICATIONS_PER_SECOND",
        description="at most so many notification steps begin per second, over all workers; no limit without",
    )
    metrics_address: LoopbackAddress | None = Field(
        default=None,
        alias="DURABLE_RESEARCH_METRICS_ADDRESS",
        description="where this API or worker answers /metrics, /livez and /readyz, such as 127.0.0.1:9464; only on loopback",
    )
    metrics_token: BearerToken | None = Field(
        default=None, alias="DURABLE_RESEARCH_METRICS_TOKEN", description="the bearer token that /metrics asks for"
    )
    renderer_processes: int = Field(
        default=1,
        ge=1,
        le=16,
        alias="DURABLE_RESEARCH_RENDERER_PROCESSES",
        description="warm PDF processes in a worker",
    )
    production: bool = Field(
        default=False, alias="DURABLE_RESEARCH_PRODUCTION", description="refuses everything that is for tests only"
    )
    reattach: bool = Field(
        default=True,
        alias="DURABLE_RESEARCH_REATTACH",
        description="for tests only: off makes a retry pay again instead of taking up the accepted call",
    )
    allow_unsafe_webhooks: bool = Field(
        default=False,
        alias="DURABLE_RESEARCH_ALLOW_UNSAFE_WEBHOOKS",
        description="for tests only: users' webhooks may be on this machine, over http, on any port",
    )
    failpoint_rules: FailpointRules = Field(
        default="", alias=FAILPOINTS_VARIABLE, description="for tests only: where to kill or pause, NAME=kill@1"
    )

    @model_validator(mode="after")
    def _whole_channels(self) -> "Settings":
        if self.smtp_url and not (self.email_from and self.email_to):
            raise ValueError("SMTP_URL needs DURABLE_RESEARCH_EMAIL_FROM and DURABLE_RESEARCH_EMAIL_TO")
        if self.slack_bot_token and not self.slack_channel:
            raise ValueError("SLACK_BOT_TOKEN needs SLACK_CHANNEL")
        return self

    @property
    def email_recipients(self) -> tuple[str, ...]:
        """The addresses of `email_to`, without names."""
        return tuple(one.address for one in mailboxes(self.email_to)) if self.email_to else ()

    @model_validator(mode="after")
    def _no_test_switches_in_production(self) -> "Settings":
        if self.production and (self.failpoint_rules or not self.reattach or self.allow_unsafe_webhooks):
            switches = f"{FAILPOINTS_VARIABLE}, DURABLE_RESEARCH_REATTACH, DURABLE_RESEARCH_ALLOW_UNSAFE_WEBHOOKS"
            raise ValueError(f"{switches} are refused in production")
        return self


def load(**overrides: Any) -> Settings:
    """Read the environment, files named by `*_FILE` variables included; `overrides` are field names and win.

    Raises:
        SettingsInvalid: with every mistake, one a line.
    """
    from_files: dict[str, Any] = {}
    mistakes = []
    for field in Settings.model_fields.values():
        path = os.environ.get(f"{field.alias}{FILE_SUFFIX}")
        if path and field.alias == FAILPOINTS_VARIABLE:
            mistakes.append(f"{field.alias}{FILE_SUFFIX}: failpoints are read from {field.alias} alone")
        elif path and field.alias:
            try:
                from_files[field.alias] = Path(path).read_text().strip()
            except OSError as cause:
                mistakes.append(f"{field.alias}{FILE_SUFFIX}: cannot read {path}: {cause.strerror}")
    try:
        settings = Settings(**from_files, **{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        mistakes += [f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors()]
    if mistakes:
        raise SettingsInvalid("\n".join(mistakes))
    return settings
