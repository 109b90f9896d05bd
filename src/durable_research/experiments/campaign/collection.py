"""Collects the evidence of a campaign from every outside source, once everything is quiet."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import httpx
from temporalio.client import Client

from durable_research.experiments.campaign.load import Load
from durable_research.experiments.campaign.nemesis import Fault
from durable_research.experiments.evidence import histories, provider_evidence
from durable_research.experiments.evidence.client import ReportRequest
from durable_research.experiments.evidence.database_evidence import Tables, WorkflowRow, read_tables
from durable_research.experiments.evidence.evidence import Evidence, FiredFault, ReportedCharges, ReportEvidence
from durable_research.experiments.evidence.proof import billing_lines
from durable_research.local.data_folder import DataFolder
from durable_research.local.up import Up
from durable_research.payload_keys import parse_keys
from durable_research.temporal.payloads.converter import data_converter

_NAMESPACE = "default"
_MISSING_ROW = WorkflowRow("", False, (), (), 0, 0, 0, 0, 0)


async def collect(
    up: Up,
    data: DataFolder,
    load: Load,
    fired: Sequence[FiredFault],
    faults: Iterable[Fault],
    secrets: Mapping[str, str],
    rng: random.Random,
    replays: int,
) -> Evidence:
    """Read the database, the provider's log, the object folder, Temporal and the API."""
    accepted = {one.report_id: one for one in load.requests if one.report_id is not None}
    converter = data_converter(parse_keys(data.payload_keys.read_text()), _NAMESPACE)
    client = await Client.connect(up.temporal, namespace=_NAMESPACE, data_converter=converter)
    engine = await histories.final_statuses(client, accepted)
    tables = await read_tables(up.database)
    words = {one.word: report_id for report_id, one in accepted.items()}
    bills = provider_evidence.bills(billing_lines(data.billing_log), words, tables.owners)
    reported = await reported_charges(up.api, accepted)
    known = sorted(report_id for report_id, status in engine.items() if status)
    sample = await histories.fetch(client, rng.sample(known, min(replays, len(known))))
    logs = sorted(data.logs.glob("*"))
    return Evidence(
        reports=tuple(
            report_evidence(data.objects, report_id, one, tables, bills, engine[report_id], reported.get(report_id))
            for report_id, one in accepted.items()
        ),
        requested=len(load.requests),
        planned=Counter((fault.role, fault.act) for fault in faults),
        fired=tuple(fired),
        unknown_rows=tuple(sorted(set(tables.workflows) - set(accepted))),
        unexplained_calls=bills.unexplained,
        orphans=tuple(sorted(provider_evidence.stored(data.objects) - tables.named_objects)),
        answers=dict(load.client.answers),
        undocumented=tuple(load.client.undocumented),
        replayed=len(sample),
        not_replayable=tuple(await histories.not_replayable(sample, converter)),
        searched=len(logs) + len(sample),
        leaks=tuple(provider_evidence.leaks(logs, secrets) + histories.leaks(sample, secrets)),
    )


def report_evidence(
    objects: Path,
    report_id: str,
    request: ReportRequest,
    tables: Tables,
    bills: provider_evidence.Bills,
    engine_status: str | None,
    reported: ReportedCharges | None,
) -> ReportEvidence:
    """Combine the evidence of all sources about one report."""
    row = tables.workflows.get(report_id, _MISSING_ROW)
    named = tables.reports.get(report_id)
    return ReportEvidence(
        report_id=report_id,
        word=request.word,
        status=row.status or None,
        error=row.closings[-1].error if row.closings else None,
        engine_started=row.engine_started,
        engine_status=engine_status,
        model_calls=bills.model_calls.get(report_id, 0),
        reported=reported,
        notifications=bills.notifications.get(report_id, 0),
        known_notifications=row.known_notifications,
        failure_notices=bills.failures.get(report_id, 0),
        documents=provider_evidence.documents(objects, named, request.word) if named else None,
        open_sends=row.open_sends,
        open_attempts=row.open_attempts,
        event_numbers=row.numbers,
        streamed_numbers=tuple(request.numbers),
        closings=row.closings,
        resumptions=row.resumptions,
        counted_failures=row.counted_failures,
        counted_messages=row.counted_messages,
        quirk=request.quirk,
        seconds=request.seconds,
    )


async def reported_charges(api: str, report_ids: Iterable[str]) -> dict[str, ReportedCharges]:
    """The charges that the API reports for each report."""
    semaphore = asyncio.Semaphore(8)
    found: dict[str, ReportedCharges] = {}

    async def fetch_charges(client: httpx.AsyncClient, report_id: str) -> None:
        async with semaphore:
            answer = await client.get(f"/api/workflows/{report_id}/status")
        if answer.status_code == httpx.codes.OK:
            found[report_id] = ReportedCharges(**answer.json()["charges"])

    async with httpx.AsyncClient(base_url=api, timeout=30) as client:
        await asyncio.gather(*(fetch_charges(client, report_id) for report_id in report_ids))
    return found
