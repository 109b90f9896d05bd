"""The plan of the one-machine edition: programs, arguments, environment and addresses. Starts nothing."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from durable_research import policies
from durable_research.local.data_folder import DataFolder
from durable_research.local.errors import LocalError
from durable_research.local.postgres.programs import STATE_OF_ROOT
from durable_research.local.postgres.server import Instance
from durable_research.local.processes import readiness
from durable_research.local.processes.child import Check, ChildSpec
from durable_research.local.processes.supervisor import Pace
from durable_research.local.prometheus import server as prometheus
from durable_research.local.roles import EXTRAS, ROLES
from durable_research.local.simulator_settings import simulator_settings
from durable_research.local.temporal import server
from durable_research.monitoring import jobs
from durable_research.settings.defaults import DEFAULT_API_PORT
from durable_research.telemetry.logs import WORKER_READY

SIMULATOR = (sys.executable, "-m", "durable_research.simulator")
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - recognised here, never bound here
# Stopped from the highest stage down: workers drain while everything they need still runs.
SERVERS, FRONT, WORKERS = 0, 1, 2
EDITION_PORTS = ("postgres", "temporal", "temporal_ui", "simulator", "simulator_smtp")

# A process exits within this after it has drained.
_EXIT_SECONDS = 10.0


@dataclass(frozen=True)
class UpOptions:
    """The options of the command line; those after `factor` are for tests.

    `only` None means every role; `extras` are started besides. `port` 0 means any free one, kept for the next run.
    `factor` is how much faster Prometheus' rules are. `state` is PostgreSQL's folder for root.
    """

    data: Path
    port: int = DEFAULT_API_PORT
    workers: int = 2
    only: tuple[str, ...] | None = None
    host: str = "127.0.0.1"
    extras: tuple[str, ...] = ()
    factor: float = 1
    state: Path = STATE_OF_ROOT
    program: tuple[str, ...] = (sys.executable, "-m", "durable_research")
    simulator_program: tuple[str, ...] = SIMULATOR
    pace: Pace = field(default_factory=Pace)
    simulator_key: str = "simulator"  # a test searches logs for it, so it must be able to choose it
    model_address: str | None = None  # the address for model calls, instead of the simulator's own

    def __post_init__(self) -> None:
        for option, chosen, known in (("--only", self.only or (), ROLES), ("--with", self.extras, EXTRAS)):
            if unknown := sorted(set(chosen) - set(known)):
                raise LocalError(f"{option} names {', '.join(unknown)}; there are {', '.join(known)}")
        if self.workers < 0 or not 0 <= self.port < 65536:
            raise LocalError(f"--workers {self.workers} --port {self.port}: workers from 0 up, ports from 0 to 65535")

    @property
    def worker_names(self) -> tuple[str, ...]:
        """The names of the worker processes."""
        return tuple(f"worker-{number}" for number in range(1, self.workers + 1))

    @property
    def role_port_names(self) -> tuple[str, ...]:
        """The names under which the ports of API and workers for metrics and probes are chosen."""
        return tuple(map(role_port_name, ("api", *self.worker_names)))

    @property
    def port_names(self) -> tuple[str, ...]:
        """The names of all ports that are chosen, but the API's."""
        return (*EDITION_PORTS, *self.role_port_names, *(prometheus.PORTS if "prometheus" in self.extras else ()))

    def roles(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """The roles to start; with the operator's own model key the simulator is not started."""
        selected = ROLES if self.only is None else self.only
        return tuple(
            role for role in ROLES if role in selected and (role != "simulator" or uses_simulator(environment))
        )


def role_port_name(process: str) -> str:
    """The name under which a process's port for metrics and probes is chosen and stored."""
    return f"{process}-role-port"


def uses_simulator(environment: Mapping[str, str]) -> bool:
    """Whether the simulator replaces a real model."""
    return not environment.get("OPENAI_API_KEY")


@dataclass(frozen=True)
class Plan:
    """Every address of one run, and from them every child's command and environment."""

    options: UpOptions
    data: DataFolder
    ports: Mapping[str, int]
    instance: Instance
    environment: Mapping[str, str]

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that this run starts, by name."""
        return self.options.roles(self.environment)

    @property
    def temporal_address(self) -> str:
        """The own server's; without that role, the operator's setting, or the address of the last run."""
        address = f"127.0.0.1:{self.ports['temporal']}"
        return address if "temporal" in self.roles else self.environment.get("TEMPORAL_ADDRESS") or address

    @property
    def database_url(self) -> str:
        """The own server's; without that role, the operator's setting, or the address of the last run."""
        url = self.instance.url(self.ports["postgres"])
        return url if "postgres" in self.roles else self.environment.get("DATABASE_URL") or url

    @property
    def api_url(self) -> str:
        """Where a program on this machine finds the API."""
        host = self.reachable_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.ports['api']}"

    @property
    def reachable_host(self) -> str:
        """The API's host as a client on this machine must write it."""
        return ANY_ADDRESS.get(self.options.host, self.options.host)

    @property
    def simulator_url(self) -> str | None:
        """The simulator's address, or None with the operator's own model key."""
        return f"http://127.0.0.1:{self.ports['simulator']}" if uses_simulator(self.environment) else None

    @property
    def temporal_ui_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['temporal_ui']}"

    @property
    def role_ports(self) -> dict[str, str]:
        """Where each of our processes answers /metrics, /livez and /readyz, by the process's name."""
        api = ("api",) if "api" in self.roles else ()
        workers = self.options.worker_names if "worker" in self.roles else ()
        return {name: f"http://{self._role_address(name)}" for name in (*api, *workers)}

    @property
    def prometheus_url(self) -> str:
        """Empty without it."""
        return f"http://127.0.0.1:{self.ports['prometheus']}" if "prometheus" in self.options.extras else ""

    def prometheus(self, program: Path) -> ChildSpec:
        """Prometheus, with the configuration for this run's addresses."""
        addresses = {name: self._role_address(name) for name in self.role_ports}
        own = {"temporal": f"127.0.0.1:{self.ports['temporal_metrics']}"} if "temporal" in self.roles else {}
        workers = {name: address for name, address in addresses.items() if name != "api"}
        api = {name: address for name, address in addresses.items() if name == "api"}
        targets = {jobs.API: api, jobs.WORKER: workers, jobs.TEMPORAL: own}
        token = self.environment.get("DURABLE_RESEARCH_METRICS_TOKEN")
        prometheus.write_configuration(self.data, targets, factor=self.options.factor, token=token)
        return prometheus.server_spec(self.data, program, self.ports["prometheus"], self.environment)

    def _role_address(self, process: str) -> str:
        return f"127.0.0.1:{self.ports[role_port_name(process)]}"

    @property
    def _drain_seconds(self) -> float:
        """A worker's drain time; a setting that is no number was refused before anything started."""
        return float(self.environment.get("DRAIN_SECONDS") or policies.DRAIN.total_seconds())

    @property
    def stores_payload_keys(self) -> bool:
        """Whether payloads are encrypted with a key of the data folder, because the operator set none."""
        return not (self.environment.get("PAYLOAD_KEYS") or self.environment.get("PAYLOAD_KEYS_FILE"))

    def child_environment(self) -> dict[str, str]:
        """The environment of our programs: the operator's, with the addresses of this run."""
        settings = {
            "DURABLE_RESEARCH_DATA": str(self.data.root),
            "DATABASE_URL": self.database_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "DURABLE_RESEARCH_TEMPORAL_UI_URL": self.temporal_ui_url,
            "OBJECT_STORE_URL": self.environment.get("OBJECT_STORE_URL") or self.data.objects.as_uri(),
            "PYTHONUNBUFFERED": "1",  # the log files are read while they are written
        }
        if self.stores_payload_keys:
            settings["PAYLOAD_KEYS_FILE"] = str(self.data.payload_keys)
        if "temporal" in self.roles:
            settings["DURABLE_RESEARCH_CODEC_ORIGIN"] = self.temporal_ui_url
        if self.prometheus_url:
            settings["DURABLE_RESEARCH_PROMETHEUS_URL"] = self.prometheus_url
        if self.simulator_url:
            settings |= simulator_settings(self.simulator_url, self.ports["simulator_smtp"], self.options.simulator_key)
            if self.environment.get("OPENAI_EMBEDDING_MODEL") == "":  # the operator turned embeddings off
                del settings["OPENAI_EMBEDDING_MODEL"]
            if self.options.model_address:
                settings["OPENAI_BASE_URL"] = f"{self.options.model_address}/v1"
        # Workers write links in notifications but serve no pages: the setting gives them the pages' address.
        return {"DURABLE_RESEARCH_PUBLIC_URL": self.api_url, **self.environment, **settings}

    def preparation(self, verb: str) -> ChildSpec:
        """The child for `migrate` or `init`: it runs to its end."""
        return self._own_program(verb, verb, (verb,), ready=readiness.on_log(""), stage=SERVERS)

    def temporal(self, program: Path) -> ChildSpec:
        """Temporal's dev server; the check requests its pages too, because a hung process still accepts connections."""
        port, ui_port = self.ports["temporal"], self.ports["temporal_ui"]
        serves = readiness.all_of(readiness.on_tcp("127.0.0.1", port), readiness.on_http("127.0.0.1", ui_port, "/"))
        return ChildSpec(
            name="temporal",
            role="temporal",
            argv=server.server_command(
                program,
                port=port,
                ui_port=ui_port,
                database=self.data.temporal / "temporal.db",
                options=server.start_dev_help(program),
                codec=f"{self.api_url}/codec" if "api" in self.roles else None,
                metrics_port=self.ports.get("temporal_metrics"),
            ),
            env=self.environment,
            log=self.data.logs / "temporal.log",
            ready=serves,
            healthy=serves,
            grace_seconds=15.0,
            stage=SERVERS,
        )

    def simulator(self) -> ChildSpec:
        """The simulator of the outside world; it receives none of our addresses."""
        port, smtp_port = self.ports["simulator"], self.ports["simulator_smtp"]
        arguments = ("--port", str(port), "--smtp-port", str(smtp_port), "--witness", str(self.data.billing_log))
        return ChildSpec(
            name="simulator",
            role="simulator",
            argv=(*self.options.simulator_program, *arguments),
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            log=self.data.logs / "simulator.log",
            ready=readiness.on_tcp("127.0.0.1", port),
            healthy=readiness.on_tcp("127.0.0.1", port),
            stage=SERVERS,
        )

    def api(self) -> ChildSpec:
        """The API and the pages."""
        port = self.ports["api"]
        alive = readiness.on_http(self.reachable_host, port, "/livez")
        arguments = ("api", "--host", self.options.host, "--port", str(port))
        return self._own_program("api", "api", arguments, ready=alive, healthy=alive, stage=FRONT)

    def workers(self) -> list[ChildSpec]:
        """As many workers as configured; each is ready when it polls, and after that Temporal watches its heartbeats."""
        return [
            self._own_program(
                name, "worker", ("worker", "--name", name), ready=readiness.on_log(WORKER_READY.name), stage=WORKERS
            )
            for name in self.options.worker_names
        ]

    def _own_program(
        self,
        name: str,
        role: str,
        arguments: tuple[str, ...],
        *,
        ready: Check,
        stage: int,
        healthy: Check | None = None,
    ) -> ChildSpec:
        return ChildSpec(
            name=name,
            role=role,
            argv=(*self.options.program, *arguments),
            env=self.child_environment() | self._own_address(name),
            log=self.data.logs / f"{name}.log",
            ready=ready,
            healthy=healthy,
            grace_seconds=self._drain_seconds + _EXIT_SECONDS,
            stage=stage,
            identity_variable="DURABLE_RESEARCH_WORKER_IDENTITY" if role == "worker" else None,
        )

    def _own_address(self, name: str) -> dict[str, str]:
        """The one setting that no two processes may share."""
        return {"DURABLE_RESEARCH_METRICS_ADDRESS": self._role_address(name)} if name in self.role_ports else {}


def current_environment() -> dict[str, str]:
    """The environment of the user who started us, read once."""
    return dict(os.environ)
