"""Clients that others' generators make of the OpenAPI document start a report, follow it and fetch it, on real processes."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.installation import Installation
from tests.programs import installed, node_program

pytestmark = pytest.mark.clients
HERE = Path(__file__).parent
# Nothing of our own environment may be found.
PATH = {"PATH": "/usr/bin:/bin"}
# Bodies that this generator cannot read by itself: the type is neither JSON nor text.
AS_BYTES = {"content_type_overrides": {"application/pdf": "application/octet-stream"}}


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """A program's output; its error output is the failure message."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=PATH | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def document(installation: Installation, tmp_path: Path) -> Path:
    """The document as it is served."""
    path = tmp_path / "openapi.json"
    path.write_bytes(httpx.get(f"{installation.api}/api/openapi.json").content)
    return path


def python_client(document: Path, api: str) -> dict[str, Any]:
    """openapi-python-client's."""
    folder = document.parent
    (folder / "config.json").write_text(json.dumps(AS_BYTES))
    programs = Path(installed("clients", "clients/bin/python")).parent
    output = run(
        programs / "openapi-python-client",
        *("generate", "--path", document, "--output-path", folder / "made", "--config", folder / "config.json"),
        cwd=folder,
        PATH=f"{programs}:{PATH['PATH']}",
    )
    assert "Warning" not in output, output
    used = run(programs / "python", HERE / "use_python_client.py", api, cwd=folder, PYTHONPATH=str(folder / "made"))
    return dict(json.loads(used))


def typescript_client(document: Path, api: str) -> dict[str, Any]:
    """@hey-api/openapi-ts'."""
    folder, node = document.parent, node_program()
    modules = Path(installed("clients", "openapi-ts/node_modules"))
    generator, compiler = modules / "@hey-api/openapi-ts/bin/run.js", modules / "typescript/bin/tsc"
    run(node, generator, "-i", document, "-o", folder / "client", "-c", "@hey-api/client-fetch", cwd=folder)
    shutil.copy(HERE / "use_typescript_client.ts", folder / "use.ts")
    options = [
        "--strict",
        "--target",
        "es2022",
        "--module",
        "commonjs",
        "--moduleResolution",
        "node10",
        "--outDir",
        "js",
    ]
    run(node, compiler, *options, "--lib", "es2022,dom,dom.iterable,dom.asynciterable", "use.ts", cwd=folder)
    return dict(json.loads(run(node, folder / "js" / "use.js", api, cwd=folder)))


@pytest.mark.parametrize("used", [python_client, typescript_client])
def test_a_generated_client_starts_follows_and_fetches_a_report(
    installation: Installation, document: Path, used: Callable[[Path, str], dict[str, Any]]
) -> None:
    summary = used(document, installation.api)

    sequence = summary.pop("sequence")
    assert sequence == list(range(1, len(sequence) + 1))
    assert summary == {
        "last": "closed",
        "status": "done",
        "charges": {"settled": 1, "possible_extra": 0},
        "pages": summary["pages"],
        "pdf": "%PDF-",
        "refused": "not_found",
    }
    assert summary["pages"] > 0
