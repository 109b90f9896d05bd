"""The import contracts hold, and each of them catches the violation that it is there for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(project: Path) -> str:
    """The output of import-linter for a project folder."""
    return subprocess.run(
        [str(LINT), "--no-cache", "--no-logo"] if _knows_no_logo() else [str(LINT), "--no-cache"],
        cwd=project,
        env={"PYTHONPATH": str(project / "src"), "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def _knows_no_logo() -> bool:
    return "--no-logo" in subprocess.run([str(LINT), "--help"], capture_output=True, text=True, check=False).stdout


# One line in one file, and the contract that must catch it.
VIOLATIONS = [
    ("domain/ledger/usage.py", "import durable_research.ports.engine.engine", "Rooms stack one way"),
    ("ports/clock.py", "import durable_research.policies", "Rooms stack one way"),
    ("telemetry/metrics.py", "import durable_research.failpoints.reach", "Rooms stack one way"),
    ("telemetry/metrics.py", "import durable_research.monitoring.rules", "Rooms stack one way"),
    ("monitoring/rules.py", "import durable_research.policies", "Rooms stack one way"),
    ("monitoring/rules.py", "import prometheus_client", "Only telemetry knows Prometheus and OpenTelemetry"),
    ("role_port/server.py", "import durable_research.telemetry.metrics", "Rooms stack one way"),
    ("queues.py", "import durable_research.payload_keys", "Rooms stack one way"),
    ("policies.py", "import durable_research.temporal.names", "Rooms stack one way"),
    ("policies.py", "import durable_research.descriptor", "Rooms stack one way"),
    ("descriptor.py", "import durable_research.temporal.names", "Rooms stack one way"),
    (
        "pipelines/blog_post/pipeline.py",
        "import durable_research.catalogue",
        "Rooms stack one way",
    ),
    (
        "temporal/worker/interceptors.py",
        "import durable_research.catalogue",
        "Rooms stack one way",
    ),
    (
        "failpoints/registry.py",
        "import durable_research.policies",
        "Rooms stack one way",
    ),
    ("temporal/names.py", "import durable_research.effects.runner", "Rooms stack one way"),
    ("egress/client.py", "import durable_research.temporal.names", "Rooms stack one way"),
    ("temporal/names.py", "import durable_research.egress.client", "Rooms stack one way"),
    ("effects/runner.py", "import durable_research.egress.client", "Only adapters call addresses of users"),
    ("effects/runner.py", "import durable_research.pipelines.blog_post.messages", "Rooms stack one way"),
    ("operations/reading/read.py", "import durable_research.web.app", "Rooms stack one way"),
    ("local/plan.py", "import durable_research.experiments.evidence.evidence", "Rooms stack one way"),
    ("experiments/crash_table/runs.py", "import durable_research.worker.process", "Rooms stack one way"),
    ("web/app.py", "import durable_research.experiments.evidence.evidence", "Rooms stack one way"),
    ("helpers.py", "", "Rooms stack one way"),
    ("simulator/text/writer.py", "import durable_research.domain.requests.report", "Rooms stack one way"),
    (
        "experiments/campaign/campaign.py",
        "import durable_research.simulator.text.writer",
        "Nothing imports the simulator",
    ),
    ("domain/ledger/usage.py", "import durable_research.simulator.text.writer", "Nothing imports the simulator"),
    (
        "experiments/evidence/database_evidence.py",
        "import durable_research.adapters.database.tables",
        "Only bootstrap chooses adapters",
    ),
    ("worker/process.py", "import durable_research.adapters.database.tables", "Only bootstrap chooses adapters"),
    ("pipelines/generate_report/activities.py", "import openai", "Workflows never touch the world"),
    ("ports/engine/engine.py", "import sqlalchemy", "Workflows never touch the world"),
    (
        "pipelines/generate_report/workflow.py",
        "import durable_research.temporal.client.engine",
        "Pipelines know the workflow side of Temporal alone",
    ),
    ("domain/workflows/progress.py", "import temporalio.workflow", "Domain, ports and tables do not know Temporal"),
    ("policies.py", "import temporalio.common", "Domain, ports and tables do not know Temporal"),
    ("descriptor.py", "import temporalio.common", "Domain, ports and tables do not know Temporal"),
    ("effects/runner.py", "import prometheus_client", "Only telemetry knows Prometheus and OpenTelemetry"),
    ("effects/runner.py", "import opentelemetry.trace", "Only telemetry knows Prometheus and OpenTelemetry"),
    ("operations/start.py", "import temporalio.client", "Pages and operations speak to ports"),
    ("cli/main.py", "import sqlalchemy", "Pages and operations speak to ports"),
    ("operations/start.py", "import durable_research.temporal.names", "Operations do not know Temporal's house rules"),
    (
        "pipelines/reconcile/activities.py",
        "import durable_research.pipelines.generate_report.messages",
        "Pipelines do not know each other",
    ),
    (
        "adapters/objects/obstore.py",
        "import durable_research.adapters.database.tables",
        "Kinds of adapters do not know each other",
    ),
    ("domain/ledger/usage.py", "import durable_research.domain.requests.report", "No cycles"),
    ("web/http/files.py", "import durable_research.web.api.routes", "No cycles"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "fonts", "static"))
    return tmp_path


def test_all_import_contracts_hold() -> None:
    assert " 0 broken" in lint(ROOT)


@pytest.mark.parametrize(
    ("file", "line", "contract"), VIOLATIONS, ids=[f"{file}: {line}" for file, line, _ in VIOLATIONS]
)
def test_each_forbidden_import_breaks_the_contract_meant_for_it(
    copy: Path, file: str, line: str, contract: str
) -> None:
    path = copy / "src" / "durable_research" / file
    path.write_text((path.read_text() if path.exists() else '"""A room that nobody placed."""\n') + f"\n{line}\n")

    output = lint(copy)

    assert f"{contract} BROKEN" in output or (file == "helpers.py" and "helpers" in output), output
