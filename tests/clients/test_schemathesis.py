"""Schemathesis sends thousands of requests to every operation of the running product and finds no difference."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.programs import installed

pytestmark = pytest.mark.clients
SECONDS = 300


@pytest.mark.timeout(SECONDS * 4)
def test_every_answer_to_generated_requests_matches_the_openapi_document(
    installation: Installation, tmp_path: Path
) -> None:
    command = [installed("clients", "clients/bin/schemathesis"), "run", f"{installation.api}/api/openapi.json"]
    options = [
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "-c",
        "all",
        "--continue-on-failure",
        "--warnings",
        "off",
    ]
    bounds = ["--max-time", str(SECONDS), "--seed", "7"]
    rules = {"SCHEMATHESIS_HOOKS": "rules_beyond_the_document", "PYTHONPATH": str(Path(__file__).parent)}

    done = subprocess.run(
        [*command, *options, *bounds], cwd=tmp_path, env=os.environ | rules, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
