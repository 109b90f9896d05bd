"""Starts the logs of a process: its form and the secrets that no line may hold come from the settings."""

from durable_research.settings.secrets import secrets_of
from durable_research.settings.settings import Settings
from durable_research.telemetry.log_lines import configure_logging
from durable_research.temporal.client.sdk_logs import log_through_python


def start_logging(role: str, settings: Settings) -> None:
    """Write every line of this process, the libraries' and the SDK's core's included, to standard error."""
    configure_logging(role, settings.log_format, secrets_of(settings))
    log_through_python()
