"""A text is written, checked by the request's rules and summarised; one that fails or is cancelled is removed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.failpoints.reach import FAILPOINTS_VARIABLE
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness
from tests.pipelines.leftovers import NOTHING, left, undone
from tests.pipelines.test_blog_post import until_held

GOOD = "ECHO: # Tides\n\nThe sea comes and goes twice a day, as the moon pulls at it. " + "It does so everywhere. " * 12


async def process(harness: Harness, prompt: str, **more: Any) -> str:
    return await harness.submit(prompt, "ai-processing", **more)


async def test_a_text_is_written_checked_and_summarised(harness: Harness) -> None:
    workflow_id = await process(harness, "How do tides work?")

    assert (await harness.finished(workflow_id))["status"] == "done"
    result = await harness.result(workflow_id)
    assert list(result["texts"]) == ["text", "summary"]
    assert (await left(harness, workflow_id))["objects"] == 2


async def test_the_summary_is_a_second_paid_call_about_the_text(harness: Harness) -> None:
    workflow_id = await process(harness, GOOD)
    status = await harness.finished(workflow_id)

    assert status["charges"] == {"settled": 2, "possible_extra": 0}
    prompts = [line["text"] for line in harness.servers.billing_log("The sea comes and goes twice a day")]
    assert any(text.startswith("Summarise this text:") for text in prompts)


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("Too short.", {}, "at least 200"),
        (GOOD[6:], {"rules": {"max_characters": 50, "min_characters": 0}}, "at most 50"),
        (GOOD[6:], {"language": "de"}, "another language"),
        ("I'm sorry, but I can't help with that. " + "x " * 200, {}, "refuses"),
        ("<think>The user wants tides.</think> " + GOOD[6:], {}, "reasoning"),
    ],
)
async def test_a_text_that_breaks_a_rule_is_removed_and_the_rule_named(
    harness: Harness, text: str, more: dict[str, Any], words: str
) -> None:
    workflow_id = await process(harness, f"ECHO: {text}", **more)

    status = await harness.finished(workflow_id)

    assert (status["status"], status["error"]["code"]) == ("failed", "output_invalid")
    assert words in status["error"]["detail"]
    assert (await left(harness, workflow_id), await undone(harness, workflow_id)) == (NOTHING, ["compensate_generate"])


async def test_a_rule_can_be_disabled(harness: Harness) -> None:
    workflow_id = await process(harness, "ECHO: Too short.", rules={"min_characters": 0})

    assert (await harness.finished(workflow_id))["status"] == "done"


@pytest.mark.parametrize("match", ["Refused writing", "Summarise this text:\n\n# Refused summary"])
async def test_a_permanently_failed_call_leaves_nothing_stored(harness: Harness, match: str) -> None:
    harness.fault(match, fault="401", kind="model_call")

    workflow_id = await process(harness, f"ECHO: # {match.split('# ')[-1]}\n\n{GOOD[6:]}")

    assert (await harness.finished(workflow_id))["status"] == "failed"
    assert (await left(harness, workflow_id), await undone(harness, workflow_id)) == (NOTHING, ["compensate_generate"])


async def test_a_check_that_raises_an_error_leaves_nothing_stored(
    harness: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_model(text: str) -> str:
        raise ValueError("a bug of ours")

    monkeypatch.setattr(harness.processing.languages, "language_of", no_model)
    workflow_id = await process(harness, "A check with a bug", language="en")

    status = await harness.finished(workflow_id)

    assert (status["status"], await left(harness, workflow_id)) == ("failed", NOTHING)


@pytest.mark.parametrize(
    "point",
    [
        "generate_text.begun",
        "generate_text.sent",
        "generate_text.stored",
        "generate_text.settled",
        "summarize_text.begun",
        "summarize_text.sent",
        "summarize_text.stored",
    ],
)
async def test_a_text_cancelled_at_any_failpoint_leaves_nothing_stored(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str
) -> None:
    monkeypatch.setenv("DURABLE_RESEARCH_DATA", str(tmp_path))
    monkeypatch.setenv(FAILPOINTS_VARIABLE, f"{point}=pause@1:600")
    workflow_id = await process(harness, f"Cancelled at {point}")
    await until_held(tmp_path)

    await harness.cancelling.cancel(workflow_id, LOCAL_CALLER)

    assert (await harness.finished(workflow_id))["status"] == "cancelled"
    assert (await left(harness, workflow_id), await undone(harness, workflow_id)) == (NOTHING, ["compensate_generate"])


async def test_a_text_cancelled_in_its_check_leaves_nothing_stored(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, reached = harness.writer.read, asyncio.Event()

    async def read_slowly(*_: object) -> str:
        reached.set()
        await asyncio.sleep(600)
        return ""

    monkeypatch.setattr(harness.writer, "read", read_slowly)
    workflow_id = await process(harness, "Cancelled in the check")
    await asyncio.wait_for(reached.wait(), PATIENCE_SECONDS)

    await harness.cancelling.cancel(workflow_id, LOCAL_CALLER)
    monkeypatch.setattr(harness.writer, "read", reading)

    assert (await harness.finished(workflow_id))["status"] == "cancelled"
    assert await left(harness, workflow_id) == NOTHING
