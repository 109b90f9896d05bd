"""The settings for logs, metrics and probes, and for where they are looked at."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from durable_research.settings.values import BearerToken, LoopbackAddress, ServiceAddress
from durable_research.telemetry.log_lines import LogFormat


class MonitoringSettings(BaseSettings):
    """A part of `Settings`, which is what the rest of the code reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    metrics_address: LoopbackAddress | None = Field(
        default=None,
        alias="DURABLE_RESEARCH_METRICS_ADDRESS",
        description="where this API or worker answers /metrics, /livez and /readyz, such as 127.0.0.1:9464; only on loopback",
    )
    metrics_token: BearerToken | None = Field(
        default=None, alias="DURABLE_RESEARCH_METRICS_TOKEN", description="the bearer token that /metrics asks for"
    )
    prometheus_url: ServiceAddress | None = Field(
        default=None,
        alias="DURABLE_RESEARCH_PROMETHEUS_URL",
        description="the Prometheus that the page of metrics asks; without one it reads PostgreSQL, which knows less",
    )
    grafana_url: ServiceAddress | None = Field(
        default=None,
        alias="DURABLE_RESEARCH_GRAFANA_URL",
        description="the Grafana that the page of metrics embeds below /grafana; on this machine alone, as there is no login",
    )
    log_format: LogFormat = Field(
        default=LogFormat.AUTO,
        alias="DURABLE_RESEARCH_LOG_FORMAT",
        description="how log lines are written: json, console, or auto, which is console where stderr is a terminal",
    )
