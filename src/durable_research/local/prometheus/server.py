"""Prometheus beside the one-machine edition: on loopback, with our rules, its data in the data folder."""

from collections.abc import Mapping
from pathlib import Path

from durable_research.local.data_folder import DataFolder, write_text
from durable_research.local.processes import readiness
from durable_research.local.processes.child import ChildSpec
from durable_research.monitoring.rule_files import write_rules
from durable_research.monitoring.scraping import Targets, scrape_config

PORTS = ("prometheus", "temporal_metrics")
# A laptop's disk: the older data go when either is reached.
_KEPT = ("--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=1GB")


def write_configuration(data: DataFolder, targets: Targets, *, factor: float, token: str | None) -> None:
    """Write what it reads at its start. Ours alone: it may hold the token for /metrics."""
    data.prometheus.mkdir(mode=0o700, exist_ok=True)
    write_rules(_rules(data), factor)
    write_text(_configuration(data), scrape_config(targets, _rules(data), factor=factor, token=token))


def server_spec(data: DataFolder, program: Path, port: int, environment: Mapping[str, str]) -> ChildSpec:
    """Its process; it has started when it has read its data and its rules."""
    ready = readiness.on_http("127.0.0.1", port, "/-/ready")
    return ChildSpec(
        name="prometheus",
        role="prometheus",
        argv=(
            str(program),
            f"--config.file={_configuration(data)}",
            f"--storage.tsdb.path={data.prometheus / 'data'}",
            *_KEPT,
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ),
        env=environment,
        log=data.logs / "prometheus.log",
        ready=ready,
        healthy=ready,
        grace_seconds=15.0,
    )


def _configuration(data: DataFolder) -> Path:
    return data.prometheus / "prometheus.yml"


def _rules(data: DataFolder) -> Path:
    return data.prometheus / "rules"
