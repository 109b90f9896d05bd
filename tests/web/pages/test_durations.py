"""The script of a live page formats durations like the server."""

import base64
import json
import math
import subprocess
from importlib.resources import files

from durable_research import web
from durable_research.domain.durations import duration
from tests.programs import node_program

_EDGES = (0, 0.05, 0.4, 59.4, 59.95, 59.96, 60, 119.7, 3599.6, 3600, 86_399.9, 86_400, 100_000)
_LENGTHS = (-5, *_EDGES, *(math.nextafter(edge, 0) for edge in _EDGES), *(step * 0.7 for step in range(10_500)))


def test_the_pages_script_formats_durations_like_the_server() -> None:
    # Node does not load a .js file as a module; a data URL names its type.
    module = base64.b64encode((files(web) / "static" / "durations.js").read_bytes()).decode()
    script = (
        f'import {{ duration }} from "data:text/javascript;base64,{module}";'
        'import { readFileSync } from "node:fs";'
        'console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf-8")).map(duration)));'
    )

    ran = subprocess.run(
        [node_program(), "--input-type=module", "--eval", script],
        input=json.dumps(_LENGTHS),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(ran.stdout) == [duration(seconds) for seconds in _LENGTHS]
