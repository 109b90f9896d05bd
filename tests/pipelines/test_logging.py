"""What a worker logs of real workflows: which workflow, step and attempt, and nothing that a person or a provider wrote."""

import json

from durable_research.domain.errors import DocumentError
from durable_research.telemetry import logs
from tests.logged import captured_lines
from tests.pipelines.conftest import Harness

CANARY = "canary-3f0d"


async def test_a_failed_attempt_is_logged_with_its_workflow_step_number_and_worker(
    harness: Harness, quick_retries: None
) -> None:
    harness.fault("logged while busy", fault="429", times=2, retry_after=0)

    with captured_lines() as lines:
        report = await harness.submit("logged while busy")
        await harness.finished(report)

    failed = [line for line in lines if line["event"] == logs.ATTEMPT_FAILED.name and line["workflow_id"] == report]
    assert [(one["step"], one["attempt"], one["worker"], one["code"]) for one in failed] == [
        ("llm_call", 1, "tester@1", "rate_limited"),
        ("llm_call", 2, "tester@1", "rate_limited"),
    ]


async def test_no_line_holds_what_people_or_providers_wrote(harness: Harness, quick_retries: None) -> None:
    harness.fault(f"{CANARY} refused", fault="401")
    harness.renderer.fail(f"{CANARY} set", DocumentError(f"{CANARY} cannot be typeset"))

    with captured_lines() as lines:
        for prompt in (f"{CANARY} refused", f"{CANARY} set"):
            report = await harness.submit(prompt, user=f"{CANARY}-user")
            await harness.finished(report)

    assert {line["code"] for line in lines if "code" in line} >= {"model_refused", "document_error"}
    assert CANARY not in json.dumps(lines)


async def test_a_mistake_of_ours_is_logged_by_its_place_and_not_by_its_words(
    harness: Harness, quick_retries: None
) -> None:
    harness.renderer.fail(f"{CANARY} crash", ValueError(f"{CANARY} in a bug"))

    with captured_lines() as lines:
        report = await harness.submit(f"{CANARY} crash")
        await harness.finished(report)

    crashed = [line for line in lines if line["event"] == logs.ATTEMPT_CRASHED.name]
    assert {(one["workflow_id"], one["step"]) for one in crashed} == {(report, "create_pdf")}
    assert all("builtins.ValueError" in one["exception"] for one in crashed)
    assert CANARY not in json.dumps(lines)
