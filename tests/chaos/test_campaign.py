"""A short campaign and a short crash table, as a person starts them: real processes, real signals, judged from outside."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "durable_research", *arguments],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_a_short_campaign_of_kills_and_pauses_breaks_nothing(tmp_path: Path) -> None:
    page, data = tmp_path / "page.md", tmp_path / "data"
    size = ("--reports", "20", "--kills", "6", "--pauses", "2", "--gap", "1", "--seed", "5")

    ended = run("chaos", *size, "--data", str(data), "--out", str(page))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "20 done" in page.read_text()
    fired = [json.loads(line) for line in (data / "faults.jsonl").read_text().splitlines()]
    assert [line["act"] for line in fired].count("kill") == 6
    assert all(line["in_flight"] > 0 and line["happened"] for line in fired)
    assert not (data / "up.json").exists()


def test_a_campaign_without_faults_that_were_planned_is_void_and_not_passed(tmp_path: Path) -> None:
    ended = run("chaos", "--reports", "1", "--kills", "40", "--gap", "5", "--data", str(tmp_path / "data"))

    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "VOID" in ended.stdout


def test_a_short_crash_table_meets_its_points_and_bills_as_promised(tmp_path: Path) -> None:
    every_run = tmp_path / "runs.json"
    size = ("--runs", "2", "--points", "E2,E4,P2", "--classes", "L", "--side-by-side", "4")

    ended = run("crash-table", *size, "--data", str(tmp_path / "data"), "--json", str(every_run))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    cells = json.loads(every_run.read_text())
    assert {(cell["point"], cell["effect"], len(cell["runs"])) for cell in cells} == {
        ("E2", "model call", 2),
        ("E4", "model call", 2),
        ("P2", "", 2),
    }
    for cell in cells:
        assert all(re.fullmatch(r"pid \d+ SIGKILL", run["proof"]) for run in cell["runs"])
        assert [run["model_calls"] for run in cell["runs"]] == [1, 1]


@pytest.mark.parametrize("command", ["chaos", "crash-table"])
def test_a_folder_that_holds_an_installation_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "postgres").mkdir()

    ended = run(command, "--data", str(tmp_path))

    assert ended.returncode == 1
    assert "holds an installation already" in ended.stderr
