from datetime import UTC, datetime

import pytest

from durable_research.domain.schedules.zones import moment_of, zone_named


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "shown", "moment"),
    [
        ("UTC", "2026-11-22T09:00", "2026-11-22T09:00Z"),
        ("Europe/Berlin", "2026-11-22T09:00", "2026-11-22T08:00Z"),
        ("Europe/Berlin", "2026-06-22T09:00", "2026-06-22T07:00Z"),
        ("Asia/Kathmandu", "2026-11-22T00:15", "2026-11-21T18:30Z"),
        ("America/New_York", "2026-12-31T23:00", "2027-01-01T04:00Z"),
    ],
)
def test_a_local_time_is_converted_to_a_moment(zone: str, shown: str, moment: str) -> None:
    named = zone_named(zone)

    assert named
    assert moment_of(wall(shown), named) == datetime.fromisoformat(moment.replace("Z", "+00:00"))


def test_a_skipped_local_time_is_no_moment() -> None:
    berlin = zone_named("Europe/Berlin")

    assert berlin
    assert moment_of(wall("2027-03-28T02:30"), berlin) is None
    assert moment_of(wall("2027-03-28T03:00"), berlin) == datetime(2027, 3, 28, 1, tzinfo=UTC)


def test_of_a_repeated_local_time_the_first_is_used() -> None:
    berlin = zone_named("Europe/Berlin")

    assert berlin
    assert moment_of(wall("2026-10-25T02:30"), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert moment_of(wall("2026-10-25T02:30").replace(fold=1), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "localtime", "\ud800", "europe/berlin"]
)
def test_an_unknown_zone_name_is_no_zone(name: str) -> None:
    assert zone_named(name) is None
