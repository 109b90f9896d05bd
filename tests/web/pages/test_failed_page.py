"""The page of a failed report: its text is read and corrected there, and it is resumed, all without a script."""

import html
import re

import pytest
from quart.testing import QuartClient

from durable_research.domain.workflows.events import AttemptFailed, Closed, EventKind
from durable_research.domain.workflows.workflow import Kind, Status
from tests.web.harness import TEXT, UNKNOWN, Harness
from tests.web.pages.test_pages import page, post

EVIL = "</pre></textarea><script>alert(1)</script>\n\n# Tides"


def shown(text: str) -> str:
    """The field as a browser parses it: its first line end is not part of the text."""
    found = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def token(text: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found
    return found[1]


@pytest.mark.parametrize("ended", [Status.FAILED, Status.TERMINATED])
async def test_the_page_shows_the_paid_text_with_download_and_correction(
    client: QuartClient, harness: Harness, ended: Status
) -> None:
    report_id = await harness.failed(status=ended)

    text = await page(client, f"/reports/{report_id}")

    assert shown(text) == TEXT
    assert f'href="/api/workflows/{report_id}/texts/text" download' in text
    assert "what was paid for is not paid again" in text
    assert "accept_charge" not in text


async def test_the_paid_text_is_escaped(client: QuartClient, harness: Harness) -> None:
    text = await page(client, f"/reports/{await harness.failed(text=EVIL)}")

    assert shown(text) == EVIL
    assert "<script>alert(1)" not in text


async def test_the_resume_button_resumes_and_redirects_to_the_report(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    before = await page(client, f"/reports/{report_id}")

    status, location, _ = await post(client, f"/reports/{report_id}/resume", token=token(before))

    live = await page(client, location)
    assert (status, location) == (303, f"/reports/{report_id}")
    assert "follow.js" in live
    assert "Go on with this report" not in live


async def test_a_double_click_resumes_once(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    key = token(await page(client, f"/reports/{report_id}"))
    failed = Closed(error={"code": "document_error", "detail": "x"})
    await post(client, f"/reports/{report_id}/resume", token=key)
    await harness.world.progress.close(report_id, Status.FAILED, failed, 1)

    await post(client, f"/reports/{report_id}/resume", token=key)

    events = await harness.world.progress.read(report_id)
    assert sum(event.kind is EventKind.RESUMED for event in events) == 1


async def test_a_corrected_text_resumes_the_report(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()

    status, _, _ = await post(client, f"/reports/{report_id}/resume", token="t", text="# By hand\r\n\r\nWords.")

    (resumed,) = [event for event in await harness.world.progress.read(report_id) if event.kind is EventKind.RESUMED]
    assert status == 303
    assert harness.world.objects.objects[resumed.data["texts"]["corrected"]["text"]["key"]] == b"# By hand\n\nWords."


async def test_a_very_long_text_in_any_script_can_be_corrected(client: QuartClient, harness: Harness) -> None:
    report_id, long = await harness.failed(), "潮" * 60_000

    assert (await post(client, f"/reports/{report_id}/resume", token="t", text=long))[0] == 303


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (" ", "Write a text first."),
        (
            "# Mine\n\nwith a \x07 bell",
            "This holds the control character U+0007; of these only newline and tab are allowed.",
        ),
    ],
)
async def test_a_refused_text_is_shown_again_with_its_error(
    client: QuartClient, harness: Harness, typed: str, words: str
) -> None:
    report_id = await harness.failed()

    status, _, text = await post(client, f"/reports/{report_id}/resume", token="t", text=typed)

    assert (status, shown(text)) == (422, typed)
    assert f'<p class="field-error" id="text-error">{words}</p>' in text
    assert 'aria-invalid="true" aria-describedby="text-price text-error"' in text
    assert "<details open><summary>Correct the text" in text


async def test_a_text_submitted_too_late_is_shown_again(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    await post(client, f"/reports/{report_id}/resume", token="t")
    await harness.world.progress.close(report_id, Status.DONE, Closed(), 1)

    status, _, text = await post(client, f"/reports/{report_id}/resume", token="u", text="# Typed for long")

    assert status == 409
    assert "# Typed for long" in text


async def test_a_resumption_with_a_possible_charge_needs_a_checkbox(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed_in_silence()
    address = f"/reports/{report_id}/resume"

    before = await page(client, f"/reports/{report_id}")
    refused = await post(client, address, token="t")
    accepted = await post(client, address, token="t", accept_charge="yes")

    assert "the model may be charged again, 0 so far, and perhaps 2 more" in before
    assert re.search(r'<input id="accept_charge" type="checkbox" name="accept_charge" value="yes" required', before)
    assert "Correct the text" not in before
    assert (refused[0], "Tick the box first" in refused[2]) == (409, True)
    assert accepted[0] == 303


async def test_an_unreachable_object_store_does_not_prevent_resuming(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    harness.world.objects.is_away = True

    text = await page(client, f"/reports/{report_id}")

    assert "it cannot be read now" in text
    assert ">Resume</button>" in text


@pytest.mark.parametrize(("kind", "folder"), [(Kind.POST, "posts"), (Kind.PROCESSING, "texts")])
async def test_the_page_of_an_undone_workflow_offers_a_paid_repeat(
    client: QuartClient, harness: Harness, kind: Kind, folder: str
) -> None:
    undone = await harness.queued("Why do bees dance?", kind=kind)
    await harness.world.progress.close(undone, Status.FAILED, Closed(error={"code": "internal_error", "detail": "x"}))

    text = await page(client, f"/{folder}/{undone}")

    assert f'<a href="/?again={undone}">Run again; it is paid anew</a>' in text
    assert "Resume" not in text


async def test_run_again_fills_the_form_with_the_question_and_its_options(
    client: QuartClient, harness: Harness
) -> None:
    body = {"prompt": "潮" * 9_000, "title": "Tides & <winds>", "language": "de", "approval": "before_pdf"}
    await client.post("/api/workflows/generate-report", json=body)
    (report_id,) = harness.world.workflows.rows

    text = await page(client, f"/?again={report_id}")

    assert "潮" * 9_000 in text
    assert 'value="Tides &amp; &lt;winds&gt;"' in text
    assert '<option value="de" selected>' in text
    assert '<option value="before_pdf" selected>' in text


@pytest.mark.parametrize("wrong", [UNKNOWN, "x", "a%00b"])
async def test_run_again_with_an_unknown_id_is_404(client: QuartClient, wrong: str) -> None:
    await page(client, f"/?again={wrong}", 404)


async def test_attempts_after_a_resumption_are_below_a_heading(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    for number in range(1, 4):
        await post(client, f"/reports/{report_id}/resume", token=str(number))
        attempt = await harness.step(report_id, "create_pdf")
        await harness.world.progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, AttemptFailed(final=True, error={}))
        await harness.world.progress.close(report_id, Status.FAILED, Closed(), number)

    text = await page(client, f"/reports/{report_id}")

    lines = re.findall(r'<th colspan="5"[^>]*>([^<]+)</th>|<tr data-attempt="([^"]+)"', text)
    assert [words or attempt for words, attempt in lines] == [
        "llm_call/1",
        "create_pdf/1",
        "After resuming",
        "create_pdf/2",
        "After resuming, the 2nd time",
        "create_pdf/3",
        "After resuming, the 3rd time",
        "create_pdf/4",
    ]
