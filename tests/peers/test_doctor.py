"""Doctor beside a running installation, and before model providers that nobody here wrote."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.peers.world import SOME_WORLDS, World


def doctor(world: World, **environment: str) -> tuple[int, dict[str, Any]]:
    """Its exit code and its findings, in the environment of the installation."""
    ours = {**os.environ, **world.installation.environment, "DURABLE_RESEARCH_DATA": str(world.installation.data)}
    command = [sys.executable, "-m", "durable_research", "doctor", "--json"]
    done = subprocess.run(command, env={**ours, **environment}, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["checks"]}


@SOME_WORLDS
def test_what_is_well_is_said_to_be_well_for_nothing(world: World) -> None:
    before = world.peer.calls()

    code, found = doctor(world)

    assert [one for one in found.values() if not one["ok"]] == []
    assert code == 0
    assert found["model"]["detail"].startswith(f"{world.peer.model} is offered")
    assert found["embeddings"]["detail"].startswith(f"{world.peer.embedding_model} is offered")
    assert world.peer.calls() == before


@SOME_WORLDS
def test_a_wrong_name_is_found_before_a_report_is_asked(world: World) -> None:
    _, found = doctor(world, OPENAI_MODEL=f"{world.peer.model}-misspelt")

    assert not found["model"]["ok"]
    assert world.peer.model in found["model"]["mend"].split("such as: ")[1]


@SOME_WORLDS
def test_a_server_that_is_away_is_named(world: World) -> None:
    world.wire.cut()

    code, found = doctor(world)

    assert code == 1
    assert f"127.0.0.1:{world.wire.port}/v1 cannot be reached" in found["provider"]["detail"]
