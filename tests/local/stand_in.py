"""Stands in for our own programs, so that the supervisor is tested before, and apart from, what it supervises.

`migrate`, `init`, `api`, `worker` like `python -m durable_research`, and `simulator`; each writes its input to
`DURABLE_RESEARCH_DATA/seen/NAME.json`. `STAND_IN_FAILS=verb` makes that verb fail.
"""

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers 200 to every request."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def remember(name: str) -> None:
    """Leave our arguments and environment for the test to read."""
    data = os.environ.get("DURABLE_RESEARCH_DATA")
    if data:
        seen = Path(data) / "seen"
        seen.mkdir(exist_ok=True)
        seen.joinpath(f"{name}.json").write_text(json.dumps({"argv": sys.argv[1:], "env": dict(os.environ)}))


def serve(port: int) -> None:
    """Answer until killed."""
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()


def work(name: str) -> None:
    """Pretend to poll, with a renderer as a child of our own; SIGTERM drains."""
    renderer = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    remember(name)
    drained = []
    signal.signal(signal.SIGTERM, lambda *_: drained.append(True))
    sys.stdout.write(f"renderer {renderer.pid}\nworker.ready {os.environ['DURABLE_RESEARCH_WORKER_IDENTITY']}\n")
    sys.stdout.flush()
    while not drained:
        time.sleep(0.02)
    sys.stdout.write("worker.drained\n")


def main() -> None:
    """Do what the real program of that verb would seem to do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["migrate", "init", "api", "worker", "simulator"])
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--smtp-port", type=int)
    parser.add_argument("--name")
    parser.add_argument("--witness")
    options = parser.parse_args()
    if os.environ.get("STAND_IN_FAILS") == options.verb:
        sys.exit(f"{options.verb}: the stand-in was told to fail")
    if options.verb == "worker":
        work(options.name)
        return
    remember(options.verb)
    if options.port:
        serve(options.port)


if __name__ == "__main__":
    main()
