from datetime import UTC, datetime

import pytest

from durable_research.domain.ledger.retry_after import retry_after_seconds

NOW = datetime(2029, 12, 31, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3), ("0", 0), ("-1", None), ("1e12", None), ("soon", None), ("nan", None), (None, None)],
)
def test_retry_after_is_read_as_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds({} if value is None else {"retry-after": value}, NOW) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    assert retry_after_seconds({"retry-after": "Tue, 01 Jan 2030 00:00:00 GMT"}, NOW) == 60


def test_azures_milliseconds_win() -> None:
    assert retry_after_seconds({"retry-after-ms": "1500", "retry-after": "2"}, NOW) == 1.5
