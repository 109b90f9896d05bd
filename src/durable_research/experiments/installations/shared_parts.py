"""The parts that several small installations on one machine share: servers, a simulator per provider class, a fork server."""

import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from durable_research.experiments.crash_points import ACCEPTANCE_SECONDS
from durable_research.experiments.installations.fork_client import ForkClient
from durable_research.experiments.installations.slot import Provider, SharedParts, Slot
from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder
from durable_research.local.edition import run_edition
from durable_research.local.plan import SIMULATOR, UpOptions
from durable_research.local.processes import readiness
from durable_research.local.processes.child import ChildSpec
from durable_research.local.processes.ports import choose_ports
from durable_research.local.processes.supervisor import Supervisor
from durable_research.local.up import Up

# The modules that a worker and an API import at start; the fork server imports them once.
MODULES = (
    "durable_research.cli.main",
    "durable_research.cli.operator.worker",
    "durable_research.cli.operator.api",
    "durable_research.worker.process",
    "durable_research.web.serve",
    "uvloop",
)
_OWN_PREFIXES = (
    "DURABLE_RESEARCH_", "OPENAI_", "MODEL_", "PROVIDER_", "DRAIN_", "TEMPORAL_", "SLACK_", "SMTP_", "DATABASE_",
    "OBJECT_STORE_",
)  # fmt: skip


@dataclass(frozen=True)
class SimulatorTiming:
    """The simulators' timing: how long a call takes, and how long an accepted one cannot be found by a search."""

    latency_seconds: float = 0.3
    lag_seconds: float = 0.5
    # Longer than an intent's age, latency, acceptance and lag together, as an operator must choose it for a real provider.
    settle_seconds: float = 5.0
    # Longer than any call and any freeze: after that at the latest, a search without a result is trusted.
    longest_call_seconds: float = 15.0


async def run_with_servers(data: Path, say: Say, run: Callable[[Up, Supervisor], Awaitable[None]]) -> None:
    """Start PostgreSQL and Temporal alone, pass their addresses to `run`, and stop them when it raises `Finished`."""
    supervisors: list[Supervisor] = []
    up = UpOptions(data=data, port=0, workers=0, only=("postgres", "temporal"))
    code = await run_edition(up, say, lambda up: run(up, supervisors[0]), supervised=supervisors.append)
    if code:
        raise RuntimeError("the servers did not start; see above")


async def prepare_shared_parts(
    data: DataFolder,
    up: Up,
    forks: ForkClient,
    supervisor: Supervisor,
    classes: Iterable[str],
    timing: SimulatorTiming,
    label: str = "",
) -> SharedParts:
    """Start a simulator for each class, beside the running servers; the label distinguishes several grounds."""
    unique_classes = sorted(set(classes))
    names = {one: f"simulator-{label}{one}" for one in unique_classes}
    ports = choose_ports(data.ports, [f"{name}{what}" for name in names.values() for what in ("", "-smtp")])
    providers = {}
    for one, name in names.items():
        port, smtp_port, billing_log = ports[name], ports[f"{name}-smtp"], data.root / f"witness-{label}{one}.jsonl"
        providers[one] = Provider(f"http://127.0.0.1:{port}", billing_log, smtp_port)
        await supervisor.start(_simulator(name, port, providers[one], data.logs, timing, keyed=one == "K"))
    return SharedParts(
        database_url=up.database,
        temporal=up.temporal,
        providers=providers,
        forks=forks,
        base={name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIXES)},
        settle_seconds=timing.settle_seconds,
        longest_call_seconds=timing.longest_call_seconds,
        payload_keys=data.payload_keys,
    )


async def prepare_slots(data: DataFolder, shared: SharedParts, count: int, first: int = 1) -> list[Slot]:
    """Create `count` slots, one by one: a template database must have no other connection meanwhile."""
    numbers = range(first, first + count)
    ports = choose_ports(data.ports, [f"slot-{number}" for number in numbers])
    slots = [Slot(number, data.root / f"slot-{number}", ports[f"slot-{number}"], shared) for number in numbers]
    for slot in slots:
        await slot.prepare()
    return slots


def _simulator(
    name: str, port: int, provider: Provider, logs: Path, timing: SimulatorTiming, *, keyed: bool
) -> ChildSpec:
    times = {
        "latency": timing.latency_seconds,
        "visibility-lag": timing.lag_seconds,
        "acceptance": ACCEPTANCE_SECONDS,
    }
    arguments = ["--port", str(port), "--smtp-port", str(provider.smtp_port), "--witness", str(provider.billing_log)]
    for name_of, seconds in times.items():
        arguments += [f"--{name_of}-seconds", str(seconds)]
    return ChildSpec(
        name=name,
        role="simulator",
        argv=(*SIMULATOR, *arguments, *(("--honour-idempotency-key",) * keyed)),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        log=logs / f"{name}.log",
        ready=readiness.on_tcp("127.0.0.1", port),
    )
