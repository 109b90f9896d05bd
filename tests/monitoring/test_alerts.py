"""Every alert fires when it should and is silent when it should be, as Prometheus' own tool evaluates the rules."""

import json
import subprocess
from pathlib import Path
from typing import Any

from durable_research.monitoring.catalogue import ALERTS
from durable_research.monitoring.rule_files import write_rules
from tests.monitoring.cases import CASES, Case
from tests.programs import promtool


def as_promtool(case: Case) -> dict[str, Any]:
    severity = {one.name: one.severity for one in ALERTS}[case.alert]
    firing = {"alertname": case.alert, "alertstate": "firing", "severity": str(severity)}
    fired = [
        {
            "labels": "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in {**firing, **labels}.items()) + "}",
            "value": 1,
        }
        for labels in case.fires
    ]
    question = f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}'
    return {
        "name": f"{case.alert}: {case.why}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [{"expr": question, "eval_time": f"{case.minute}m", "exp_samples": fired}],
    }


def test_every_alert_fires_and_stays_silent_where_its_cases_say_so(tmp_path: Path) -> None:
    """One call for all: the tool's output names the case that is wrong."""
    write_rules(tmp_path / "rules")
    tests = {
        "rule_files": [str(file) for file in sorted((tmp_path / "rules").glob("*.yml"))],
        "evaluation_interval": "1m",
        "tests": [as_promtool(case) for case in CASES],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(tests))  # JSON is YAML

    tested = subprocess.run(
        [promtool(), "test", "rules", str(tmp_path / "tests.yml")], capture_output=True, text=True, check=False
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent() -> None:
    names = {alert.name for alert in ALERTS}

    assert {case.alert for case in CASES if case.fires} == names
    assert {case.alert for case in CASES if not case.fires} == names
