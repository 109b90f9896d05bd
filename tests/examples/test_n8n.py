"""The n8n example keeps to our API: its flows' own requests, signature check and connections, on real processes."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner
from standardwebhooks import Webhook

from durable_research.cli.main import cli
from tests.examples.conftest import OPERATORS_SECRET, ReceivedNotification, Receiver
from tests.examples.n8n import Execution, StoppedByTheFlow
from tests.installation import Installation, until

FOLDER = Path(__file__).parents[2] / "examples" / "n8n"
FLOWS = ("ask-and-wait", "receive-notification")
# Headers that any HTTP client sends by itself.
OF_ANY_CLIENT = {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}


def flow(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return read


def requesting(installation: Installation, receiver: Receiver, number: int) -> Execution:
    """An execution of the request flow, whose Wait node listens at the receiver."""
    return Execution(
        flow("ask-and-wait"),
        id=str(number),
        resume_url=f"{receiver.url}/webhook-waiting/{number}?signature=5f1c{number}",
        variables={"DURABLE_RESEARCH_API": installation.api},
    )


def question_item(prompt: str) -> dict[str, Any]:
    return {"headers": {}, "params": {}, "query": {}, "body": {"prompt": prompt}}


def waiting_path(execution: Execution) -> str:
    where = urlsplit(execution.resume_url)
    return f"{where.path}?{where.query}"


def callback(execution: Execution, receiver: Receiver, count: int = 1) -> list[ReceivedNotification]:
    return receiver.at(waiting_path(execution), count)


def receiving(installation: Installation, secret: str) -> Execution:
    return Execution(
        flow("receive-notification"),
        variables={"DURABLE_RESEARCH_API": installation.api, "DURABLE_RESEARCH_WEBHOOK_SECRET": secret},
    )


def deliver(execution: Execution, notification: ReceivedNotification) -> Execution:
    """Deliver a notification to the receiving flow's webhook."""
    item = {"headers": notification.headers, "params": {}, "query": {}, "body": json.loads(notification.body)}
    return execution.start(item, notification.body)


def secret_of(url: str) -> str:
    """The output of `durable-research webhook-secret`."""
    environment = {
        "DURABLE_RESEARCH_WEBHOOK_SECRET": OPERATORS_SECRET,
        "DURABLE_RESEARCH_ALLOW_UNSAFE_WEBHOOKS": "true",
    }
    result = CliRunner().invoke(cli, ["webhook-secret", url], env=environment)
    assert result.exit_code == 0, result.output
    return result.output.strip()


@pytest.fixture(scope="module")
def waited(installation: Installation, receiver: Receiver) -> Execution:
    """The request flow, from the question to the PDF."""
    execution = requesting(installation, receiver, 1).start(question_item("What does n8n wait for?"))
    callback(execution, receiver)
    return execution.resume()


@pytest.fixture(scope="module")
def notified(installation: Installation, receiver: Receiver) -> tuple[str, ReceivedNotification]:
    """An address that was notified, and its notification."""
    url = f"{receiver.url}/webhook/durable-research"
    answer = httpx.post(
        f"{installation.api}/api/workflows/generate-report", json={"prompt": "Who is told?", "notify": [url]}
    )
    assert answer.status_code == 202, answer.text
    return url, receiver.at("/webhook/durable-research")[0]


@pytest.fixture(scope="module")
def received(installation: Installation, notified: tuple[str, ReceivedNotification]) -> Execution:
    """The receiving flow, from the notification to the PDF."""
    url, notification = notified
    return deliver(receiving(installation, secret_of(url)), notification)


def test_the_request_flow_downloads_the_pdf_after_its_callback(waited: Execution) -> None:
    assert waited.trail[-3:] == ["Look for the report", "Is it there?", "Download the PDF"]
    assert waited.responses[-1].content.startswith(b"%PDF")


def test_the_receiving_flow_downloads_the_pdf_of_a_valid_notification(received: Execution) -> None:
    assert (received.trail[-1], received.answered) == ("Use the report", 204)
    assert received.responses[-1].content.startswith(b"%PDF")


@pytest.mark.parametrize("name", ["waited", "received"])
def test_the_flows_send_only_requests_of_the_openapi_document(
    installation: Installation, request: pytest.FixtureRequest, name: str
) -> None:
    paths = httpx.get(f"{installation.api}/api/openapi.json", timeout=30).json()["paths"]

    for sent in request.getfixturevalue(name).requests:
        described = [
            methods[sent.method.lower()]
            for path, methods in paths.items()
            # An id holds no dot, which distinguishes a report's facts from its files.
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/.]+", re.escape(path)), sent.url.path)
            and sent.method.lower() in methods
        ]
        assert len(described) == 1, f"the API has no {sent.method} {sent.url.path}"
        headers = {one["name"].lower() for one in described[0]["parameters"] if one["in"] == "header"}
        assert set(sent.headers) - OF_ANY_CLIENT <= headers


def test_a_repeated_request_of_one_execution_gets_the_same_report(
    installation: Installation, receiver: Receiver, waited: Execution
) -> None:
    again = requesting(installation, receiver, 1).start(question_item("What does n8n wait for?"))

    assert again.responses[0].headers["idempotency-replayed"] == "true"
    assert again.responses[0].json()["report_id"] == waited.responses[0].json()["report_id"]


def test_two_executions_create_two_reports(installation: Installation, receiver: Receiver, waited: Execution) -> None:
    other = requesting(installation, receiver, 2).start(question_item("What does n8n wait for?"))

    assert other.responses[0].json()["report_id"] != waited.responses[0].json()["report_id"]


def test_a_callback_refused_because_n8n_does_not_wait_yet_is_repeated(
    installation: Installation, receiver: Receiver
) -> None:
    execution = requesting(installation, receiver, 3)
    receiver.answers[waiting_path(execution)] = [409]
    execution.start(question_item("Called back too early"))

    first, second = callback(execution, receiver, 2)

    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_flow_resumed_too_early_waits_again_and_stops_at_a_failed_report(
    installation: Installation, receiver: Receiver
) -> None:
    installation.latency(60)
    execution = requesting(installation, receiver, 4).start(question_item("Woken too early"))
    report = execution.responses[0].json()["report_id"]

    woken = execution.resume().waits_at
    httpx.post(f"{installation.api}/api/workflows/{report}/cancel", timeout=30).raise_for_status()
    installation.finished(report)
    installation.latency(0)

    assert woken == "Wait to be told"
    with pytest.raises(StoppedByTheFlow, match="There is no report: the report is cancelled"):
        execution.resume()


def test_a_repeated_notification_is_accepted_and_used_once(
    installation: Installation, notified: tuple[str, ReceivedNotification], received: Execution
) -> None:
    url, notification = notified
    again = receiving(installation, secret_of(url))
    again.seen_before = received.seen_before

    deliver(again, notification)

    assert (again.trail[-1], again.answered) == ("Drop repeats", 204)


def test_a_notification_of_a_waiting_draft_is_accepted_and_downloads_nothing(
    installation: Installation, receiver: Receiver
) -> None:
    url = f"{receiver.url}/webhook/asks-for-approval"
    body = {"prompt": "Who approves?", "notify": [url], "approval": "before_pdf"}
    report = httpx.post(f"{installation.api}/api/workflows/generate-report", json=body, timeout=30).json()[
        "workflow_id"
    ]
    [notification] = receiver.at("/webhook/asks-for-approval")

    execution = deliver(receiving(installation, secret_of(url)), notification)

    assert json.loads(notification.body)["type"] == "report.approval_asked"
    assert (execution.trail[-1], execution.answered, execution.requests) == ("Accept other news", 204, [])
    httpx.post(f"{installation.api}/api/workflows/{report}/cancel", timeout=30).raise_for_status()
    installation.finished(report)


def test_a_flow_with_approval_is_resumed_by_the_draft_and_waits_again(
    installation: Installation, receiver: Receiver
) -> None:
    execution = requesting(installation, receiver, 5)
    node = next(one for one in execution.flow["nodes"] if one["name"] == "Ask for a report")
    node["parameters"]["jsonBody"] = node["parameters"]["jsonBody"].replace(
        "notify:", "approval: 'before_pdf', notify:"
    )
    execution.start(question_item("Approved, then made"))
    report = execution.responses[0].json()["report_id"]
    callback(execution, receiver)

    waits_at = execution.resume().waits_at
    waiting_draft = installation.status(report)["asks"]
    decision = {"decision": "approve", "draft_sha256": waiting_draft["draft_sha256"]}
    httpx.post(f"{installation.api}/api/workflows/{report}/approve", json=decision, timeout=30).raise_for_status()
    installation.finished(report)
    callback(execution, receiver, 2)

    assert waits_at == "Wait to be told"
    assert execution.resume().trail[-1] == "Download the PDF"


def another_body(notification: ReceivedNotification) -> ReceivedNotification:
    return replace(notification, body=notification.body.replace(b"Who is told", b"Who is fooled"))


def without_signature(notification: ReceivedNotification) -> ReceivedNotification:
    return replace(
        notification, headers={name: one for name, one in notification.headers.items() if name != "webhook-signature"}
    )


def another_id(notification: ReceivedNotification) -> ReceivedNotification:
    return replace(notification, headers={**notification.headers, "webhook-id": "msg_another"})


@pytest.mark.parametrize("forge", [another_body, without_signature, another_id])
def test_a_forged_notification_is_refused(
    installation: Installation,
    notified: tuple[str, ReceivedNotification],
    forge: Callable[[ReceivedNotification], ReceivedNotification],
) -> None:
    url, notification = notified

    refused = deliver(receiving(installation, secret_of(url)), forge(notification))

    assert (refused.trail[-1], refused.answered, refused.requests) == ("Refuse", 401, [])


@pytest.mark.parametrize(("minutes", "answered"), [(-6, 401), (-4, 204), (6, 401)])
def test_a_replayed_notification_is_refused_when_its_timestamp_is_old(
    installation: Installation, notified: tuple[str, ReceivedNotification], minutes: int, answered: int
) -> None:
    url, notification = notified
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    signature = Webhook(secret_of(url)).sign(notification.headers["webhook-id"], at, notification.body.decode())
    headers = {"webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}

    execution = deliver(
        receiving(installation, secret_of(url)), replace(notification, headers={**notification.headers, **headers})
    )

    assert execution.answered == answered


def test_a_signature_by_the_secret_of_another_address_is_refused(
    installation: Installation, notified: tuple[str, ReceivedNotification]
) -> None:
    url, notification = notified

    assert deliver(receiving(installation, secret_of(f"{url}/another")), notification).answered == 401


@pytest.mark.parametrize("secret", ["", "whsec_", "secret"])
def test_without_a_secret_no_notification_is_accepted(
    installation: Installation, notified: tuple[str, ReceivedNotification], secret: str
) -> None:
    with pytest.raises(RuntimeError, match="the secret is not set"):
        deliver(receiving(installation, secret), notified[1])


def test_the_receiving_flow_verifies_the_operators_webhook_by_the_operators_secret(installation: Installation) -> None:
    report = installation.submit("Told to the operator")
    sink = f"{installation.up['simulator']}/sink/webhook"
    delivered = until(
        "the operator's webhook",
        lambda: next((one for one in httpx.get(sink, timeout=30).json() if report in one["body"]), None),
    )
    headers = {name.lower(): value for name, value in delivered["headers"].items()}

    execution = deliver(
        receiving(installation, OPERATORS_SECRET), ReceivedNotification("", headers, delivered["body"].encode())
    )

    assert (execution.trail[-1], execution.answered) == ("Use the report", 204)


def test_the_readmes_examples_match_the_requests_that_are_sent(
    waited: Execution, received: Execution, notified: tuple[str, ReceivedNotification]
) -> None:
    blocks = re.findall(r"```http\n(.*?)\n\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    shown = [
        ({line.split(":")[0].lower() for line in head.splitlines()[1:]}, json.loads(body)) for head, body in blocks
    ]
    (question_headers, question), (callback_headers, notification) = shown

    assert question_headers - OF_ANY_CLIENT == set(waited.requests[0].headers) - OF_ANY_CLIENT
    assert question.keys() == json.loads(waited.requests[0].content).keys()
    assert callback_headers - OF_ANY_CLIENT == set(notified[1].headers) - OF_ANY_CLIENT
    assert notification.keys() == json.loads(notified[1].body).keys()
    assert notification["data"].keys() == json.loads(notified[1].body)["data"].keys()


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_holds_no_credentials_and_no_secret(name: str) -> None:
    assert [node["name"] for node in flow(name)["nodes"] if "credentials" in node] == []
    assert not re.search(r"whsec_[A-Za-z0-9+/]{8}", (FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_connects_only_nodes_that_exist(name: str) -> None:
    names = [node["name"] for node in flow(name)["nodes"]]
    wired = {
        wire["node"] for outputs in flow(name)["connections"].values() for output in outputs["main"] for wire in output
    }

    assert len(names) == len(set(names))
    assert wired | set(flow(name)["connections"]) <= set(names)


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_has_the_id_that_n8ns_import_command_needs(name: str) -> None:
    assert 0 < len(flow(name)["id"]) <= 36
