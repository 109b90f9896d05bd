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
from durable_research.experiments.evidence.client import Asked
from durable_research.experiments.evidence.database_evidence import Tables, WorkflowRow, read_tables
from durable_research.experiments.evidence.evidence import Fired, Reported, ReportSeen, Seen
from durable_research.experiments.evidence.proof import billing_lines
from durable_research.local.data_folder import DataFolder
from durable_research.local.up import Up
from durable_research.payload_keys import parse_keys
from durable_research.temporal.payloads.converter import data_converter

_NAMESPACE = "default"
_GONE = WorkflowRow("", False, (), (), 0, 0, 0, 0, 0)


async def collect(
    up: Up,
    data: DataFolder,
    load: Load,
    fired: Sequence[Fired],
    faults: Iterable[Fault],
    secrets: Mapping[str, str],
    dice: random.Random,
    replays: int,
) -> Seen:
    """Read the database, the provider's log, the object folder, Temporal and the API."""
    accepted = {one.report_id: one for one in load.asked if one.report_id is not None}
    converter = data_converter(parse_keys(data.payload_keys.read_text()), _NAMESPACE)
    client = await Client.connect(up.temporal, namespace=_NAMESPACE, data_converter=converter)
    engine = await histories.last_statuses(client, accepted)
    tables = await read_tables(up.database)
    words = {one.word: report_id for report_id, one in accepted.items()}
    bills = provider_evidence.bills(billing_lines(data.billing_log), words, tables.owners)
    reported = await reported_charges(up.api, accepted)
    known = sorted(report_id for report_id, status in engine.items() if status)
    sample = await histories.fetch(client, dice.sample(known, min(replays, len(known))))
    logs = sorted(data.logs.glob("*"))
    return Seen(
        reports=tuple(
            report_seen(data.objects, report_id, one, tables, bills, engine[report_id], reported.get(report_id))
            for report_id, one in accepted.items()
        ),
        wanted=len(load.asked),
        planned=Counter((fault.role, fault.act) for fault in faults),
        fired=tuple(fired),
        unknown_rows=tuple(sorted(set(tables.workflows) - set(accepted))),
        strange_calls=bills.strange,
        orphans=tuple(sorted(provider_evidence.stored(data.objects) - tables.named_objects)),
        answers=dict(load.client.answers),
        undocumented=tuple(load.client.undocumented),
        replayed=len(sample),
        not_replayable=tuple(await histories.not_replayable(sample, converter)),
        searched=len(logs) + len(sample),
        leaks=tuple(provider_evidence.leaks(logs, secrets) + histories.leaks(sample, secrets)),
    )


def report_seen(
    objects: Path,
    report_id: str,
    asked: Asked,
    tables: Tables,
    bills: provider_evidence.Bills,
    engine_status: str | None,
    reported: Reported | None,
) -> ReportSeen:
    """Combine the evidence of all sources about one report."""
    row = tables.workflows.get(report_id, _GONE)
    named = tables.reports.get(report_id)
    return ReportSeen(
        report_id=report_id,
        word=asked.word,
        status=row.status or None,
        error=row.closings[-1].error if row.closings else None,
        engine_started=row.engine_started,
        engine_status=engine_status,
        model_calls=bills.model_calls.get(report_id, 0),
        reported=reported,
        notifications=bills.notifications.get(report_id, 0),
        known_notifications=row.known_notifications,
        failure_notices=bills.failures.get(report_id, 0),
        documents=provider_evidence.documents(objects, named, asked.word) if named else None,
        open_sends=row.open_sends,
        open_attempts=row.open_attempts,
        event_numbers=row.numbers,
        watched_numbers=tuple(asked.numbers),
        closings=row.closings,
        resumptions=row.resumptions,
        counted_failures=row.counted_failures,
        counted_messages=row.counted_messages,
        quirk=asked.quirk,
        seconds=asked.seconds,
    )


async def reported_charges(api: str, report_ids: Iterable[str]) -> dict[str, Reported]:
    """The charges that the API reports for each report."""
    gate = asyncio.Semaphore(8)
    found: dict[str, Reported] = {}

    async def ask(client: httpx.AsyncClient, report_id: str) -> None:
        async with gate:
            answer = await client.get(f"/api/workflows/{report_id}/status")
        if answer.status_code == httpx.codes.OK:
            found[report_id] = Reported(**answer.json()["charges"])

    async with httpx.AsyncClient(base_url=api, timeout=30) as client:
        await asyncio.gather(*(ask(client, report_id) for report_id in report_ids))
    return found
