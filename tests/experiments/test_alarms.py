"""Each alert is caused by a fault or listed with the reason; the results of a full run are in docs/alarms.md."""

from pathlib import Path

import pytest

from durable_research.catalogue import policies
from durable_research.experiments.alarms.alarm_run import FACTOR, AlarmResult, AlarmRun, Options, as_markdown
from durable_research.experiments.alarms.faults import ENVIRONMENT, NOT_CAUSED, SCENARIOS
from durable_research.failpoints.registry import check_rules
from durable_research.monitoring.catalogue import ALERTS
from durable_research.settings.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "alarms.md"
CAUSED = [alert for scenario in SCENARIOS for alert in scenario.alerts]


def test_each_alert_is_caused_once_or_listed_with_the_reason() -> None:
    assert sorted([*CAUSED, *NOT_CAUSED]) == sorted(alert.name for alert in ALERTS)


def test_the_settings_and_failpoints_of_the_faults_exist() -> None:
    """A misspelt setting would change nothing, and its alert would be waited for in vain."""
    assert set(ENVIRONMENT) <= {field.alias for field in Settings.model_fields.values()}
    check_rules(ENVIRONMENT["DURABLE_RESEARCH_FAILPOINTS"], policies().values())


def test_the_page_of_the_last_full_run_has_every_alert() -> None:
    rows = {line.split("](")[0].removeprefix("| [") for line in PAGE.read_text().splitlines() if line.startswith("| [")}

    assert rows == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alerts", [frozenset(), frozenset({"ApiNotReady"})])
def test_only_faults_that_cause_a_wanted_alert_are_tried(tmp_path: Path, alerts: frozenset[str]) -> None:
    tried = {alert for one in Options(tmp_path, alerts).scenarios for alert in one.alerts}

    assert tried == (alerts or set(CAUSED))


@pytest.mark.parametrize(
    ("fired", "resolved", "row", "title"),
    [
        (3.4, 12.0, "| 3 s | 12 s |", "every alert fired and resolved"),
        (3.4, None, "| 3 s | **NO** |", "NOT ALL FIRED AND RESOLVED"),
        (None, None, "| **NO** | **NO** |", "NOT ALL FIRED AND RESOLVED"),
    ],
)
def test_the_page_tells_what_did_not_happen(
    tmp_path: Path, fired: float | None, resolved: float | None, row: str, title: str
) -> None:
    run = AlarmRun(Options(tmp_path), print, [AlarmResult("ApiNotReady", "the API dies", fired, resolved)], 60.0)

    page = as_markdown("durable-research alarms", run)

    assert page.startswith(f"# Alarms: {title}\n")
    assert f"| [ApiNotReady](runbooks/ApiNotReady.md) | the API dies {row}" in page.splitlines()
    assert f"divided by {FACTOR}" in page


def test_an_alert_fires_and_resolves_on_a_real_installation(tmp_path: Path) -> None:
    """The quickest of them; no alert of this machine's load is among it."""
    # Shorter than the test's own limit, which would not say what was waited for.
    run = AlarmRun(Options(tmp_path / "data", frozenset({"ApiNotReady"}), patience_seconds=120), print)

    run.run()

    assert [(one.alert, one.fired_after is None, one.resolved_after is None) for one in run.results] == [
        ("ApiNotReady", False, False)
    ]
