"""Every alert has a runbook, every runbook an alert; what a runbook has you type exists."""

import importlib
import re
import shlex

import pytest

from durable_research.catalogue import policies
from durable_research.cli.main import COMMANDS
from durable_research.domain import errors, model_errors
from durable_research.monitoring.catalogue import ALERTS
from durable_research.monitoring.rules import Alert
from durable_research.settings.settings import Settings
from durable_research.telemetry.metrics import METRICS
from tests.monitoring.runbooks import FOLDER, PAGES, blocks

EACH = pytest.mark.parametrize("alert", ALERTS, ids=[alert.name for alert in ALERTS])
READS_ONLY = {"list", "show", "doctor"}


def test_alerts_and_runbooks_are_the_same() -> None:
    assert set(PAGES) == {alert.name for alert in ALERTS}
    assert {file.name for file in FOLDER.iterdir()} == {f"{name}.md" for name in PAGES}


@EACH
def test_a_runbook_answers_the_four_questions_in_order(alert: Alert) -> None:
    page = PAGES[alert.name]

    assert re.findall(r"^#+ .*$", page, re.MULTILINE) == [
        f"# {alert.name}",
        "## What it means",
        "## What the user feels",
        "## How to see it",
        "## What to do",
    ]
    assert f"\nSeverity: {alert.severity}. It fires when " in page
    assert "```promql\n" in page


@EACH
def test_links_of_a_runbook_lead_somewhere(alert: Alert) -> None:
    links = re.findall(r"\]\(([^)#]+)", PAGES[alert.name])

    assert [link for link in links if not (FOLDER / link).exists()] == []


@pytest.mark.parametrize("line", blocks("console"))
def test_a_command_that_changes_something_exists_with_its_arguments(line: str) -> None:
    program, command, *arguments = shlex.split(line.replace(" ID", " abc123").replace(" QUEUE", " ai-tasks"))

    assert program == "durable-research"
    assert command not in READS_ONLY
    importlib.import_module(COMMANDS[command][0]).command.make_context(command, arguments)


@pytest.mark.parametrize("line", blocks("sh"))
def test_a_command_that_shows_something_changes_nothing(line: str) -> None:
    program, command, *_ = shlex.split(line)

    assert program == "tail" or (program, command in READS_ONLY) == ("durable-research", True)


def test_error_codes_steps_and_metrics_in_runbooks_exist() -> None:
    codes = {one.code for one in (*vars(errors).values(), *vars(model_errors).values()) if hasattr(one, "code")}
    metrics = {metric.name for metric in METRICS}
    named = {name for page in PAGES.values() for name in re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", page)}

    assert named - codes - metrics - set(policies()) == set()


def test_settings_in_runbooks_exist() -> None:
    known = {field.alias for field in Settings.model_fields.values()} | {"TEMPORAL_ADDRESS"}
    named = {name for page in PAGES.values() for name in re.findall(r"`([A-Z]{3,}[A-Z_]+)`", page)}

    assert named - known == set()
    assert len(named) > 5
