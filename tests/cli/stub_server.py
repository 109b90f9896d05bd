"""A small real HTTP server in place of the installation: its answers are scripted, its requests recorded."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from durable_research.domain.workflows.workflow import RANDOM_BYTES, Kind, new_workflow_id

DEADLINE_SECONDS = 60.0
STEPS = ("llm_call", "create_pdf", "store_report_metadata", "send_notification")
_FINAL = {"done", "partly_done", "failed", "cancelled", "terminated"}


def an_id(number: int = 1, kind: Kind = Kind.REPORT) -> str:
    return new_workflow_id(kind, 1_800_000_000_000 + number, bytes([number]) * RANDOM_BYTES)


def page_of(workflow_id: str) -> str:
    return f"/reports/{workflow_id}"


def event(seq: int, kind: str, step: str = "", attempt: int = 1, **data: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"seq": seq, "at": f"2026-11-21T12:00:{seq:02}+00:00", "kind": kind}
    return body | ({"step": step, "attempt": attempt} if step else {}) | data


def event_log(status: str = "done", **closing: Any) -> list[dict[str, Any]]:
    """A run in which the first worker goes away and the second takes up its call."""
    return [
        event(1, "accepted", title="tides"),
        event(2, "attempt_started", "llm_call", worker="worker-1@1"),
        event(3, "attempt_lost", "llm_call", worker="worker-1@1"),
        event(4, "attempt_started", "llm_call", 2, worker="worker-2@1"),
        event(5, "attempt_reattached", "llm_call", 2, worker="worker-2@1"),
        event(6, "attempt_completed", "llm_call", 2),
        event(7, "closed", status=status, **closing),
    ]


@dataclass
class ScriptedRun:
    """`cuts`: after how many events each of the next connections breaks; `held` keeps the stream open at its end."""

    workflow_id: str
    title: str = "tides"
    status: str = "done"
    events: list[dict[str, Any]] = field(default_factory=event_log)
    drafts: list[dict[str, Any]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    held: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        at = "2026-11-21T12:00:00+00:00"
        kind = self.workflow_id.partition("-")[0]
        return {"workflow_id": self.workflow_id, "kind": kind, "status": self.status, "title": self.title,
                "created_at": at, "updated_at": at, "cancel_requested": False,
                "page_url": page_of(self.workflow_id)}  # fmt: skip

    def status_body(self) -> dict[str, Any]:
        step = {"state": "pending", "attempt": 0, "worker": None, "started_at": None, "ended_at": None,
                "next_try_at": None, "last_error": None}  # fmt: skip
        return self.row() | {
            "steps": [step | {"name": name} for name in STEPS],
            "charges": {"settled": 1, "possible_extra": 0},
            "embedding_charges": {"settled": 0, "possible_extra": 0},
            "workers": {"live": 2, "identities": []},
            "waits_for": None,
            "error": None,
            "last_seq": len(self.events),
            "temporal_ui_url": None,
        } | self.more  # fmt: skip


@dataclass
class ReceivedRequest:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


def problem(status: int, code: str, detail: str = "words", **more: Any) -> dict[str, Any]:
    return {"status": status, "code": code, "detail": detail, "title": code, "request_id": "r-1"} | more


class StubServer:
    """Start, stop and start again on the same port; `answers[path] = (status, body, headers)` overrides a path."""

    def __init__(self) -> None:
        self.runs: dict[str, ScriptedRun] = {}
        self.accepted: dict[str, str] = {}
        self.requests: list[ReceivedRequest] = []
        self.answers: dict[str, tuple[int, Any, dict[str, str]]] = {}
        self.answers_to_lose = 0
        self.longest_page = 200
        self.files = b"%PDF-1.7 stand-in"
        self.file_headers: dict[str, str] = {}
        self.stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        stand_in = self

        class Handler(_Handler):
            world = stand_in

        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def add(self, number: int = 1, kind: Kind = Kind.REPORT, **script: Any) -> ScriptedRun:
        run = ScriptedRun(an_id(number, kind), **script)
        self.runs[run.workflow_id] = run
        return run

    def refuse(self, path: str, status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        self.answers[path] = (status, problem(status, code, **more), headers or {})

    def paths(self, method: str | None = None) -> list[str]:
        return [one.path for one in self.requests if method in (None, one.method)]

    def wait_for(self, path: str, times: int = 1) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.paths().count(path) < times:
            assert time.monotonic() < deadline, f"{path} was not requested; only {self.paths()}"
            time.sleep(0.01)

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        yield
        self.start()


class _Handler(BaseHTTPRequestHandler):
    world: StubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._note(None)
        path = self.path.partition("?")[0]
        if path in self.world.answers:
            self._send(*self.world.answers[path])
        elif path == "/api/workflows":
            self._send(200, self._list())
        elif path.startswith("/api/reports/") or path.endswith("/texts/text"):
            self._send(200, self.world.files, self.world.file_headers)
        elif found := re.fullmatch(r"/api/workflows/([^/]+)/(status|events)", path):
            run = self.world.runs.get(found[1])
            if run is None:
                self._send(404, problem(404, "not_found"))
            elif found[2] == "status":
                self._send(200, run.status_body())
            else:
                self._stream(run)
        else:
            self._send(404, problem(404, "not_found"))

    def _list(self) -> dict[str, Any]:
        """As the installation filters and pages; a cursor is the place where its page begins."""
        query = parse_qs(self.path.partition("?")[2])
        rows = [run.row() for run in reversed(self.world.runs.values())]
        rows = [row for row in rows if row["status"] in query.get("status", [row["status"]])]
        rows = [row for row in rows if row["kind"] in query.get("kind", [row["kind"]])]
        first = int(query.get("cursor", ["0"])[0])
        end = first + min(int(query.get("limit", ["50"])[0]), self.world.longest_page)
        return {"workflows": rows[first:end], "next_cursor": str(end) if end < len(rows) else None}

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._note(json.loads(data) if data else None)
        if self.path in self.world.answers:
            self._send(*self.world.answers[self.path])
        elif self.path.endswith("/cancel"):
            run = self.world.runs[self.path.split("/")[3]]
            self._send(202, run.row() | {"cancel_requested": True})
        else:
            self._accept()

    def do_DELETE(self) -> None:
        self._note(None)
        self._send(*self.world.answers.get(self.path, (404, problem(404, "not_found"), {})))

    def _accept(self) -> None:
        key = self.headers["Idempotency-Key"]
        is_replay = key in self.world.accepted
        if not is_replay:
            number = len(self.world.accepted) + 1
            self.world.accepted[key] = an_id(number)
            if an_id(number) not in self.world.runs:
                self.world.add(number)
        if self.world.answers_to_lose:
            self.world.answers_to_lose -= 1
            self._cut()
            return
        id = self.world.accepted[key]
        headers = {"Idempotency-Replayed": "true"} if is_replay else {}
        self._send(202, {"workflow_id": id, "report_id": id, "status": "queued", "page_url": page_of(id)}, headers)

    def _stream(self, run: ScriptedRun) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunk("retry: 20\n\n")
        after, cut = int(self.headers.get("Last-Event-ID") or 0), run.cuts.pop(0) if run.cuts else None
        for draft in run.drafts:
            self._chunk(f"event: draft\ndata: {json.dumps(draft)}\n\n")
        for sent, one in enumerate(one for one in run.events if one["seq"] > after):
            if sent == cut:
                self._cut()
                return
            data = json.dumps(one, ensure_ascii=False)
            self._chunk(f"id: {one['seq']}\nevent: {one['kind']}\ndata: {data}\n\n")
        while run.held:
            if self.world.stopping.wait(0.02):
                self._cut()
                return
            self._chunk(": alive\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _note(self, body: Any) -> None:
        self.world.requests.append(ReceivedRequest(self.command, self.path, dict(self.headers), body))

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the reader left, which readers may
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
