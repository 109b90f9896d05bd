"""Writes the rules as Prometheus reads them: YAML, one file for each group.

`python -m durable_research.monitoring.rule_files FOLDER` writes them at factor 1.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from durable_research.monitoring.catalogue import GROUPS
from durable_research.monitoring.rules import Alert, Group, Recording
from durable_research.monitoring.time_factor import faster

_HEAD = "# Written by `make rules` from src/durable_research/monitoring; a change there is written here.\n"


def rule_files(factor: float = 1) -> Mapping[str, str]:
    """The files by name, with every time divided by `factor`."""
    return {f"{group.name}.yml": as_yaml(faster(group, factor)) for group in GROUPS}


def write_rules(folder: Path, factor: float = 1) -> None:
    """Write them into a folder, in which no other rule file stays."""
    folder.mkdir(parents=True, exist_ok=True)
    files = rule_files(factor)
    for old in folder.glob("*.yml"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def as_yaml(group: Group) -> str:
    """One group; a text in double quotes is the same in JSON and in YAML."""
    rules = "".join(_alert(rule) if isinstance(rule, Alert) else _recording(rule) for rule in group.rules)
    return f"{_HEAD}groups:\n  - name: durable-research-{group.name}\n    rules:\n{rules}"


def _recording(rule: Recording) -> str:
    return f"      - record: {rule.name}\n{_expression(rule.expression)}"


def _alert(rule: Alert) -> str:
    head = f"      - alert: {rule.name}\n{_expression(rule.expression)}        for: {rule.lasts}\n"
    labels = f"        labels:\n          severity: {rule.severity}\n"
    summary = json.dumps(rule.summary, ensure_ascii=False)
    return f"{head}{labels}        annotations:\n          summary: {summary}\n          runbook: {rule.runbook}\n"


def _expression(expression: str) -> str:
    lines = "".join(f"          {line}\n" for line in expression.splitlines())
    return f"        expr: |\n{lines}"


if __name__ == "__main__":
    write_rules(Path(sys.argv[1]))
