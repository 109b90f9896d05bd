"""A person in a real browser: submit, watch, read, download; also while the API is killed."""

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.installation import Installation

CHROMIUM = "/usr/bin/chromium"
# A report is made in a second or two; a machine that does other things as well must not fail a person.
expect.set_options(timeout=30_000)
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    slow_undo = {
        "DURABLE_RESEARCH_FAILPOINTS": "delete_post.undo_begun=pause@1-9:12"
    }  # long enough to be seen by a person
    with Installation(tmp_path_factory.mktemp("browser"), **slow_undo) as installation:
        yield installation


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when it writes to the console (a broken policy does)."""
    page = browser.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    yield page
    page.close()
    # The browser itself reports a connection that was cut on purpose, not the page.
    assert [line for line in messages if "net::ERR" not in line] == []


def submit(page: Page, installation: Installation, prompt: str, button: str = "Start the report") -> None:
    page.goto(installation.api)
    page.get_by_role("textbox", name="Your question").fill(prompt)
    page.get_by_role("button", name=button).click()


def test_a_report_is_requested_watched_read_and_downloaded(page: Page, installation: Installation) -> None:
    installation.latency(2)
    submit(page, installation, "Why do cathedrals echo?")

    expect(page.get_by_text("Demo", exact=False).first).to_be_visible()
    link = page.get_by_role("link", name="Open the PDF")
    expect(link).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cathedrals echo")
    pdf = page.request.get(f"{installation.api}{link.get_attribute('href')}")

    assert pdf.body().startswith(b"%PDF")


def test_a_downloaded_file_is_named_after_its_title_in_any_script(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    installation.latency(0)
    report = installation.submit("潮汐はなぜ違う?")
    installation.finished(report)
    page.goto(f"{installation.api}/reports/{report}")

    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Markdown").click()
    curl = ["curl", "--silent", "--show-error", "-OJ", f"{installation.api}/api/reports/{report}.md"]
    subprocess.run(curl, cwd=tmp_path, check=True)

    assert downloaded.value.suggested_filename.startswith("潮汐はなぜ違う")
    # A program that reads the plain name alone.
    assert [path.name for path in tmp_path.iterdir()] == [f"report-{report[-6:]}.md"]


def test_an_open_page_continues_after_the_api_was_killed(page: Page, installation: Installation) -> None:
    installation.latency(6)
    submit(page, installation, "Why do bells ring?")
    expect(page.get_by_text("Ask the model", exact=False).first).to_be_visible()
    # The script hides the link as its first act: a page whose script the dead API did not send is one without scripts.
    expect(page.get_by_role("link", name="Refresh")).to_be_hidden()

    installation.kill("api")

    expect(page.get_by_role("link", name="Open the PDF")).to_be_visible(timeout=60_000)


def test_a_wait_for_the_provider_is_one_row_that_is_updated(page: Page, installation: Installation) -> None:
    installation.latency(0)
    installation.simulator("faults", {"match": "Why do doors creak?", "fault": "429", "times": 9999})
    submit(page, installation, "Why do doors creak?")
    row = page.locator("[data-part=attempts] tr")
    step = page.locator("[data-step=llm_call]")

    expect(step).to_contain_text(re.compile(r"next try (in \d+\.\d s|in \d+ min \d\d s|now)"))
    expect(row).to_contain_text(re.compile(r"looked \d+ times"))
    expect(row).to_have_count(1)
    expect(page.get_by_text("“Ask the model” waits since")).to_contain_text("goes on until")

    installation.clear_faults()
    page.get_by_role("button", name="Try again now").click()
    expect(page.get_by_role("link", name="Open the PDF")).to_be_visible()
    expect(row.first).to_contain_text("waited since")


def test_a_report_is_requested_and_read_without_scripts(browser: Browser, installation: Installation) -> None:
    installation.latency(0)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    submit(page, installation, "Why do stones skip?")

    link, refresh = (page.get_by_role("link", name=name) for name in ("Open the PDF", "Refresh"))
    expect(link.or_(refresh)).to_be_visible()
    deadline = time.monotonic() + 60
    while not link.count():
        assert time.monotonic() < deadline, "the report did not come"
        # Each page has one of the two. Without this the next look could come between two pages.
        with page.expect_navigation():
            refresh.click()
    expect(link).to_be_visible()
    context.close()


def test_a_later_start_is_read_in_the_browsers_time_zone(browser: Browser, installation: Installation) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    page.goto(installation.api)
    page.get_by_role("textbox", name="Your question").fill("Why do owls fly quietly?")
    page.get_by_text("More options").press("Enter")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.get_by_label("Begin later").fill(f"{day}T09:00")
    page.get_by_role("button", name="Start the report").click()

    expect(page.get_by_text(f"It begins at {day} 00:00:00 UTC")).to_be_visible()
    page.get_by_role("button", name="Cancel this report").click()
    context.close()


def test_a_blog_post_is_requested_and_read_on_its_own_page(page: Page, installation: Installation) -> None:
    installation.latency(0)
    submit(page, installation, "Why do honey bees dance?", "Write a blog post")

    expect(page.get_by_role("link", name="Text (Markdown)")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("honey bees dance")
    title = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="Posts").click()
    expect(page.get_by_role("link", name=title)).to_be_visible()


def test_a_changed_draft_is_not_approved_by_mistake(page: Page, installation: Installation) -> None:
    report = installation.submit_with(prompt="A draft to change", approval="before_pdf")
    page.goto(f"{installation.api}/reports/{report}")
    draft = page.get_by_label("The draft, which you may change")
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_enabled()

    draft.fill("# Mine\n\nMy own words.")
    expect(approve).to_be_disabled()
    page.get_by_role("button", name="Go on with my text").click()

    expect(page.get_by_role("heading", name="Mine", level=1)).to_be_visible()


def test_a_running_undo_is_shown_on_the_open_page(page: Page, installation: Installation) -> None:
    installation.latency(2)
    installation.simulator("faults", {"match": "Why do moths", "kind": "embedding", "fault": "401"})
    submit(page, installation, "Why do moths fly to lamps?", "Write a blog post")

    page.get_by_role("button", name="Give this up").click()
    undo = page.locator("[data-step=delete_post].running")
    expect(undo).to_contain_text("Undo: remove the post")
    expect(page.get_by_role("heading", name="This blog post failed")).to_be_visible()


def failed(installation: Installation, prompt: str, **fault: str) -> str:
    """The address of the page of a report that has failed by this."""
    installation.latency(0)
    installation.simulator("faults", {"match": prompt, "kind": "model_call", **fault})
    report = installation.submit(prompt)
    assert installation.finished(report)["status"] == "failed"
    return f"{installation.api}/reports/{report}"


def test_a_failed_report_is_resumed_by_its_button_and_updates_live(page: Page, installation: Installation) -> None:
    page.goto(failed(installation, "Why do kettles sing?", fault="401"))

    page.get_by_role("button", name="Resume").click()

    expect(page.get_by_role("link", name="Open the PDF")).to_be_visible()
    expect(page.get_by_text("After resuming")).to_be_visible()


def test_another_charge_can_be_accepted_by_keyboard(page: Page, installation: Installation) -> None:
    page.goto(failed(installation, "Why do foxes yelp?", quirk="only_reasoning"))
    button, box = page.get_by_role("button", name="Resume"), page.get_by_role("checkbox", name="I agree")

    button.press("Enter")
    expect(box).to_be_focused()
    box.press("Space")
    button.press("Enter")

    expect(page.get_by_role("link", name="Open the PDF")).to_be_visible()


def test_a_text_is_corrected_without_scripts_and_an_error_is_shown(
    browser: Browser, installation: Installation
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(failed(installation, "Why do geese fly in a wedge?", quirk="unknown_reason"))
    page.get_by_text("Correct the text and go on").click()
    text = page.get_by_role("textbox", name="The text, in Markdown")
    expect(text).to_have_value(re.compile("^# "))

    text.fill(" ")
    page.get_by_role("button", name="Go on with my text").click()
    expect(text).to_have_accessible_description(re.compile("Write a text first"))
    text.fill("# A wedge\n\nThe one behind has it easier.")
    page.get_by_role("button", name="Go on with my text").click()

    heading, refresh = (
        page.get_by_role("heading", name="A wedge", level=1),
        page.get_by_role("link", name="Refresh", exact=True),
    )
    expect(heading.or_(refresh).first).to_be_visible()
    deadline = time.monotonic() + 60
    while not heading.count():
        assert time.monotonic() < deadline, "the report did not come"
        with page.expect_navigation():
            refresh.click()
    context.close()


def test_the_page_of_a_failed_report_fits_a_phone(page: Page, installation: Installation) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(failed(installation, "Why do owls hoot?", quirk="unknown_reason"))
    for words in ("Read the text", "Correct the text and go on"):
        page.get_by_text(words).click()

    expect(page.get_by_role("textbox", name="The text, in Markdown")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("path", ["/", "/posts", "/texts"])
def test_every_page_fits_a_phone(page: Page, installation: Installation, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(installation.api + path)

    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_options_of_the_form_fit_a_phone(page: Page, installation: Installation) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(installation.api)
    page.get_by_text("More options").click()

    expect(page.get_by_label("Begin later")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
