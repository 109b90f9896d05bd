"""Rhythms: intervals, cron lines, and invalid input."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from durable_research.domain.requests.report import ReportRequest
from durable_research.domain.schedules.schedule import ScheduleRequest, in_words, is_schedule_id, rhythm_of

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def request(**more: object) -> ScheduleRequest:
    return ScheduleRequest.model_validate({"prompt": "tides?", "every": "1d", **more})


def codes(**more: object) -> set[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        request(**more)
    return {(str(error["loc"][0]), str(error["type"])) for error in refused.value.errors()}


@pytest.mark.parametrize(
    ("every", "interval"), [("60s", MINUTE), ("1m", MINUTE), ("6h", 6 * HOUR), ("1d", DAY), ("366d", 366 * DAY)]
)
def test_an_interval_is_a_number_and_a_unit(every: str, interval: timedelta) -> None:
    rhythm = rhythm_of(every)

    assert (rhythm.interval, rhythm.shortest, rhythm.cron) == (interval, interval, None)


@pytest.mark.parametrize(
    ("line", "shortest"),
    [
        ("* * * * *", MINUTE),
        ("*/5 * * * *", 5 * MINUTE),
        ("0,50 * * * *", 10 * MINUTE),
        ("30 * * * *", HOUR),
        ("0 9,17 * * *", 8 * HOUR),
        ("0 9 * * *", DAY),
        ("0 9 * * mon-fri", DAY),
        ("0 9 29 feb *", DAY),
        ("0 9 * * 7", DAY),
    ],
)
def test_the_shortest_gap_of_a_cron_line_is_computed(line: str, shortest: timedelta) -> None:
    assert (rhythm_of(line).shortest, rhythm_of(line).cron) == (shortest, line)


@pytest.mark.parametrize(
    ("every", "code"),
    [
        ("59s", "too_often"),
        ("367d", "too_seldom"),
        ("999999w", "too_seldom"),
        ("0 9 1 * 1", "ambiguous_days"),
        ("0 0 31 2,4 *", "never"),
        *(
            (wrong, "pattern")
            for wrong in (
                "", " ", "0m", "-1d", "1.5h", "1y", "١d", "6 h", "daily", "@daily", "@every 1s", "0 9 * *", "0 9 * * * *",
                "60 9 * * *", "0 24 * * *", "0 9 0 * *", "0 9 * 13 *", "0 9 * * 8", "0 9 * * fun", "5-1 * * * *", "*/0 * * * *",
                "*/61 * * * *", "1,,2 * * * *", "? * * * *", "CRON_TZ=UTC 0 9 * *", "0 9 * * 1#2", "0 9 L * *", "x" * 100_000,
            )
        ),
    ],
)  # fmt: skip
def test_a_wrong_interval_or_cron_line_is_refused_with_its_code(every: str, code: str) -> None:
    assert codes(every=every) == {("every", code)}


@pytest.mark.parametrize(
    ("every", "words"),
    [
        ("daily", "must be an interval such as 6h"),
        ("61 9 * * *", "has a minute that is not understood: values are 0 to 59, ranges go upwards"),
        ("0 9 0 * *", "has a day of the month that is not understood: values are 1 to 31,"),
        ("0 9 * * mon-fun", "has a day of the week that is not understood: values are 0 to 7 or sun to sat,"),
    ],
)
def test_the_error_of_a_cron_line_names_the_wrong_field(every: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        request(every=every)


def test_a_cron_line_is_stored_in_canonical_form() -> None:
    assert request(every="  0  9 * *   MON ").every == "0 9 * * mon"
    assert request(every=" 6h ").every == "6h"


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_an_iana_time_zone_is_accepted(zone: str) -> None:
    assert request(timezone=zone).timezone == zone


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "Europe", "../etc/passwd", "europe/berlin", "+01:00", "localtime"]
)
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    assert codes(timezone=zone) == {("timezone", "unknown_time_zone")}


def test_several_wrong_fields_are_listed_at_once() -> None:
    assert codes(prompt=" ", every="1s", timezone="x") == {
        ("prompt", "blank"),
        ("every", "too_often"),
        ("timezone", "unknown_time_zone"),
    }


def test_the_report_request_of_a_schedule_holds_no_schedule_fields() -> None:
    schedule = request(title="Tides", notify=["log"])

    assert schedule.report == ReportRequest(prompt="tides?", title="Tides", notify=("log",))


@pytest.mark.parametrize(
    ("every", "words"),
    [
        ("1d", "every day"),
        ("6h", "every 6 hours"),
        ("5 9 * * *", "every day at 09:05"),
        ("0 18 * * 1-5", "Monday to Friday at 18:00"),
        ("0 9 * * 7", "every Sunday at 09:00"),
        ("0 9 1 * *", "0 9 1 * *"),
    ],
)
def test_common_rhythms_are_described_in_words(every: str, words: str) -> None:
    assert in_words(every) == words


def test_only_an_id_of_our_form_is_a_schedule_id() -> None:
    assert is_schedule_id("recurring-" + "0a" * 16)
    assert not is_schedule_id("reconcile-every-minute")
    assert not is_schedule_id("recurring-" + "0A" * 16)
    assert not is_schedule_id("recurring-" + "0a" * 16 + "0")


def test_a_schedule_with_start_after_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"start_after\n.*not permitted"):
        ScheduleRequest.model_validate({"prompt": "p", "every": "1d", "start_after": "2099-01-01T00:00:00+00:00"})
