"""The content of `up.json` while an edition runs: its addresses and processes. Only this module knows the file's keys.

Commands read it at each start, and another version may have written it: a missing value is empty.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

UP_FILE = "up.json"


@dataclass(frozen=True)
class RunningProcess:
    """One running child; `pid` 0 when the file lacks it."""

    role: str = ""
    name: str = ""
    pid: int = 0
    identity: str = ""


@dataclass(frozen=True)
class SimulatorAddresses:
    """The simulator's addresses for requests and mail, and its billing log."""

    url: str
    smtp: str
    billing_log: Path


@dataclass(frozen=True)
class Up:
    """The addresses of one edition; no `simulator` with the operator's own model key.

    `role_ports` is where each process of ours answers metrics and probes, by its name; no `prometheus` unless it was asked for.
    """

    api: str = ""
    temporal: str = ""
    temporal_ui: str = ""
    database: str = ""
    simulator: SimulatorAddresses | None = None
    processes: tuple[RunningProcess, ...] = ()
    role_ports: Mapping[str, str] = field(default_factory=dict)
    prometheus: str = ""

    @property
    def required_simulator(self) -> SimulatorAddresses:
        """The simulator of this edition, where it must have one.

        Raises:
            LookupError: it has none.
        """
        if self.simulator is None:
            raise LookupError("this edition runs without a simulator; unset OPENAI_API_KEY")
        return self.simulator

    def as_json(self) -> dict[str, Any]:
        world = self.simulator
        return {
            "api": self.api,
            "temporal": self.temporal,
            "temporal_ui": self.temporal_ui,
            "database": self.database,
            "simulator": world.url if world else None,
            "smtp": world.smtp if world else None,
            "witness": str(world.billing_log) if world else None,
            "processes": [asdict(one) for one in self.processes],
            "role_ports": dict(self.role_ports),
            "prometheus": self.prometheus or None,
        }


def read_up(file: Path) -> Up | None:
    """Read the file; None when there is none, or it is no JSON object."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _up(value) if isinstance(value, dict) else None


def _up(value: Mapping[str, Any]) -> Up:
    simulator, processes = _text(value, "simulator"), value.get("processes")
    listed = processes if isinstance(processes, list) else []
    ports = value.get("role_ports")
    return Up(
        api=_text(value, "api"),
        temporal=_text(value, "temporal"),
        temporal_ui=_text(value, "temporal_ui"),
        database=_text(value, "database"),
        simulator=SimulatorAddresses(simulator, _text(value, "smtp"), Path(_text(value, "witness")))
        if simulator
        else None,
        processes=tuple(_process(one) for one in listed if isinstance(one, dict)),
        role_ports={name: _text(ports, name) for name in ports} if isinstance(ports, dict) else {},
        prometheus=_text(value, "prometheus"),
    )


def _process(value: Mapping[str, Any]) -> RunningProcess:
    pid = value.get("pid")
    return RunningProcess(
        role=_text(value, "role"),
        name=_text(value, "name"),
        pid=pid if isinstance(pid, int) else 0,
        identity=_text(value, "identity"),
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
