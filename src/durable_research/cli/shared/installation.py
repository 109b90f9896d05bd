"""The installation that runs on this machine, found by the `up.json` in its data folder."""

import os
from pathlib import Path
from typing import Any

from durable_research.local.up import UP_FILE, Up, read_up
from durable_research.settings.defaults import DEFAULT_API_PORT

DEFAULT_SERVER = f"http://127.0.0.1:{DEFAULT_API_PORT}"


def data_folder() -> Path:
    """The folder that `durable-research up` uses when none is named."""
    return Path(os.environ.get("DURABLE_RESEARCH_DATA") or "data")


def running() -> Up | None:
    """The content of `up.json`, or None when no installation runs on that folder."""
    return read_up(data_folder() / UP_FILE)


def settings_from_up() -> dict[str, Any]:
    """The settings of the running `up` that the environment does not set.

    Temporal's address is set in the environment, where the SDK reads it.
    """
    up = running() or Up()
    settings: dict[str, Any] = {}
    if up.database and not (os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")):
        settings["database_url"] = up.database
    names_a_server = ("TEMPORAL_ADDRESS", "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE")
    if up.temporal and not any(os.environ.get(name) for name in names_a_server):
        os.environ["TEMPORAL_ADDRESS"] = up.temporal
    return settings


def default_server() -> str:
    """The API of the installation in the data folder, else the usual address."""
    return (running() or Up()).api or DEFAULT_SERVER
