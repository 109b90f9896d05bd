"""The dashboards as files, one for each board."""

import json
from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.monitoring.dashboards.builders.catalogue import BOARDS
from deploy.monitoring.dashboards.builders.grafana import DOCUMENTS, built


def dashboard_files(documents: str = DOCUMENTS) -> Mapping[str, str]:
    """The files by name; `documents` is where people read `docs`."""
    return {f"{board.name}.json": as_json(built(board, documents)) for board in BOARDS}


def as_json(dashboard: object) -> str:
    """As Grafana imports it."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_dashboards(folder: Path, documents: str = DOCUMENTS) -> None:
    """Write them into a folder, in which no other dashboard stays."""
    files = dashboard_files(documents)
    for old in folder.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
