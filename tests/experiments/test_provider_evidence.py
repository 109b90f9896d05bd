"""Evidence outside the product is attributed correctly: each charge, notification and object to its report."""

import hashlib
from pathlib import Path

import pytest

from durable_research.experiments.evidence import provider_evidence
from durable_research.experiments.evidence.database_evidence import NamedDocuments

WORDS = {"chaos1x00001": "report-1", "chaos1x00002": "report-2"}
PDF = b"%PDF-1.7 something %%EOF\n"


def bill(text: str, key: str = "key-1", kind: str = "model_call", **more: object) -> dict[str, object]:
    return {"kind": kind, "key": key, "text": text, "id": "resp_1", **more}


def test_a_charge_is_attributed_to_the_report_whose_word_is_in_its_prompt() -> None:
    bills = provider_evidence.bills([bill("What does chaos1x00002 tell?")], WORDS, {"key-1": "report-2"})

    assert (bills.model_calls, bills.unexplained) == ({"report-2": 1}, ())


@pytest.mark.parametrize(
    "line",
    [bill("What does nobody tell?"), bill("What does chaos1x00001 tell?", key="key-of-another")],
    ids=["no known word", "another report's key"],
)
def test_an_unexplained_charge_is_reported(line: dict[str, object]) -> None:
    bills = provider_evidence.bills([line], WORDS, {"key-of-another": "report-2"})

    assert (bills.model_calls, len(bills.unexplained)) == ({}, 1)


def test_a_repeated_webhook_is_not_counted_as_a_notification() -> None:
    reported = '{"data": {"report_id": "report-1", "url": "http://here/reports/report-1"}}'
    lines = [bill(reported, kind="webhook"), bill(reported, kind="webhook", repeat=True)]

    assert provider_evidence.bills(lines, WORDS, {}).notifications == {"report-1": 1}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("slack", "Tides is ready: http://127.0.0.1:8000/reports/report-1"),
        ("email", "Your report is ready: Tides\n\nhttp://127.0.0.1:8000/reports/report-1\n\nReport report-1 is done."),
        ("webhook", '{"data": {"report_id": "report-1"}}'),
    ],
)
def test_a_message_of_any_channel_counts_for_the_report_that_it_names(kind: str, text: str) -> None:
    assert provider_evidence.bills([bill(text, kind=kind)], WORDS, {}).notifications == {"report-1": 1}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("slack", "Tides failed: http://127.0.0.1:8000/reports/report-1 It failed (model_refused)."),
        ("email", "Your report failed: Tides\n\nOf report report-1: it failed (model_refused)."),
        ("webhook", '{"type": "report.failed", "data": {"report_id": "report-1"}}'),
    ],
)
def test_a_failure_message_is_counted_separately(kind: str, text: str) -> None:
    bills = provider_evidence.bills([bill(text, kind=kind)], WORDS, {})

    assert (bills.notifications, bills.failures) == ({}, {"report-1": 1})


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("slack", "Tides still waits for you: http://127.0.0.1:8000/reports/report-1"),
        ("email", "Reminder: your approval is asked for: Tides\n\nReport report-1 waits for you: before the PDF."),
        ("webhook", '{"type": "report.approval_asked", "data": {"report_id": "report-1"}}'),
    ],
)
def test_a_message_about_a_waiting_decision_is_not_counted(kind: str, text: str) -> None:
    bills = provider_evidence.bills([bill(text, kind=kind)], WORDS, {})

    assert (bills.notifications, bills.failures) == ({}, {})


def stored(folder: Path, text: bytes = b"# On chaos1x00001", pdf: bytes = PDF) -> NamedDocuments:
    (folder / "a.md").write_bytes(text)
    (folder / "b.pdf").write_bytes(pdf)
    return NamedDocuments(("a.md", hashlib.sha256(text).hexdigest()), ("b.pdf", hashlib.sha256(pdf).hexdigest()))


def test_complete_documents_of_the_report_are_readable(tmp_path: Path) -> None:
    found = provider_evidence.documents(tmp_path, stored(tmp_path), "chaos1x00001")

    assert all(one.is_intact and one.is_readable for one in found)


def test_a_missing_or_changed_object_is_incomplete(tmp_path: Path) -> None:
    row = stored(tmp_path)
    (tmp_path / "a.md").unlink()
    (tmp_path / "b.pdf").write_bytes(PDF + b"x")

    assert [one.is_intact for one in provider_evidence.documents(tmp_path, row, "chaos1x00001")] == [False, False]


def test_a_text_of_another_report_and_half_a_pdf_are_not_readable(tmp_path: Path) -> None:
    row = stored(tmp_path, text=b"# On chaos1x00002", pdf=b"%PDF-1.7 cut")

    assert [one.is_readable for one in provider_evidence.documents(tmp_path, row, "chaos1x00001")] == [False, False]


def test_a_secret_in_a_log_is_found(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_bytes(b"calling with sk-canary-1")
    (tmp_path / "api.log").write_bytes(b"nothing")

    found = provider_evidence.leaks(sorted(tmp_path.iterdir()), {"the model key": "sk-canary-1"})

    assert found == ["worker.log holds the model key"]
