"""Where an installation on this machine says its addresses: `up.json` in its data folder."""

import json
import os
from pathlib import Path
from typing import Any

DEFAULT_SERVER = "http://127.0.0.1:8000"


def data_folder() -> Path:
    """The folder that `durable-research up` uses when none is named."""
    return Path(os.environ.get("DURABLE_RESEARCH_DATA") or "data")


def read_up() -> dict[str, Any]:
    """What `up` wrote, or nothing when no installation runs on that folder."""
    try:
        value = json.loads((data_folder() / "up.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def as_up_says() -> dict[str, Any]:
    """What the `up` on the data folder says of settings that the environment does not name.

    Temporal's address is set in the environment, where the SDK reads it.
    """
    up = read_up()
    settings: dict[str, Any] = {}
    if up.get("database") and not (os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")):
        settings["database_url"] = up["database"]
    names_a_server = ("TEMPORAL_ADDRESS", "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE")
    if up.get("temporal") and not any(os.environ.get(name) for name in names_a_server):
        os.environ["TEMPORAL_ADDRESS"] = str(up["temporal"])
    return settings


def default_server() -> str:
    """The API of the installation in the data folder, else the usual address."""
    api = read_up().get("api")
    return api if isinstance(api, str) else DEFAULT_SERVER
