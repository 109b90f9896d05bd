"""The benchmarks take minutes and run by hand: these tests find errors before such a run."""

import importlib
import pkgutil

import pytest
from click.testing import CliRunner

import bench
from bench.__main__ import main
from bench.recovery import HELD
from durable_research.catalogue import policies
from durable_research.failpoints.registry import failpoints_of


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(bench.__path__)])
def test_every_module_of_the_benchmarks_can_be_imported(name: str) -> None:
    assert importlib.import_module(f"bench.{name}")


def test_the_help_of_the_benchmarks_names_each_measurement() -> None:
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    assert "recovery" in result.output


def test_the_recovery_benchmark_uses_existing_failpoints() -> None:
    assert set(HELD.values()) <= failpoints_of(policies().values())
