import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from durable_research.adapters.notifiers import standard_webhooks
from durable_research.adapters.notifiers.webhook import WebhookNotifier
from durable_research.domain.errors import NotificationFailed, NotificationRefused
from durable_research.domain.requests.notice import Notice, NoticeKind
from durable_research.domain.workflows.approval import ApprovalNotice
from durable_research.domain.workflows.events import EventKind
from durable_research.ports.vendors.notifiers import Notification
from tests.installation import Installation

SECRET = "whsec_" + "c2VjcmV0" * 6


def notification(name: str) -> Notification:
    return Notification(name, "Tides", "done", f"http://127.0.0.1/reports/{name}")


@pytest.fixture
async def notifier(servers: Installation) -> AsyncIterator[WebhookNotifier]:
    notifier = WebhookNotifier(f"{servers.up['simulator']}/sink/webhook", SECRET)
    yield notifier
    await notifier.close()


async def test_a_message_has_its_webhook_id(notifier: WebhookNotifier, servers: Installation) -> None:
    reference = await notifier.prepare(notification("report-a")).send("a" * 64, None)

    lines = servers.billing_log("report-a", kind="webhook")
    assert [line["key"] for line in lines] == [reference]


def test_the_body_for_a_finished_report_never_changes() -> None:
    message = standard_webhooks.compose(notification("report-a"), "a" * 64, None)

    assert message.body == (
        b'{"type": "report.done", "data": {"report_id": "report-a", "title": "Tides", "status": "done", '
        b'"url": "http://127.0.0.1/reports/report-a"}}'
    )


@pytest.mark.parametrize("occasion", [EventKind.APPROVAL_ASKED, EventKind.APPROVAL_REMINDED])
def test_a_draft_that_waits_for_approval_has_its_own_event_type(occasion: Any) -> None:
    approval = ApprovalNotice(occasion=occasion, before="before_pdf", expires_at=datetime(2026, 12, 1, 9, tzinfo=UTC))
    waiting = Notification("report-a", "Tides", "waiting_for_you", "http://127.0.0.1/reports/a", approval=approval)

    assert json.loads(standard_webhooks.compose(waiting, "a" * 64, None).body) == {
        "type": f"report.{occasion}",
        "data": {
            "report_id": "report-a",
            "title": "Tides",
            "status": "waiting_for_you",
            "url": "http://127.0.0.1/reports/a",
            "before": "before_pdf",
            "expires_at": "2026-12-01T09:00:00+00:00",
        },
    }


async def test_a_repeated_message_has_the_same_webhook_id(notifier: WebhookNotifier, servers: Installation) -> None:
    first = await notifier.prepare(notification("report-b")).send("b" * 64, None)

    assert await notifier.prepare(notification("report-b")).send("b" * 64, None) == first


@pytest.mark.parametrize(("status", "error"), [("429", NotificationFailed), ("410", NotificationRefused)])
async def test_any_status_other_than_success_is_a_failure(
    notifier: WebhookNotifier, servers: Installation, status: str, error: type[Exception]
) -> None:
    servers.simulator("faults", {"match": f"answer-{status}", "fault": status})

    with pytest.raises(error):
        await notifier.prepare(notification(f"answer-{status}")).send("c" * 64, None)


async def test_a_redirect_is_not_followed(servers: Installation) -> None:
    notifier = WebhookNotifier("http://127.0.0.1:1/", None)
    notifier._client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda request: httpx.Response(302, headers={"location": "http://127.0.0.1/"}))
    )

    with pytest.raises(NotificationFailed):
        await notifier.prepare(notification("redirected")).send("d" * 64, None)


async def test_an_unreachable_receiver_is_a_failure() -> None:
    with pytest.raises(NotificationFailed):
        await WebhookNotifier("http://127.0.0.1:9/", None).prepare(notification("away")).send("e" * 64, None)


@pytest.mark.parametrize("kind", NoticeKind)
def test_failure_and_decision_notices_have_their_own_type_and_a_code(kind: NoticeKind) -> None:
    notice = Notice(kind=kind, number=0, code="document_error")
    note = Notification("report-a", "Tides", "failed", "http://127.0.0.1/reports/a", notice=notice)

    body = json.loads(standard_webhooks.compose(note, "a" * 64, None).body)

    assert body["type"] == f"report.{kind}"
    assert body["data"]["code"] == "document_error"
