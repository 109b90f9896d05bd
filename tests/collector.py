"""A collector of spans: it takes OTLP over HTTP as any other does, and keeps what was sent."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_ERROR = 2  # STATUS_CODE_ERROR of the protocol


@dataclass(frozen=True)
class SpanSeen:
    """One exported span; `resource` and `attributes` by their public keys."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    began: int
    ended: int
    is_error: bool
    raw: bytes = field(repr=False, default=b"")

    @property
    def step(self) -> str:
        return str(self.attributes.get("durable_research.step", ""))

    @property
    def workflow(self) -> str:
        return str(self.attributes.get("durable_research.workflow.id", ""))


class Collector:
    """The spans that came so far; `status` is what it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.requests: list[bytes] = []
        self.spans: list[SpanSeen] = []

    def take(self, body: bytes) -> None:
        """Decode one export."""
        self.requests.append(body)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {one.key: _value(one.value) for one in of_resource.resource.attributes}
            for scope in of_resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        SpanSeen(
                            name=span.name,
                            kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                            trace=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            attributes={one.key: _value(one.value) for one in span.attributes},
                            resource=resource,
                            began=span.start_time_unix_nano,
                            ended=span.end_time_unix_nano,
                            is_error=span.status.code == _ERROR,
                            raw=span.SerializeToString(),
                        )
                    )

    def of(self, workflow: str, name: str = "") -> list[SpanSeen]:
        """The spans about a workflow, in the order of their beginnings."""
        found = [one for one in self.spans if one.workflow == workflow and one.name.startswith(name)]
        return sorted(found, key=lambda one: one.began)


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.status == 200 and self.path == "/v1/traces":
                collector.take(body)
            self.send_response(collector.status if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
