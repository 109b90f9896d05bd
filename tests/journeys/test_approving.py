"""A report that waits for a person outlives every process, and so does the person's decision."""

import httpx

from tests.installation import Installation, until


def parked(installation: Installation, prompt: str) -> tuple[str, str]:
    """A report whose draft waits for approval, and the draft's hash."""
    report = installation.submit_with(prompt=prompt, approval="before_pdf")
    draft = until("the draft to wait", lambda: installation.status(report)["asks"])
    return report, draft["draft_sha256"]


def approve(installation: Installation, report: str, sha256: str) -> httpx.Response:
    body = {"decision": "approve", "draft_sha256": sha256, "decision_id": "mine"}
    return httpx.post(f"{installation.api}/api/workflows/{report}/approve", json=body, timeout=60)


def test_a_waiting_draft_survives_a_kill_of_all_processes(own_installation: Installation) -> None:
    own_installation.start()
    own_installation.latency(0.1)
    report, sha256 = parked(own_installation, "Waiting through the night")

    own_installation.kill_all()
    own_installation.start()

    assert own_installation.status(report)["status"] == "waiting_for_you"
    answer = approve(own_installation, report, sha256)
    assert answer.status_code == 202, answer.text
    assert own_installation.finished(report)["status"] == "done"
    assert len(own_installation.billing_log("Waiting through the night")) == 1


def test_a_decision_repeated_after_the_api_was_killed_counts_once(
    own_installation: Installation,
) -> None:
    own_installation.environment["DURABLE_RESEARCH_FAILPOINTS"] = "approve.sent=kill@1"
    own_installation.start()
    own_installation.latency(0.1)
    report, sha256 = parked(own_installation, "Approved into the dark")

    try:
        approve(own_installation, report, sha256)
    except httpx.TransportError:
        pass
    else:
        raise AssertionError("the API answered, though it should have died")

    def repeat_decision() -> httpx.Response | None:
        try:
            answer = approve(own_installation, report, sha256)
        except (httpx.TransportError, FileNotFoundError):
            return None
        # It may answer before Temporal answers it, and take a decision before a worker takes that up.
        return answer if answer.status_code == 202 and answer.json()["outcome"] else None

    answer = until("the API to take it up", repeat_decision)
    assert (answer.status_code, answer.json()["outcome"]) == (202, "approve")
    assert own_installation.finished(report)["status"] == "done"
    kinds = [event["kind"] for event in own_installation.events(report)]
    assert kinds.count("approval_given") == 1
