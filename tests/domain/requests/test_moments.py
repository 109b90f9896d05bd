"""Which spellings of a moment are read, and as which moment."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.domain.requests.moments import read_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T09:00:00Z", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22T09:00:00+01:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22t09:00:00z", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22 09:00:00Z", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22T09:00:00-00:00", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22T09:00:00.5Z", datetime(2026, 11, 22, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-22T09:00:00.123Z", datetime(2026, 11, 22, 9, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-11-22T09:00:00.1234567+00:00", datetime(2026, 11, 22, 9, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-22T09:00:00.999999999Z", datetime(2026, 11, 22, 9, 0, 0, 999_999, tzinfo=UTC)),
        (f"2026-11-22T09:00:00.{'0' * 500}1Z", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22T23:59:59+23:59", datetime(2026, 11, 22, 0, 0, 59, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
        ("2026-07-01T05:29:60.25+05:30", datetime(2026, 7, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_every_rfc_3339_timestamp_is_parsed(text: str, moment: datetime) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T09:00:00",  # another moment in each place
        "2026-11-22",
        "2026-11-22T09:00Z",
        "2026-11-22T09:00:00.Z",
        "2026-11-22T09:00:00,5Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T09:60:00Z",
        "2026-11-22T09:00:61Z",
        "2026-11-22T09:00:60Z",  # a leap second is the last of a month
        "2026-11-22T23:59:60Z",
        "2026-11-22T09:00:00+24:00",
        "2026-11-22T09:00:00+01",
        "2026-11-22T09:00:00+0100",
        "2026-02-30T09:00:00Z",
        "2026-W47-7T09:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "２０２６-11-22T09:00:00Z",
        " 2026-11-22T09:00:00Z",
        "2026-11-22T09:00:00Z\n",
        "",
    ],
)
def test_any_other_timestamp_is_refused(text: str) -> None:
    assert read_moment(text) is None


# Without a zone, as the strategy wants them.
EDGES = (datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2100-01-01"))


@given(st.datetimes(*EDGES), st.integers(-1439, 1439), st.integers(1, 20))
def test_a_timestamp_is_the_same_in_every_offset_and_precision(at: datetime, minutes: int, digits: int) -> None:
    moment = at.replace(tzinfo=UTC)
    local = at + timedelta(minutes=minutes)
    sign, hours, rest = "-" if minutes < 0 else "+", *divmod(abs(minutes), 60)
    fraction = f"{at.microsecond:06}".ljust(digits, "0")
    text = f"{local:%Y-%m-%dT%H:%M:%S}.{fraction}{sign}{hours:02}:{rest:02}"

    assert read_moment(text) == moment
