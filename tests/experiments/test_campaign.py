"""A short campaign and a short crash table, as a person starts them: real processes, real signals, checked from outside."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from durable_research.cli.experiments import chaos
from durable_research.cli.shared.command import Exit
from durable_research.experiments.campaign.campaign import Campaign, Options
from durable_research.experiments.evidence.evidence import Evidence
from durable_research.experiments.evidence.quirks import Expected
from tests.experiments.evidence import WELL, with_report


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "durable_research", *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_a_short_campaign_of_kills_and_pauses_breaks_no_invariant(tmp_path: Path) -> None:
    page, data = tmp_path / "page.md", tmp_path / "data"
    size = ("--reports", "20", "--kills", "6", "--pauses", "2", "--cuts", "1", "--gap", "1", "--seed", "6")

    ended = run("chaos", *size, "--data", str(data), "--out", str(page))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "| ended as they should | 20 |" in page.read_text()
    fired = [json.loads(line) for line in (data / "faults.jsonl").read_text().splitlines()]
    assert sorted(line["act"] for line in fired) == ["cut", *["kill"] * 6, *["pause"] * 2]
    assert all(line["in_flight"] > 0 and line["happened"] for line in fired)
    assert not (data / "up.json").exists()


def test_failed_reports_resumed_during_kills_pay_only_the_accepted_charges(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    size = ("--reports", "12", "--kills", "6", "--pauses", "0", "--gap", "1", "--at-once", "8", "--seed", "3")

    ended = run("chaos", "--resume", *size, "--data", str(tmp_path / "data"), "--out", str(page))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    words = page.read_text()
    assert "| ended as they should | 12 |" in words
    for name in ("begun", "written"):
        assert f"| api | kill at resume.{name} | 1 | 1 | 1 |" in words
    assert "| simulator |" not in words
    for way, first, billed in (("cut off", "model_unavailable", 1), ("empty", "empty_output", 3)):
        assert f"| {way} | 2 | {first}, then done | 2 | 2 times {billed} |" in words


@pytest.mark.parametrize("what", [("--class", "N"), ("--pipeline", "blog-post")], ids=["no lookup", "undone"])
def test_a_resume_campaign_refuses_options_without_a_free_resumption(what: tuple[str, str]) -> None:
    ended = run("chaos", "--resume", *what)

    assert ended.returncode == 2
    assert "--class K, R or L" in ended.stderr


@pytest.mark.parametrize(
    ("seen", "code", "word"),
    [
        (WELL, Exit.OK, "held"),
        (with_report(model_calls=2), Exit.FAILED, "BROKEN"),
        (replace(WELL, fired=()), Exit.USAGE, "VOID"),
    ],
    ids=["held", "broken", "void"],
)
def test_the_exit_code_and_the_page_show_the_checkers_verdict(
    tmp_path: Path, seen: Evidence, code: Exit, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    campaign = Campaign(Options(reports=2, kills=1, seed=1, data=tmp_path), print, evidence=seen, seconds=1.0)

    assert chaos.write_page(campaign, page) is code
    assert page.read_text().startswith(f"# Chaos campaign: {word}\n")
    assert page.read_text() in capsys.readouterr().out


def test_the_page_compares_the_outcome_of_each_quirk_with_the_expected_one(tmp_path: Path) -> None:
    page, options = tmp_path / "page.md", Options(reports=2, kills=1, seed=1, data=tmp_path)
    odd = Expected("no_money", (), status="failed", error="quota_exhausted", billed=0)

    chaos.write_page(Campaign(options, print, evidence=with_report(quirk=odd)), page)

    assert "| no_money | 1 | quota_exhausted | 0 | 1 times 1 | 1 |" in page.read_text()
    assert "done instead of failed quota_exhausted (no_money)" in page.read_text()


def test_the_page_of_another_pipeline_explains_the_word_report(tmp_path: Path) -> None:
    page, options = tmp_path / "page.md", Options(reports=2, kills=1, seed=1, data=tmp_path)

    chaos.write_page(Campaign(options, print, evidence=replace(WELL, noun="blog post")), page)

    assert "Every *report* below is a blog post" in page.read_text()


def test_a_short_crash_table_reaches_its_points_with_the_promised_charges(tmp_path: Path) -> None:
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
def test_a_data_folder_that_holds_an_installation_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "postgres").mkdir()

    ended = run(command, "--data", str(tmp_path))

    assert ended.returncode == 1
    assert "holds an installation already" in ended.stderr
