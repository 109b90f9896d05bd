"""Prometheus beside the edition: how its program is found, and what it is configured to scrape."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from durable_research.local.errors import LocalError, PrometheusMissing
from durable_research.local.plan import UpOptions
from durable_research.local.prometheus.program import find_prometheus
from durable_research.monitoring.jobs import API, TEMPORAL, WORKER
from durable_research.monitoring.scraping import scrape_config
from tests.local.running import Up

TARGETS = {API: {"api": "127.0.0.1:1"}, WORKER: {"worker-1": "127.0.0.1:2", "worker-2": "127.0.0.1:3"}, TEMPORAL: {}}
OURS = 'echo "prometheus, version 2.42.0"'


def program(file: Path, script: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_the_program_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(tmp_path / "bin" / "prometheus", OURS)
    program(tmp_path / "cache" / "prometheus" / "usr" / "bin" / "prometheus", OURS)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    assert find_prometheus(tmp_path / "cache") == found


def test_the_unpacked_one_is_taken_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(tmp_path / "cache" / "prometheus" / "usr" / "bin" / "prometheus", f"{OURS} >&2")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_prometheus(tmp_path / "cache") == found


@pytest.mark.parametrize("script", [None, "exit 1", "echo another program", "exec /no/such/program"])
def test_without_a_program_that_runs_the_error_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    if script:
        program(tmp_path / "prometheus", script)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PrometheusMissing, match="run: make monitoring"):
        find_prometheus(tmp_path / "cache")


def test_up_starts_nothing_without_the_program(up: Callable[..., Up], tmp_path: Path) -> None:
    refused = up("--with", "prometheus", XDG_CACHE_HOME=str(tmp_path), PATH=str(tmp_path))

    assert refused.process.wait(60) == 1
    assert "make monitoring" in refused.words
    assert list((refused.data / "logs").iterdir()) == []


@pytest.mark.parametrize("extras", [("grafana",), ("prometheus", "postgres"), ("",)])
def test_what_cannot_be_started_besides_is_refused(tmp_path: Path, extras: tuple[str, ...]) -> None:
    with pytest.raises(LocalError, match="there are prometheus"):
        UpOptions(data=tmp_path, extras=extras)


def test_every_process_is_scraped_under_its_name_and_job(tmp_path: Path) -> None:
    config = json.loads(scrape_config(TARGETS, tmp_path))

    scraped = {
        (job["job_name"], one["labels"]["instance"], *one["targets"])
        for job in config["scrape_configs"]
        for one in job["static_configs"]
    }
    assert scraped == {
        (API, "api", "127.0.0.1:1"),
        (WORKER, "worker-1", "127.0.0.1:2"),
        (WORKER, "worker-2", "127.0.0.1:3"),
    }
    assert all(job["honor_labels"] for job in config["scrape_configs"])
    assert config["rule_files"] == [f"{tmp_path}/*.yml"]


@pytest.mark.parametrize(("factor", "every", "timeout"), [(1, "15s", "10s"), (3, "5s", "5s"), (60, "1s", "1s")])
def test_a_factor_makes_scraping_and_rules_faster_but_not_hectic(
    tmp_path: Path, factor: float, every: str, timeout: str
) -> None:
    assert json.loads(scrape_config(TARGETS, tmp_path, factor=factor))["global"] == {
        "scrape_interval": every,
        "scrape_timeout": timeout,
        "evaluation_interval": every,
    }


@pytest.mark.parametrize("token", [None, "", "secret"])
def test_a_token_for_metrics_is_sent_to_our_own_processes(tmp_path: Path, token: str | None) -> None:
    jobs = json.loads(scrape_config(TARGETS, tmp_path, token=token))["scrape_configs"]

    sent = {"credentials": token} if token else None
    assert {job["job_name"]: job.get("authorization") for job in jobs} == {API: sent, WORKER: sent, TEMPORAL: None}
