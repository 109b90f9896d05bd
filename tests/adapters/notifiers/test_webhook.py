import httpx
import pytest

from durable_research.adapters.notifiers.webhook import WebhookNotifier
from durable_research.domain.errors import NotificationFailed, NotificationRefused
from durable_research.ports.notifiers import Notification
from tests.installation import Installation

SECRET = "whsec_" + "c2VjcmV0" * 6


def notification(name: str) -> Notification:
    return Notification(name, "Tides", "done", f"http://127.0.0.1/reports/{name}")


@pytest.fixture
async def notifier(servers: Installation):
    notifier = WebhookNotifier(f"{servers.up['simulator']}/sink/webhook", SECRET)
    yield notifier
    await notifier.close()


async def test_a_message_arrives_with_its_id(notifier: WebhookNotifier, servers: Installation) -> None:
    reference = await notifier.prepare(notification("report-a")).send("a" * 64, None)

    lines = servers.witness("report-a", kind="webhook")
    assert [line["key"] for line in lines] == [reference]


async def test_a_repeat_carries_the_same_id(notifier: WebhookNotifier, servers: Installation) -> None:
    first = await notifier.prepare(notification("report-b")).send("b" * 64, None)

    assert await notifier.prepare(notification("report-b")).send("b" * 64, None) == first


@pytest.mark.parametrize(("status", "error"), [("429", NotificationFailed), ("410", NotificationRefused)])
async def test_an_answer_other_than_success_is_a_failure(
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


async def test_a_receiver_that_is_away_may_be_told_later() -> None:
    with pytest.raises(NotificationFailed):
        await WebhookNotifier("http://127.0.0.1:9/", None).prepare(notification("away")).send("e" * 64, None)
