"""The options of the question form: a report that waits for approval, and one that begins later."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from quart.testing import QuartClient

from tests.web.harness import Harness
from tests.web.pages.test_pages import page, post

SOON = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"


def field(text: str, name: str) -> str:
    """The tag of one field, with its attributes."""
    found = re.search(rf'<(?:input|select|textarea) id="{name}"[^>]*>', text)
    assert found, f"there is no field {name}"
    return found[0]


def error(text: str, name: str) -> str:
    """The words at one field, which its summary and its tag lead to."""
    found = re.search(rf'<p class="field-error" id="{name}-error">([^<]+)</p>', text)
    assert found, f"nothing is said at {name}"
    assert f'<a href="#{name}">{found[1]}</a>' in text
    assert f'aria-invalid="true" aria-describedby="{name}-error"' in field(text, name)
    return found[1]


async def options_sent(client: QuartClient, harness: Harness, **fields: str) -> dict[str, object]:
    """The accepted request without its question."""
    status, _, text = await post(client, prompt="tides", token="t", **fields)
    assert status == 303, text
    ((_, row),) = harness.world.workflows.rows.items()
    return {name: value for name, value in row.input.items() if name != "prompt"}


async def refused(client: QuartClient, harness: Harness, path: str = "/reports", **fields: str) -> str:
    """The form again; nothing was started."""
    status, _, text = await post(client, path, prompt="tides", token="t", **fields)
    assert status == 422
    assert harness.world.workflows.rows == {}
    return text


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("title", "a\x07b", "This holds the control character U+0007; of these only newline and tab are allowed."),
        ("title", "a\nb", "This must be one line, and holds U+000A."),
        ("language", "en\x1b", "This holds the control character U+001B."),
    ],
)
async def test_a_control_character_is_named_at_its_field(
    client: QuartClient, harness: Harness, name: str, typed: str, words: str
) -> None:
    assert error(await refused(client, harness, **{name: typed}), name) == words


@pytest.mark.parametrize("approval", ["before_pdf", "before_notify", "none"])
async def test_the_form_sends_the_approval_option(client: QuartClient, harness: Harness, approval: str) -> None:
    assert await options_sent(client, harness, approval=approval) == {"approval": approval}


async def test_the_form_offers_every_approval_option_and_selects_none(client: QuartClient) -> None:
    text = await page(client, "/")

    offered = re.search(r'<select id="approval".*?</select>', text, re.DOTALL)
    assert offered
    assert re.findall(r'<option value="(\w*)"( selected)?>', offered[0]) == [
        ("", " selected"),
        ("before_pdf", ""),
        ("before_notify", ""),
    ]


async def test_untouched_options_are_not_sent(client: QuartClient, harness: Harness) -> None:
    assert await options_sent(client, harness, approval="", start_after="", timezone="UTC") == {}


async def test_a_time_zone_without_a_start_time_is_ignored(client: QuartClient, harness: Harness) -> None:
    assert await options_sent(client, harness, start_after=" ", timezone="Mars/Olympus") == {}


@pytest.mark.parametrize(
    ("typed", "zone", "begins"),
    [
        (f"{SOON}T09:00", "Asia/Kathmandu", f"{SOON}T03:15:00Z"),
        (f"{SOON}T09:00", "UTC", f"{SOON}T09:00:00Z"),
        (f"{SOON}T09:00", "", f"{SOON}T09:00:00Z"),
        (f"{SOON}T09:00:30", "UTC", f"{SOON}T09:00:30Z"),
        (f"{SOON}T09:00:30.000", "UTC", f"{SOON}T09:00:30Z"),
        (f" {SOON} 09:00 ", "UTC", f"{SOON}T09:00:00Z"),
        (f"{SOON}T09:00:00+05:00", "UTC", f"{SOON}T04:00:00Z"),
    ],
)
async def test_a_start_time_is_read_in_its_time_zone_unless_it_has_an_offset(
    client: QuartClient, harness: Harness, typed: str, zone: str, begins: str
) -> None:
    assert await options_sent(client, harness, start_after=typed, timezone=zone) == {"start_after": begins}


@pytest.mark.parametrize(
    "typed",
    [
        "tomorrow",
        "2027-02-30T09:00",
        "2027-01-01",
        f"{SOON}T09:00:00.5",
        "0001-01-01T00:00",
        "9999-12-31T23:59",
        "٢٠٢٧-01-01T09:00",
    ],
)
async def test_a_malformed_start_time_is_explained_at_its_field(
    client: QuartClient, harness: Harness, typed: str
) -> None:
    zone = "Asia/Tokyo" if typed < "1" else "Pacific/Pago_Pago"

    text = await refused(client, harness, start_after=typed, timezone=zone)

    assert error(text, "start_after") == "Write the day and the time, such as 2026-11-22 09:00."
    assert f'value="{typed}"' in field(text, "start_after")


async def test_a_skipped_local_time_is_explained_at_its_field(client: QuartClient, harness: Harness) -> None:
    text = await refused(client, harness, start_after="2027-03-28T02:30", timezone="Europe/Berlin")

    assert error(text, "start_after") == "This does not exist in Europe/Berlin, where clocks are put forward then."


async def test_a_start_time_too_far_ahead_is_explained_at_its_field(client: QuartClient, harness: Harness) -> None:
    text = await refused(client, harness, start_after="2126-01-01T09:00", timezone="UTC")

    assert error(text, "start_after") == "This must be at most 366 days ahead."


async def test_an_unknown_time_zone_is_explained_at_its_field(client: QuartClient, harness: Harness) -> None:
    text = await refused(client, harness, start_after=f"{SOON}T09:00", timezone='Mars"/>')

    assert error(text, "timezone") == "This must be an IANA time zone such as Europe/Berlin or UTC."
    assert 'value="Mars&#34;/&gt;"' in field(text, "timezone")
    assert f'value="{SOON}T09:00"' in field(text, "start_after")


async def test_an_unknown_approval_option_is_explained_at_its_field(client: QuartClient, harness: Harness) -> None:
    assert error(await refused(client, harness, approval="before_breakfast"), "approval") == "Choose from the list."


@pytest.mark.parametrize("path", ["/posts", "/texts"])
async def test_options_of_reports_are_refused_for_other_pipelines(
    client: QuartClient, harness: Harness, path: str
) -> None:
    text = await refused(client, harness, path, approval="before_pdf", start_after=f"{SOON}T09:00", timezone="UTC")

    assert error(text, "approval") == "Only a report can wait for your approval."
    assert error(text, "start_after") == "Only a report can begin later."
    assert '<option value="before_pdf" selected>' in text


@pytest.mark.parametrize(
    ("fields", "opens"),
    [
        ({"timezone": "Europe/Berlin"}, False),
        ({"title": "mine"}, True),
        ({"language": "de"}, True),
        ({"approval": "before_pdf"}, True),
        ({"start_after": f"{SOON}T09:00"}, True),
    ],
)
async def test_the_options_are_open_when_one_was_used(client: QuartClient, fields: dict[str, str], opens: bool) -> None:
    _, _, text = await post(client, prompt="", token="t", **fields)

    assert ('<details class="more" open>' in text) is opens


async def test_the_options_are_closed_at_first(client: QuartClient) -> None:
    assert '<details class="more">' in await page(client, "/")


async def test_without_a_script_the_time_zone_is_utc_and_named(client: QuartClient) -> None:
    tag = field(await page(client, "/"), "timezone")

    assert 'value="UTC" data-own-zone' in tag


async def test_a_submitted_time_zone_is_not_replaced_by_the_browsers(client: QuartClient) -> None:
    _, _, text = await post(client, prompt="", token="t", timezone="Asia/Tokyo")

    assert 'value="Asia/Tokyo"' in field(text, "timezone")
    assert "data-own-zone" not in text


async def test_the_same_form_with_another_time_starts_another_report(client: QuartClient, harness: Harness) -> None:
    for zone in ("UTC", "Asia/Tokyo", "UTC"):
        await post(client, prompt="tides", token="t", start_after=f"{SOON}T09:00", timezone=zone)

    assert len(harness.world.workflows.rows) == 2
