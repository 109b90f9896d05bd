"""The meaning of a cron line at clock changes, compared with the times at which Temporal fires."""

from datetime import UTC, datetime

import pytest

from durable_research.domain.schedules.clock_changes import is_left_out, next_report_time, once_id
from durable_research.domain.schedules.schedule import names_time

SCHEDULE = "recurring-" + "0a" * 16
BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def firing(due: str) -> str:
    return f"{SCHEDULE}-{due}Z"


@pytest.mark.parametrize(
    ("due", "every", "timezone", "left_out"),
    [
        # Temporal moves 02:15, which is skipped there, to 02:45.
        ("2027-10-02T15:45:00", "15 2 * * *", LORD_HOWE, True),
        ("2027-10-02T15:45:00", "45 2 * * *", LORD_HOWE, False),
        ("2027-10-02T15:45:00", "15,45 2 * * *", LORD_HOWE, False),
        ("2027-10-03T15:15:00", "15 2 * * *", LORD_HOWE, False),
        # It would be moved by an hour if Temporal did the same elsewhere.
        ("2027-03-28T01:30:00", "30 2 * * *", BERLIN, True),
        ("2027-03-28T01:00:00", "0 3 * * *", BERLIN, False),
        # A person's own trigger is at no time of the line, and counts.
        ("2027-05-28T11:17:23", "30 2 * * *", BERLIN, False),
        ("2027-10-31T01:17:23", "30 2 * * *", BERLIN, False),
        # Clock changes affect neither an interval nor a schedule of an older version, which holds no rhythm.
        ("2027-10-02T15:45:00", "6h", LORD_HOWE, False),
        ("2027-10-02T15:45:00", "", "UTC", False),
        ("2027-10-02T15:45:00", "15 2 * * *", "Mars/Olympus", False),
    ],
)
def test_a_firing_at_a_skipped_local_time_is_left_out(due: str, every: str, timezone: str, left_out: bool) -> None:
    assert is_left_out(firing(due), every, timezone) is left_out


@pytest.mark.parametrize(
    ("first", "second", "every", "timezone", "is_one"),
    [
        ("2027-11-07T05:30:00", "2027-11-07T06:30:00", "30 1 * * *", NEW_YORK, True),
        ("2027-10-31T00:30:00", "2027-10-31T01:30:00", "30 2 * * *", BERLIN, True),
        ("2027-04-03T14:45:00", "2027-04-03T15:15:00", "45 1 * * *", LORD_HOWE, True),
        ("2027-11-07T05:30:00", "2027-11-07T06:00:00", "*/30 1 * * *", NEW_YORK, False),
        ("2027-11-06T05:30:00", "2027-11-07T05:30:00", "30 1 * * *", NEW_YORK, False),
        ("2027-11-07T05:30:00", "2027-11-07T06:30:00", "1h", NEW_YORK, False),
    ],
)
def test_a_repeated_local_time_is_one_firing(first: str, second: str, every: str, timezone: str, is_one: bool) -> None:
    assert (once_id(firing(first), every, timezone) == once_id(firing(second), every, timezone)) is is_one


def test_a_firing_outside_a_clock_change_keeps_its_id() -> None:
    assert once_id(firing("2027-06-07T05:30:00"), "30 1 * * *", NEW_YORK) == firing("2027-06-07T05:30:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "past", "every", "timezone", "following"),
    [
        (["2027-10-02T15:45", "2028-10-02T15:15"], [], "15 2 3 10 *", LORD_HOWE, "2028-10-02T15:15"),
        (["2027-11-07T05:30", "2027-11-07T06:30"], [], "30 1 * * *", NEW_YORK, "2027-11-07T05:30"),
        (["2027-11-07T06:30", "2027-11-08T06:30"], ["2027-11-07T05:30"], "30 1 * * *", NEW_YORK, "2027-11-08T06:30"),
        (["2027-10-31T01:30"], ["2027-10-30T00:30"], "30 2 * * *", BERLIN, "2027-10-31T01:30"),
        (["2027-10-02T15:45"], [], "1h", LORD_HOWE, "2027-10-02T15:45"),
        (["2027-10-02T15:45"], [], "?", "?", "2027-10-02T15:45"),
        ([], [], "30 1 * * *", NEW_YORK, None),
    ],
)
def test_the_next_firing_passes_over_skipped_and_repeated_local_times(
    times: list[str], past: list[str], every: str, timezone: str, following: str | None
) -> None:
    found = next_report_time(map(at, times), list(map(at, past)), every, timezone)

    assert found == (at(following) if following else None)


@pytest.mark.parametrize(
    ("line", "wall", "is_named"),
    [
        ("30 2 * * *", "2027-03-28T02:30", True),
        ("30 2 * * *", "2027-03-28T02:30:01", False),
        ("30 2 * * *", "2027-03-28T03:30", False),
        ("*/15 9-17 * * mon-fri", "2027-03-26T17:45", True),
        ("*/15 9-17 * * mon-fri", "2027-03-28T17:45", False),
        ("0 9 * * 7", "2027-03-28T09:00", True),
        ("0 9 * * 0", "2027-03-28T09:00", True),
        ("0 9 28 mar *", "2027-03-28T09:00", True),
        ("0 9 28 4 *", "2027-03-28T09:00", False),
    ],
)
def test_a_cron_line_matches_the_times_of_its_fields(line: str, wall: str, is_named: bool) -> None:
    assert names_time(line, datetime.fromisoformat(wall)) is is_named
