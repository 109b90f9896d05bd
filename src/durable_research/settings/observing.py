"""The settings of logs, which `Settings` inherits."""

from pydantic import Field
from pydantic_settings import BaseSettings

from durable_research.telemetry.log_lines import LogFormat


class ObservingSettings(BaseSettings):
    """How a process reports what it does."""

    log_format: LogFormat = Field(
        default=LogFormat.AUTO,
        alias="DURABLE_RESEARCH_LOG_FORMAT",
        description="how log lines are written: json, console, or auto, which is console where stderr is a terminal",
    )
