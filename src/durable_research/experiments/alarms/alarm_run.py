"""Causes each alert once on a real installation with Prometheus, and measures how long it takes to fire and to resolve."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from durable_research.experiments.alarms.faults import ENVIRONMENT, NOT_CAUSED, SCENARIOS, Scenario
from durable_research.experiments.alarms.prometheus_client import firing
from durable_research.experiments.alarms.stage import Stage
from durable_research.experiments.evidence.own_installation import OwnInstallation
from durable_research.local.console import Say

FACTOR = 60
_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class AlarmResult:
    """One alert: seconds from the fault to its firing, and from the remedy to its end; None where it did not come to that."""

    alert: str
    fault: str
    fired_after: float | None
    resolved_after: float | None


@dataclass(frozen=True)
class Options:
    """The options of the command line; no `alerts` are all. `patience_seconds` is the longest wait for a firing or an end."""

    data: Path
    alerts: frozenset[str] = frozenset()
    patience_seconds: float = 480.0

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Those that cause at least one of the alerts."""
        return tuple(one for one in SCENARIOS if not self.alerts or self.alerts & set(one.alerts))


@dataclass
class AlarmRun:
    """Runs once; `results` and `seconds` are set afterwards."""

    options: Options
    say: Say
    results: list[AlarmResult] = field(default_factory=list)
    seconds: float = 0.0

    def run(self) -> None:
        """Start an installation, cause one fault after the other, stop everything."""
        began = time.monotonic()
        installation = OwnInstallation(
            self.options.data, environment=ENVIRONMENT, extras=("prometheus",), factor=FACTOR
        )
        installation.start()
        try:
            installation.latency(0)
            stage = Stage(installation)
            for scenario in self.options.scenarios:
                self._try(scenario, stage, installation.running.prometheus)
        finally:
            installation.stop()
        self.seconds = time.monotonic() - began

    @property
    def held(self) -> bool:
        """Whether there were alerts, and each has fired and resolved."""
        return bool(self.results) and all(one.resolved_after is not None for one in self.results)

    def _try(self, scenario: Scenario, stage: Stage, prometheus: str) -> None:
        self.say(f"{scenario.sentence}: {', '.join(scenario.alerts)}")
        began = time.monotonic()
        with scenario.fault(stage):
            fired = self._until(scenario.alerts, prometheus, began, fires=True)
        resolved = self._until(fired, prometheus, time.monotonic(), fires=False)
        for alert in scenario.alerts:
            self.results.append(AlarmResult(alert, scenario.sentence, fired.get(alert), resolved.get(alert)))

    def _until(self, alerts: Iterable[str], prometheus: str, began: float, *, fires: bool) -> dict[str, float]:
        """The seconds after which each alert fired, or no longer did."""
        seconds: dict[str, float] = {}
        waited_for = set(alerts)
        while waited_for and time.monotonic() - began < self.options.patience_seconds:
            now = firing(prometheus)
            for alert in sorted(one for one in waited_for if (one in now) == fires):
                waited_for.remove(alert)
                seconds[alert] = time.monotonic() - began
                self.say(f"  {alert} {'fires' if fires else 'is over'} after {seconds[alert]:.0f} s")
            time.sleep(_POLL_SECONDS)
        for alert in sorted(waited_for):
            self.say(f"  {alert} {'does not fire' if fires else 'does not end'}")
        return seconds


def as_markdown(command: str, run: AlarmRun) -> str:
    """The page."""
    lines = ["| alert | fault | fires after | is over after |", "|---|---|---|---|"]
    lines += [
        f"| {_link(one.alert)} | {one.fault} | {_seconds(one.fired_after)} | {_seconds(one.resolved_after)} |"
        for one in sorted(run.results, key=lambda one: one.alert)
    ]
    skipped = [f"| {_link(alert)} | {why} |" for alert, why in sorted(NOT_CAUSED.items())]
    parts = [
        f"# Alarms: {'every alert fired and resolved' if run.held else 'NOT ALL FIRED AND RESOLVED'}",
        f"`{command}`",
        f"{len(run.results)} alerts in {run.seconds:.0f} s, each by a real fault on a real installation. Ranges, ages and "
        f"durations of the rules are divided by {FACTOR}: a minute is a second. The first time counts from the fault, the "
        "second from its remedy.",
        "\n".join(lines),
        "## Not caused here\n\nEach has its cases in `tests/monitoring/cases.py`, as all others have.",
        "\n".join(["| alert | why |", "|---|---|", *skipped]),
    ]
    return "\n\n".join(parts) + "\n"


def _link(alert: str) -> str:
    return f"[{alert}](runbooks/{alert}.md)"


def _seconds(value: float | None) -> str:
    return "**NO**" if value is None else f"{value:.0f} s"
