"""An installation that may notify this machine, and a receiver that stores its notifications as n8n would get them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.installation import Installation, until

OPERATORS_SECRET = "whsec_" + "c2VjcmV0" * 6


@dataclass(frozen=True)
class ReceivedNotification:
    """One request to the receiver; the headers' names are in small letters, as n8n has them."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Stands where n8n would listen; `answers` are its next ones for an address, afterwards 200."""

    url: str = ""
    received: list[ReceivedNotification] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)

    def at(self, path: str, count: int = 1) -> list[ReceivedNotification]:
        """Wait until an address received this many notifications."""
        return until(
            f"{count} requests to {path}",
            lambda: found if len(found := [one for one in self.received if one.path == path]) >= count else None,
        )


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    environment = {
        "DURABLE_RESEARCH_ALLOW_UNSAFE_WEBHOOKS": "true",
        "DURABLE_RESEARCH_WEBHOOK_SECRET": OPERATORS_SECRET,
    }
    with Installation(tmp_path_factory.mktemp("examples"), **environment) as installation:
        installation.latency(0)
        yield installation


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(ReceivedNotification(self.path, headers, body))
            self.send_response(answers.pop(0) if (answers := receiver.answers.get(self.path)) else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()
