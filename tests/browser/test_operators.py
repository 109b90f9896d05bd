"""An operator in a real browser: the metrics and the system of a running installation, by keyboard, and without a script."""

from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from tests.browser.test_journey import CHROMIUM, QUIET
from tests.installation import Installation, until

PHONE = ViewportSize(width=360, height=740)


def has_no_overflow(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def reload_until_visible(page: Page, sought: Locator) -> None:
    """A part that takes longer than the page waits for it is missing: on a busy machine that says nothing of the page."""

    def look() -> bool:
        page.wait_for_load_state("networkidle")
        if not sought.is_visible():
            page.reload()
        return sought.is_visible()

    until("the page with all its parts", look)


def see_metrics(browser: Browser, address: str) -> None:
    """Charts are drawn in both themes, and their tables open by keyboard."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    page.get_by_role("link", name="Metrics").first.click()
    page.get_by_role("link", name="1 hour").click()
    chart = page.get_by_role("region", name="Workflows that ended")

    reload_until_visible(page, chart.locator("canvas"))
    expect(chart.get_by_role("listitem")).to_have_text("done 1 in all")
    chart.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(chart.get_by_role("rowheader")).to_have_count(30)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    expect(chart.locator("canvas")).to_have_count(1)
    assert has_no_overflow(page)
    assert messages == []
    page.close()


def see_system(browser: Browser, address: str) -> None:
    """Everything is read from the running parts, and fits a phone."""
    page = browser.new_page(viewport=PHONE)
    page.goto(f"{address}/system")

    reload_until_visible(page, page.get_by_text("Everything answers."))
    workers = page.get_by_role("region", name="Workers")
    rows = workers.locator("tbody tr").all_inner_texts()
    assert {row.split("\t")[0] for row in rows} >= {"worker-1", "worker-2"}
    # Two queues carry workflows, four carry activities, and both workers poll each.
    expect(page.get_by_role("region", name="Task queues").locator("tbody tr")).to_have_count(6)
    expect(page.get_by_text("This cannot be read now")).to_have_count(0)
    expect(page.get_by_text("not known now")).to_have_count(0)
    assert has_no_overflow(page)
    page.close()


def see_metrics_without_a_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/metrics-ui?range=24h")
    chart = page.get_by_role("region", name="Workflows that ended")

    reload_until_visible(page, chart.get_by_role("listitem"))
    expect(chart.get_by_role("listitem")).to_have_text("done 1 in all")
    chart.locator("summary").click()
    expect(chart.get_by_role("rowheader")).to_have_count(48)
    context.close()


def test_an_operator_sees_metrics_and_the_system(tmp_path: Path) -> None:
    with Installation(tmp_path) as installation, sync_playwright() as playwright:
        installation.latency(0)
        installation.finished(installation.submit("Why do tides differ?"))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)

        see_metrics(browser, installation.api)
        see_system(browser, installation.api)
        see_metrics_without_a_script(browser, installation.api)

        browser.close()
