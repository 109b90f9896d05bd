import math
from datetime import UTC, datetime

import pytest

from durable_research.domain.durations import ago, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0.0 s"),
        (0, "0.0 s"),
        (0.4, "0.4 s"),
        (4.29, "4.2 s"),
        (59.4, "59.4 s"),
        (59.96, "59.9 s"),
        (math.nextafter(60, 0), "59.9 s"),
        (60, "1 min 00 s"),
        (65.7, "1 min 05 s"),
        (119.7, "1 min 59 s"),
        (3599.6, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (7265, "2 h 01 min"),
        (86399.9, "23 h 59 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_a_duration_is_rounded_down_and_never_reads_as_sixty_of_a_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_tenths_of_a_second_are_shown_without_rounding_errors() -> None:
    assert [duration(tenths / 10) for tenths in range(600)] == [
        f"{tenths // 10}.{tenths % 10} s" for tenths in range(600)
    ]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-11-21T12:00:30", "just now"),
        ("2026-11-21T11:59:01", "just now"),
        ("2026-11-21T11:59:00", "1 min ago"),
        ("2026-11-21T11:00:01", "59 min ago"),
        ("2026-11-21T09:59:00", "2 h ago"),
        ("2026-11-19T12:00:00", "2 d ago"),
    ],
)
def test_an_age_is_rounded_down_and_never_in_the_future(at: str, words: str) -> None:
    assert ago(datetime.fromisoformat(f"{at}+00:00"), datetime(2026, 11, 21, 12, 0, tzinfo=UTC)) == words
