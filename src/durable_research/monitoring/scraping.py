"""Prometheus' own configuration: which processes it scrapes, how often, and where its rules are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from durable_research.monitoring.jobs import TEMPORAL

_EVERY_SECONDS = 15.0
# Faster would load the machine that is watched.
_AT_LEAST_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0

# The processes of each job: the name that alerts show, and the `host:port` that answers /metrics.
Targets = Mapping[str, Mapping[str, str]]


def scrape_config(targets: Targets, rules: Path, *, factor: float = 1, token: str | None = None) -> str:
    """The text of prometheus.yml, as JSON, which YAML contains; with a token it is a secret."""
    every = max(_EVERY_SECONDS / factor, _AT_LEAST_SECONDS)
    timing = {"scrape_interval": f"{every:g}s", "scrape_timeout": f"{min(every, _TIMEOUT_SECONDS):g}s"}
    config = {
        "global": {**timing, "evaluation_interval": f"{every:g}s"},
        "rule_files": [str(rules / "*.yml")],
        "scrape_configs": [
            # The token is for our own processes: Temporal's port asks for none, and must not learn it.
            _job(name, processes, None if name == TEMPORAL else token)
            for name, processes in targets.items()
        ],
    }
    return json.dumps(config, indent=2) + "\n"


def _job(name: str, processes: Mapping[str, str], token: str | None) -> dict[str, Any]:
    # Temporal's metrics have a label `namespace` of their own, which must not be renamed.
    job: dict[str, Any] = {"job_name": name, "honor_labels": True}
    if token:
        job["authorization"] = {"credentials": token}
    job["static_configs"] = [
        {"targets": [address], "labels": {"instance": process}} for process, address in processes.items()
    ]
    return job
