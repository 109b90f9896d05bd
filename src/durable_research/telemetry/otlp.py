"""Spans as OpenTelemetry has them, sent by OTLP over HTTP.

Sending never slows or fails what is traced: spans wait in a bounded queue for a thread of its own, and are dropped when it is
full. A collector that is away is one warning, until it has answered again.
"""

import hashlib
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from durable_research.telemetry import logs
from durable_research.telemetry.tracing import ATTRIBUTES, AttributeValue, Span, SpanKind, valid_traceparent

_SERVICE = "durable-research"
_LAST_SEND_SECONDS = 2.0
_SPAN_ID_BYTES = 8
# As our errors have; a library's may quote anything there.
_CODE = re.compile(r"[a-z_]{1,64}")
_KINDS = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
}
_PROPAGATOR = TraceContextTextMapPropagator()
_identity: ContextVar[str] = ContextVar("span_identity", default="")


class _Ids(RandomIdGenerator):
    """Random ids, but for spans with an identity."""

    def generate_span_id(self) -> int:
        identity = _identity.get()
        if not identity:
            return super().generate_span_id()
        return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:_SPAN_ID_BYTES], "big") or 1


class WarnsOnce(SpanExporter):
    """Passes spans on; of an outage of the collector, the first failure is logged."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send; a failure drops these spans."""
        try:
            result = self._inner.export(spans)
        except Exception:  # an exporter's edge: nothing that it does may reach what is traced
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS and not self._is_away:
            logs.emit(logs.TRACES_DROPPED)
        self._is_away = result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class _Open:
    """One span of OpenTelemetry's."""

    def __init__(self, row: Span, span: trace.Span, attributes: Mapping[str, AttributeValue]) -> None:
        self._row = row
        self._span = span
        self._attributes = dict(attributes)
        self._is_discarded = False
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
        self.traceparent: str | None = carrier.get("traceparent")

    def set(self, **attributes: AttributeValue) -> None:
        self._attributes |= attributes

    def discard(self) -> None:
        self._is_discarded = True

    def end(self, error: BaseException | None = None, at: int | None = None) -> None:
        """End it, with its name and attributes as they are known now; of an error, its code or kind, never its words."""
        if self._is_discarded:
            return  # what never ends is never exported
        if error is not None:
            self._attributes.setdefault("error", _code_of(error))
        self._span.update_name(self._row.name_of(self._attributes))
        for name in self._row.attributes:
            if name in self._attributes:
                self._span.set_attribute(ATTRIBUTES[name].key, self._attributes[name])
        if "error" in self._attributes:
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end(at)


def _code_of(error: BaseException) -> str:
    named = getattr(error, "code", None) or getattr(error, "type", None)
    return named if isinstance(named, str) and _CODE.fullmatch(named) else type(error).__name__


class OtlpTracer:
    """The `Tracer` of a process, on the standard variables' sampler, queue and collector."""

    def __init__(self, instance: str, version: str, exporter: SpanExporter | None = None) -> None:
        # Its own lines would be one for each batch, and one that it cannot read might quote a header with a token.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        resource = Resource.create({"service.instance.id": instance, "service.version": version})
        if str(resource.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: _SERVICE}))
        self._provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(WarnsOnce(exporter or OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("durable_research", version)

    @contextmanager
    def open(
        self, span: Span, attributes: Mapping[str, AttributeValue], parent: str | None, identity: str
    ) -> Iterator[_Open]:
        """Begin a span, which ends with the block."""
        opened = self._begin(span, attributes, parent, identity)
        try:
            yield opened
        except BaseException as error:
            opened.end(error)
            raise
        opened.end()

    def record(
        self,
        span: Span,
        attributes: Mapping[str, AttributeValue],
        parent: str | None,
        identity: str,
        times: tuple[datetime, datetime],
    ) -> None:
        """Write a span that somebody else began."""
        began, ended = (int(one.timestamp() * 1_000_000) * 1_000 for one in times)
        self._begin(span, attributes, parent, identity, began).end(at=ended)

    def _begin(
        self,
        row: Span,
        attributes: Mapping[str, AttributeValue],
        parent: str | None,
        identity: str,
        began: int | None = None,
    ) -> _Open:
        known = valid_traceparent(parent)
        context = _PROPAGATOR.extract(
            {"traceparent": known} if known else {}, trace.set_span_in_context(trace.INVALID_SPAN)
        )
        token = _identity.set(identity)
        try:
            name, kind = row.name_of(attributes), _KINDS[row.kind]
            return _Open(row, self._tracer.start_span(name, context, kind, start_time=began), attributes)
        finally:
            _identity.reset(token)

    def flush(self) -> None:
        """Send what waits."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send what waits, for a moment: a collector that does not answer must not hold a drain up."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_LAST_SEND_SECONDS)
