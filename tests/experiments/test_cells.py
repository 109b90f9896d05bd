"""The checker of the crash table finds each broken line, and reports void where no crash point was reached."""

from dataclasses import replace

import pytest

from durable_research.catalogue import policies
from durable_research.experiments.crash_points import (
    CHANNELS,
    CLASSES,
    OTHER_POINTS,
    RESUMED_CALLS,
    RESUMING_POINTS,
    Cell,
    cells,
    effect_points,
)
from durable_research.experiments.crash_table.cells import CellResult, CheckedRun
from durable_research.experiments.crash_table.table_report import as_markdown, promise_held
from durable_research.experiments.evidence.evidence import Closing, ReportedCharges, ReportEvidence
from durable_research.failpoints.registry import failpoints_of
from tests.experiments.evidence import GOOD

E = {point.number: point for point in (*effect_points("llm_call"), *RESUMED_CALLS)}


def line(point: str, provider_class: str, *reports: ReportEvidence | None, void_reason: str = "") -> CellResult:
    cell = Cell(E[point], "model call", provider_class, provider_class)
    return CellResult(cell, tuple(CheckedRun("pid 1 SIGKILL", void_reason, report, 1.0) for report in reports))


TWICE = replace(GOOD, model_calls=2, reported=ReportedCharges(1, 1))
GAVE_UP = replace(
    TWICE, status="failed", error="unconfirmed_effect", notifications=0, documents=None, counted_failures=1
)
DUPLICATE_SEND = replace(GOOD, model_calls=2, reported=ReportedCharges(2, 0))


@pytest.mark.parametrize(
    ("point", "provider_class", "report", "holds"),
    [
        ("E3", "K", GOOD, True),
        ("E3", "K", TWICE, False),
        ("E3", "R", TWICE, False),
        ("E3", "L", DUPLICATE_SEND, False),
        ("E8", "L", DUPLICATE_SEND, False),
        ("E9", "L", DUPLICATE_SEND, True),
        ("E9", "R", TWICE, True),
        ("E9", "R", replace(DUPLICATE_SEND, reported=ReportedCharges(1, 0)), False),
        ("E9", "K", DUPLICATE_SEND, False),
        ("RE9", "L", DUPLICATE_SEND, True),
        ("RE8", "L", DUPLICATE_SEND, False),
        ("RE3", "N", TWICE, True),
        ("RE3", "N", replace(TWICE, model_calls=3, reported=ReportedCharges(1, 2)), False),
        ("RE7", "L", replace(GOOD, resumptions=1, closings=(Closing(), Closing(1))), True),
        ("RE7", "L", replace(GOOD, resumptions=1), False),
        ("E3", "N", TWICE, True),
        ("E3", "N", replace(TWICE, reported=ReportedCharges(1, 0)), False),
        ("E3", "N", replace(TWICE, model_calls=3, reported=ReportedCharges(1, 2)), False),
        ("E2", "N", replace(GOOD, reported=ReportedCharges(1, 1)), True),
        ("E9", "N", GAVE_UP, True),
        ("E9", "R", GAVE_UP, False),
        ("E9", "N", replace(GAVE_UP, error="model_refused"), False),
        ("E9", "N", replace(GAVE_UP, open_sends=1), False),
        ("E9", "N", replace(GAVE_UP, reported=ReportedCharges(1, 0)), False),
        ("E7", "L", replace(GOOD, status="running"), False),
        ("E7", "L", replace(GOOD, notifications=0), False),
        ("E7", "L", replace(GOOD, documents=None), False),
        ("E7", "L", None, False),
    ],
)
def test_a_line_of_the_crash_table_is_checked_against_its_promise(
    point: str, provider_class: str, report: ReportEvidence | None, holds: bool
) -> None:
    assert (line(point, provider_class, GOOD, report).broken == []) is holds


@pytest.mark.parametrize(
    ("point", "channel", "provider_class", "received", "known", "holds"),
    [
        ("E4", "webhook", "K", 1, 1, True),
        ("E4", "webhook", "K", 0, 1, False),
        ("E4", "webhook", "K", 2, 2, False),
        ("E4", "slack", "R", 2, 2, False),
        ("E9", "slack", "R", 2, 2, True),
        ("E9", "slack", "R", 2, 1, False),
        ("E9", "slack", "R", 3, 3, False),
        ("E4", "email", "N", 0, 0, True),
        ("E4", "email", "N", 1, 1, True),
        ("E4", "email", "N", 2, 2, False),
    ],
)
def test_a_notification_line_of_the_crash_table_is_checked_against_its_promise(
    point: str, channel: str, provider_class: str, received: int, known: int, holds: bool
) -> None:
    cell = Cell(E[point], channel, provider_class, "L")
    report = replace(GOOD, notifications=received, known_notifications=known)

    assert (CellResult(cell, (CheckedRun("pid 1 SIGKILL", "", report, 1.0),)).broken == []) is holds


def test_a_void_run_and_a_line_without_runs_do_not_hold() -> None:
    assert promise_held([line("E1", "L", GOOD)])
    assert not promise_held([line("E1", "L", GOOD, void_reason="it was met 0 times")])
    assert not promise_held([line("E1", "L")])


def test_the_page_shows_the_evidence_of_a_broken_line() -> None:
    page = as_markdown("command", 10.0, [line("E3", "L", DUPLICATE_SEND)])

    assert "NOT HELD" in page
    assert "billed 2 times" in page


def test_every_crash_point_is_a_known_failpoint() -> None:
    effects = (*effect_points("llm_call"), *effect_points("send_notification"))
    points = [*OTHER_POINTS, *effects, *RESUMED_CALLS, *RESUMING_POINTS]

    assert {point.failpoint for point in points} <= failpoints_of(policies().values())


def test_the_crash_table_has_every_point_with_every_class() -> None:
    found = cells(None, CLASSES, CHANNELS)

    assert len([cell for cell in found if cell.effect == "model call"]) == 2 * 9 * 4
    assert len([cell for cell in found if cell.effect in CHANNELS]) == 9 * len(CHANNELS)
    assert len([cell for cell in found if not cell.effect]) == len(OTHER_POINTS) + len(RESUMING_POINTS)
    assert len({cell.name for cell in found}) == len(found)


@pytest.mark.parametrize(
    ("point", "rule"),
    [
        ("E3", "llm_call.sending=kill@1:0.2/workflow"),
        ("E8", "llm_call.intent=freeze@1:4.0/workflow"),
        ("RE1", "llm_call.begun=kill@2/workflow"),
        ("RE3", "llm_call.sending=kill@2:0.2/workflow"),
        ("RE4", "llm_call.accepted=kill@1/workflow"),
        ("RE9", "llm_call.checked=freeze@2:4.0/workflow"),
        ("A2", "start.accepted=kill@1"),
        ("A7", "resume.begun=kill@1/workflow"),
        ("RA4", "start.given=kill@2/workflow"),
    ],
)
def test_a_resumed_report_reaches_its_crash_point_after_its_failure(point: str, rule: str) -> None:
    (found,) = {cell.point for cell in cells((point,), CLASSES, {})}

    assert found.rule(4.0) == rule


def test_crash_points_and_classes_can_be_selected() -> None:
    assert [cell.name for cell in cells(("E3",), ("R", "N"), {})] == ["E3 model call R", "E3 model call N"]
