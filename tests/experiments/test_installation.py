"""The driver of an installation, where nothing is up: with one that is, every journey uses it."""

import json
import os
from pathlib import Path

import pytest

from durable_research.experiments.evidence.installation import Installation, NotInTime, until
from durable_research.experiments.evidence.own_installation import OwnInstallation
from durable_research.local.up import RunningProcess, Up


def test_a_wait_that_timed_out_names_the_missing_state() -> None:
    with pytest.raises(NotInTime, match="waited 0 s for the tide"):
        until("the tide", lambda: None, seconds=0)


def test_without_a_running_installation_there_is_no_up_json(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"up\.json"):
        assert Installation(tmp_path).running


def test_only_a_process_of_the_installation_is_killed(tmp_path: Path) -> None:
    own_process = RunningProcess("api", "api", os.getpid(), "api@1")
    (tmp_path / "up.json").write_text(json.dumps(Up(processes=(own_process,)).as_json()))
    installation = Installation(tmp_path)

    assert [installation.process(name) for name in ("api", "api@1", "worker-1")] == [own_process, own_process, None]
    with pytest.raises(LookupError, match="worker-1 is no process"):
        installation.kill("worker-1")


def test_an_up_that_refuses_to_start_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotInTime, match=r"up ended with 2:\n(.|\n)*mongodb"):
        OwnInstallation(tmp_path / "data", only="mongodb").start()
