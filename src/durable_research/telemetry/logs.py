"""The names of all log events, and the configuration of logging; importable by everything but domain and ports."""

import logging
import sys
from typing import Any

import structlog

API_READY = "api.ready"
WORKER_READY = "worker.ready"  # it polls its task queues
WORKER_DRAINING = "worker.draining"
WORKER_STOPPED = "worker.stopped"
ATTEMPT_FAILED = "attempt.failed"
ATTEMPT_STALE = "attempt.stale"
LATE_SEND = "effect.stray"
UNRELATED_ANSWER_SKIPPED = "effect.stray_shown"
EMBEDDING_FAILED = "embedding.failed"
INFRASTRUCTURE_DOWN = "infrastructure.down"
ENGINE_UNREACHABLE = "engine.not_heard"
REQUEST_FAILED = "request.failed"
NOTIFIED = "report.notified"
RECIPIENT_SKIPPED = "mail.recipient_left_out"
APPROVAL_REQUESTED = "report.approval_asked"
REPORT_FAILED = "report.failed"
DECISION_REQUESTED = "report.decision_asked"
APPROVAL_REMINDED = "report.approval_reminded"
BEAT_FAILED = "worker.beat_failed"
PAYLOADS_DECRYPTED = "payloads.opened"
DRAFT_DROPPED = "draft.dropped"


def configure_logging(role: str) -> None:
    """Send one JSON line an event to standard error; values are ids and numbers, never prompts or keys."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)


def get_logger() -> Any:  # structlog's own loggers are untyped by design
    """The logger of all packages."""
    return structlog.get_logger()
