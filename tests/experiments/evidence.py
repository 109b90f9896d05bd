"""Hand-made evidence: a campaign in which all is well, to be spoilt by one fact at a time."""

from dataclasses import replace
from typing import Any

from durable_research.experiments.evidence.evidence import Document, Evidence, FiredFault, ReportEvidence

GOOD = ReportEvidence(
    report_id="report-1",
    word="chaos1x00001",
    documents=(Document("default/texts/a.md", True, True), Document("default/documents/b.pdf", True, True)),
    event_numbers=(1, 2, 3),
    streamed_numbers=(1, 2, 3),
    seconds=2.0,
)
WELL = Evidence(
    reports=(GOOD, replace(GOOD, report_id="report-2")),
    requested=2,
    planned={("worker", "kill"): 1},
    fired=(FiredFault("worker", "kill", in_flight=2, happened=True),),
    replayed=2,
    searched=5,
)


def with_report(**facts: Any) -> Evidence:
    """All is well but for the second report."""
    return replace(WELL, reports=(GOOD, replace(GOOD, report_id="report-2", **facts)))
