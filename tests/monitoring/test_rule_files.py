"""The rules as files: they are what the table says, Prometheus accepts them, and every metric in them exists."""

import re
import subprocess
from pathlib import Path

import pytest

from durable_research.monitoring.catalogue import ALERTS, GROUPS
from durable_research.monitoring.rule_files import rule_files, write_rules
from durable_research.monitoring.rules import Alert, Group, Recording, Severity
from durable_research.monitoring.time_factor import duration, faster
from durable_research.telemetry.metrics import METRICS
from tests.monitoring.metric_names import metrics_in, without_part
from tests.programs import promtool

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"
RULES = ROOT / "deploy" / "monitoring" / "rules"
EXPRESSIONS = [rule.expression for group in GROUPS for rule in group.rules]


def test_the_files_are_what_the_table_says() -> None:
    assert {file.name: file.read_text() for file in RULES.iterdir()} == rule_files(), "run: make rules"


@pytest.mark.parametrize("factor", [1, 7, 60, 3600])
def test_prometheus_accepts_every_file_at_any_factor(tmp_path: Path, factor: float) -> None:
    write_rules(tmp_path, factor)

    checked = subprocess.run(
        [promtool(), "check", "rules", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_file_that_is_no_longer_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "old.yml").write_text("groups: []")

    write_rules(tmp_path)

    assert {file.name for file in tmp_path.iterdir()} == set(rule_files())


def test_a_factor_divides_ranges_offsets_ages_and_durations_and_no_latency() -> None:
    alert = Alert("A", Severity.PAGE, "10m", "s", 'rate(x[5m]) > 5 and y > $900s and z{le="$le600"} unless w offset 1h')

    quick = faster(Group("g", (alert, Recording("r", "rate(x[30s])"))), 60)

    assert [rule.expression for rule in quick.rules] == [
        'rate(x[5s]) > 5 and y > 15 and z{le="15.0"} unless w offset 60s',
        "rate(x[500ms])",
    ]
    assert quick.alerts[0].lasts == "10s"


def test_the_edge_of_a_bucket_is_one_that_the_histogram_has() -> None:
    alert = Alert("A", Severity.PAGE, "0m", "s", 'x{le="$le600"}')

    edges = {factor: faster(Group("g", (alert,)), factor).alerts[0].expression for factor in (1, 10, 60, 10_000)}

    assert edges == {1: 'x{le="600.0"}', 10: 'x{le="60.0"}', 60: 'x{le="15.0"}', 10_000: 'x{le="1.0"}'}


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h", "5 m", "-1m"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no length of time"):
        duration(text, 60)


def test_every_metric_in_a_rule_exists() -> None:
    ours = {metric.name for metric in METRICS} | {"up"}
    of_the_sdk = set(
        re.findall(r"^\| `(temporal_\w+)` \| (?:gauge|counter|histogram) \|", PAGE.read_text(), re.MULTILINE)
    )
    recorded = {rule.name for group in GROUPS for rule in group.rules if isinstance(rule, Recording)}
    used = {name for expression in EXPRESSIONS for name in map(without_part, metrics_in(expression))}

    assert {name for name in used if name not in ours | of_the_sdk | recorded} == set()


def test_every_alert_is_named_once_and_says_what_a_person_can_read() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)
    for alert in ALERTS:
        assert re.fullmatch(r"([A-Z][a-z]+)+", alert.name), alert.name
        assert alert.summary[0] in "{ABCDEFGHIJKLMNOPQRSTUVWXYZ", alert.name
        assert alert.summary.endswith("."), alert.name
