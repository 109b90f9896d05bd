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
    """What a browser makes of the field: its first line end is no part of the text."""
    found = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def token(text: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found
    return found[1]


@pytest.mark.parametrize("ended", [Status.FAILED, Status.TERMINATED])
async def test_the_paid_text_is_read_downloaded_and_corrected_on_the_page(
    client: QuartClient, harness: Harness, ended: Status
) -> None:
    report_id = await harness.failed(status=ended)

    text = await page(client, f"/reports/{report_id}")

    assert shown(text) == TEXT
    assert f'href="/api/workflows/{report_id}/texts/text" download' in text
    assert "what was paid for is not paid again" in text
    assert "accept_charge" not in text


async def test_a_text_is_data_and_never_markup(client: QuartClient, harness: Harness) -> None:
    text = await page(client, f"/reports/{await harness.failed(text=EVIL)}")

    assert shown(text) == EVIL
    assert "<script>alert(1)" not in text


async def test_the_button_resumes_and_leads_to_the_live_page(client: QuartClient, harness: Harness) -> None:
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


async def test_a_corrected_text_goes_on(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()

    status, _, _ = await post(client, f"/reports/{report_id}/resume", token="t", text="# By hand\r\n\r\nWords.")

    (resumed,) = [event for event in await harness.world.progress.read(report_id) if event.kind is EventKind.RESUMED]
    assert status == 303
    assert harness.world.objects.objects[resumed.data["texts"]["corrected"]["text"]["key"]] == b"# By hand\n\nWords."


async def test_a_report_as_long_as_they_come_can_be_corrected_in_any_script(
    client: QuartClient, harness: Harness
) -> None:
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
async def test_a_text_that_is_refused_stands_there_as_it_was_typed_beside_what_is_wrong(
    client: QuartClient, harness: Harness, typed: str, words: str
) -> None:
    report_id = await harness.failed()

    status, _, text = await post(client, f"/reports/{report_id}/resume", token="t", text=typed)

    assert (status, shown(text)) == (422, typed)
    assert f'<p class="field-error" id="text-error">{words}</p>' in text
    assert 'aria-invalid="true" aria-describedby="text-price text-error"' in text
    assert "<details open><summary>Correct the text" in text


async def test_a_text_that_comes_too_late_is_not_lost(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    await post(client, f"/reports/{report_id}/resume", token="t")
    await harness.world.progress.close(report_id, Status.DONE, Closed(), 1)

    status, _, text = await post(client, f"/reports/{report_id}/resume", token="u", text="# Typed for long")

    assert status == 409
    assert "# Typed for long" in text


async def test_what_may_be_charged_again_asks_for_a_tick_first(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed_in_silence()
    address = f"/reports/{report_id}/resume"

    before = await page(client, f"/reports/{report_id}")
    refused = await post(client, address, token="t")
    taken = await post(client, address, token="t", accept_charge="yes")

    assert "the model may be charged again, 0 so far, and perhaps 2 more" in before
    assert re.search(r'<input id="accept_charge" type="checkbox" name="accept_charge" value="yes" required', before)
    assert "Correct the text" not in before
    assert (refused[0], "Tick the box first" in refused[2]) == (409, True)
    assert taken[0] == 303


async def test_an_object_store_that_is_away_keeps_nobody_from_resuming(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.failed()
    harness.world.objects.is_away = True

    text = await page(client, f"/reports/{report_id}")

    assert "it cannot be read now" in text
    assert ">Resume</button>" in text


@pytest.mark.parametrize(("kind", "folder"), [(Kind.POST, "posts"), (Kind.PROCESSING, "texts")])
async def test_what_was_undone_is_run_again_and_the_page_says_that_it_is_paid_anew(
    client: QuartClient, harness: Harness, kind: Kind, folder: str
) -> None:
    undone = await harness.asked("Why do bees dance?", kind=kind)
    await harness.world.progress.close(undone, Status.FAILED, Closed(error={"code": "internal_error", "detail": "x"}))

    text = await page(client, f"/{folder}/{undone}")

    assert f'<a href="/?again={undone}">Run again; it is paid anew</a>' in text
    assert "Resume" not in text


async def test_running_again_begins_with_the_question_and_its_options(client: QuartClient, harness: Harness) -> None:
    asked = {"prompt": "潮" * 9_000, "title": "Tides & <winds>", "language": "de", "approval": "before_pdf"}
    await client.post("/api/workflows/generate-report", json=asked)
    (report_id,) = harness.world.workflows.rows

    text = await page(client, f"/?again={report_id}")

    assert "潮" * 9_000 in text
    assert 'value="Tides &amp; &lt;winds&gt;"' in text
    assert '<option value="de" selected>' in text
    assert '<option value="before_pdf" selected>' in text


@pytest.mark.parametrize("wrong", [UNKNOWN, "x", "a%00b"])
async def test_what_is_no_id_cannot_be_run_again(client: QuartClient, wrong: str) -> None:
    await page(client, f"/?again={wrong}", 404)


async def test_attempts_after_resuming_stand_below_a_line_that_says_so(client: QuartClient, harness: Harness) -> None:
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
