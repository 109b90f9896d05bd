"""Makes the picture of the live page that the README shows: a real report whose worker has just been killed. `make picture`.

Chromium looks at the product as it runs; nothing is drawn or put together by hand.
"""

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.test_journey import CHROMIUM, QUIET
from tests.installation import Installation

PICTURE = Path(__file__).parents[2] / "docs" / "live-page.png"
PROMPT = "How do tidal power plants survive in salt water?"
# Longer than the whole run takes on a slow machine, so that the page still shows a report in progress.
CALL_SECONDS = 90.0
# The limit of bytes for a picture in the README.
LARGEST_BYTES = 150_000


def main() -> None:
    """Submit a report, kill the worker that holds the paid call, wait until the other one continues, and take the picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Installation(Path(folder)) as installation,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1120, "height": 1060}, color_scheme="light", reduced_motion="reduce")
        installation.latency(CALL_SECONDS)
        report = installation.submit(PROMPT)
        page.goto(f"{installation.api}/reports/{report}")
        draft = page.locator("[data-part='draft-text']")
        expect(draft).to_have_text(re.compile(r".{200}", re.DOTALL))
        installation.kill(installation.step(report, "llm_call")["worker"])
        expect(page.locator("[data-attempt='llm_call/2']")).to_contain_text("took up the call")
        expect(draft).to_have_text(re.compile(r".{400}", re.DOTALL))
        page.screenshot(path=PICTURE)
        browser.close()
    if PICTURE.stat().st_size > LARGEST_BYTES:
        sys.exit(f"{PICTURE} has {PICTURE.stat().st_size:,} bytes, and at most {LARGEST_BYTES:,} are wanted")


if __name__ == "__main__":
    main()
