"""The dashboards as files: they are what the builders write, Grafana's classes read them, and their queries are sound."""

import configparser
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.monitoring.dashboards.builders.catalogue import BOARDS
from deploy.monitoring.dashboards.builders.files import as_json, dashboard_files, write_dashboards
from deploy.monitoring.dashboards.builders.grafana import DEPLOYED
from durable_research.monitoring.catalogue import ALERTS, GROUPS
from durable_research.monitoring.rules import Recording
from durable_research.monitoring.scraping import scrape_config
from durable_research.telemetry.metrics import METRICS
from tests.monitoring.metric_names import metrics_in, without_part
from tests.programs import promtool

ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "deploy" / "monitoring" / "dashboards"
GRAFANA = ROOT / "deploy" / "monitoring" / "grafana"
FILES = {file.name: json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))}
PANELS = [(name, panel) for name, file in FILES.items() for panel in file["panels"]]
QUERIES = [target["expr"] for _, panel in PANELS for target in panel["targets"]]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
EVERY_FILE = pytest.mark.parametrize("name", FILES)
EVERY_PANEL = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{name}-{panel['title']}" for name, panel in PANELS]
)
# Those that Prometheus' clients export of every process, and Prometheus itself.
OF_EVERY_PROCESS = {
    "up",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
}


def test_the_files_are_what_the_builders_write() -> None:
    assert {file.name: file.read_text() for file in DASHBOARDS.glob("*.json")} == dashboard_files(), (
        "run: make dashboards"
    )


def test_there_is_one_for_each_audience() -> None:
    assert set(FILES) == {"product.json", "workers.json", "temporal.json", "platform.json", "slo.json"}


@EVERY_FILE
def test_grafanas_own_classes_read_each_file_and_write_it_unchanged(name: str) -> None:
    register_default_plugins()

    assert as_json(Dashboard.from_json(FILES[name])) == (DASHBOARDS / name).read_text()


def test_a_file_that_is_no_longer_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")

    write_dashboards(tmp_path)

    assert {file.name for file in tmp_path.iterdir()} == set(FILES)


def test_links_begin_where_your_documents_are(tmp_path: Path) -> None:
    write_dashboards(tmp_path, "https://git.example.org/docs")

    for file in tmp_path.iterdir():
        variable = next(one for one in json.loads(file.read_text())["templating"]["list"] if one["name"] == "documents")
        assert variable["query"] == variable["current"]["value"] == "https://git.example.org/docs"


@EVERY_FILE
def test_each_has_its_address_its_variables_and_a_mark_for_deployments(name: str) -> None:
    board = FILES[name]

    assert board["uid"] == f"durable-research-{Path(name).stem}"
    assert [(one["name"], one["type"]) for one in board["templating"]["list"]] == [
        ("datasource", "datasource"),
        ("documents", "textbox"),
    ]
    assert [(one["expr"], one["datasource"]) for one in board["annotations"]["list"]] == [(DEPLOYED, SOURCE)]
    assert len({panel["title"] for panel in board["panels"]}) == len(board["panels"])
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))


@EVERY_PANEL
def test_each_panel_says_what_it_shows_in_which_unit_and_where_to_read_on(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == SOURCE
    assert panel["targets"]
    assert all(target["datasource"] == SOURCE and target["legendFormat"] for target in panel["targets"])
    (link,) = panel["links"]
    address = re.fullmatch(r"\$\{documents:raw\}/(.+)", link["url"])
    assert address
    assert (ROOT / "docs" / address[1]).is_file()


def test_each_alert_that_a_panel_names_exists_and_each_kind_of_alert_is_shown() -> None:
    named = {panel.alert for board in BOARDS for panel in board.panels if panel.alert}

    assert named <= {alert.name for alert in ALERTS}
    shown = {without_part(name) for query in QUERIES for name in metrics_in(query)}
    behind = {name for rule in _rules() for name in _measured(rule)}
    assert behind - shown == set(), "what alerts read is on some panel"


def _rules() -> list[str]:
    return [rule.expression for group in GROUPS for rule in group.rules]


def _measured(expression: str) -> set[str]:
    """The metrics of a rule that no rule has recorded."""
    return {without_part(name) for name in metrics_in(expression) if ":" not in name}


def test_every_metric_in_a_query_exists() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)` \| (?:gauge|counter|histogram) \|", page, re.MULTILINE))
    recorded = {rule.name for group in GROUPS for rule in group.rules if isinstance(rule, Recording)}
    known = {metric.name for metric in METRICS} | listed | recorded | OF_EVERY_PROCESS
    used = {name for query in (*QUERIES, DEPLOYED) for name in metrics_in(query)}

    assert {name for name in used if name not in known and without_part(name) not in known} == set()
    of_rules = {name for rule in _rules() for name in metrics_in(rule)}
    used |= of_rules | {without_part(name) for name in used | of_rules}
    assert listed - {metric.name for metric in METRICS} <= used, "the page lists those of others that are used"


def test_prometheus_reads_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"query_{number}", "expr": substituted(query)} for number, query in enumerate([*QUERIES, DEPLOYED])
    ]
    assert not any("$" in rule["expr"] for rule in rules), "a variable that Grafana would not know"
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))

    checked = subprocess.run([promtool(), "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def substituted(query: str) -> str:
    return query.replace("$__rate_interval", "1m")


def test_grafana_asks_prometheus_in_windows_of_its_scrapes() -> None:
    (source,) = yaml.safe_load((GRAFANA / "datasources.yml").read_text())["datasources"]

    scraped = json.loads(scrape_config({}, Path("rules")))["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
    assert source["type"] == "prometheus"


def test_grafana_reads_dashboards_from_files_and_changes_none() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "dashboards.yml").read_text())["providers"]

    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)


def test_grafana_can_be_framed_by_our_pages_alone_and_lets_nobody_in_by_itself() -> None:
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(GRAFANA / "grafana.ini")

    assert ini["server"].getboolean("serve_from_sub_path")
    assert ini["security"].getboolean("allow_embedding")
    assert ini["security"].getboolean("cookie_secure")
    assert "frame-ancestors 'self'" in ini["security"]["content_security_policy_template"]
    assert ini["security"]["secret_key"].startswith("$__env{"), "no key of ours is everybody's"
    assert not ini["auth.anonymous"].getboolean("enabled")
    assert ini["auth.proxy"]["whitelist"], "an empty list believes everybody"
    assert not ini["snapshots"].getboolean("external_enabled")
    assert not ini["analytics"].getboolean("reporting_enabled")
