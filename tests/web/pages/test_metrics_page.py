"""The metrics page and its JSON: from which source, what each says of itself, and all of it without a script."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from durable_research import web
from durable_research.telemetry.charts import CHARTS
from durable_research.telemetry.metric import MetricKind
from durable_research.telemetry.metrics import METRICS
from tests.web.harness import AWAY_SECONDS, Harness
from tests.web.pages.test_pages import SCRIPT, page
from tests.web.system_fakes import FakeSeries, HangingPart

Charted = dict[str, list[float | None]]
VENDORED = Path(str(web.__path__[0])) / "vendored"
OF_PROMETHEUS: dict[str, Charted] = {"throughput": {"done": [3.0, 4.0]}, "queues": {"research": [61.25]}}
OF_TABLES: dict[str, Charted] = {
    "throughput": {"done": [7.0], "failed": [0.0]},
    "duration": {"p50": [None, 2.5]},
    "retries": {},
}


@pytest.fixture
def prometheus(harness: Harness) -> FakeSeries:
    """A Prometheus with lines; the tables have others."""
    harness.world.series.lines = dict(OF_TABLES)
    found = FakeSeries(HangingPart("prometheus"), dict(OF_PROMETHEUS))
    harness.world.prometheus = found
    harness.rebuild()
    return found


async def metrics(client: QuartClient, span: str = "1h") -> dict[str, Any]:
    response = await client.get(f"/api/metrics?range={span}")
    assert response.status_code == 200
    return dict(await response.get_json())


def chart(body: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(next(one for one in body["charts"] if one["name"] == name))


async def test_lines_are_prometheus_where_it_answers(harness: Harness, prometheus: FakeSeries) -> None:
    client = QuartClient(harness.app)

    body = await metrics(client)
    text = await page(client, "/metrics-ui?range=1h")

    assert (body["source"], body["problem"]) == ("prometheus", None)
    assert chart(body, "throughput")["lines"] == [{"name": "done", "values": [None] * 28 + [3.0, 4.0]}]
    assert "From Prometheus" in text
    assert "research <span" in text
    assert "1 min 01 s at the end" in text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("away", "the prometheus does not answer"),
        ("hangs", f"Prometheus does not answer within {AWAY_SECONDS:g} s"),
        ("empty", "Prometheus answers, and has nothing of ours in this time"),
    ],
)
async def test_lines_are_the_tables_where_prometheus_is_away_slow_or_empty(
    harness: Harness, prometheus: FakeSeries, state: str, sentence: str
) -> None:
    part = prometheus.part
    assert isinstance(part, HangingPart)
    part.is_away, part.hangs = state == "away", state == "hangs"
    prometheus.lines = {"throughput": {"done": [None]}} if state == "empty" else prometheus.lines
    client = QuartClient(harness.app)

    body = await metrics(client)
    text = await page(client, "/metrics-ui?range=1h")

    assert (body["source"], body["problem"]) == ("postgresql", sentence)
    assert chart(body, "throughput")["lines"] == [{"name": "done", "values": [None] * 29 + [7.0]}]
    assert f"{sentence[:1].upper()}{sentence[1:]}. So these are read from PostgreSQL" in text


async def test_without_prometheus_the_tables_say_what_they_count_and_what_they_do_not_know(
    client: QuartClient, harness: Harness
) -> None:
    harness.world.series.lines = dict(OF_TABLES)

    body = await metrics(client)
    text = await page(client, "/metrics-ui")

    assert (body["source"], body["problem"]) == ("postgresql", None)
    assert chart(body, "throughput")["words"] == "by how they ended, from the progress log"
    assert (chart(body, "throughput")["known"], chart(body, "queues")["known"]) == (True, False)
    assert "Only Prometheus keeps this." in text
    assert "DURABLE_RESEARCH_PROMETHEUS_URL" in text


async def test_with_every_source_away_the_page_says_so(harness: Harness, prometheus: FakeSeries) -> None:
    prometheus.part.is_away = harness.world.database.is_away = True
    client = QuartClient(harness.app)

    body = await metrics(client)
    text = await page(client, "/metrics-ui")

    assert body["source"] == "none"
    assert body["problem"] == "the prometheus does not answer; the database does not answer"
    assert "Nothing can be read now" in text


async def test_each_charts_values_stand_in_a_table_with_the_query(harness: Harness, prometheus: FakeSeries) -> None:
    text = await page(QuartClient(harness.app), "/metrics-ui?range=1h")

    table = text.partition('id="throughput-table"')[2].partition("</table>")[0]
    assert re.findall(r'data-value="([\d.]+)">([\d,.]+)<', table) == [("3.0", "3"), ("4.0", "4")]
    assert table.count("<td") == 30
    assert "sum by (outcome) (increase(durable_research_workflows_ended_total[120s]))" in text


async def test_a_lines_name_is_escaped(harness: Harness, prometheus: FakeSeries) -> None:
    prometheus.lines = {"retries": {SCRIPT: [1.0]}}

    text = await page(QuartClient(harness.app), "/metrics-ui")

    assert SCRIPT not in text
    assert "&lt;script&gt;" in text


async def test_many_lines_become_the_largest_and_the_rest(harness: Harness, prometheus: FakeSeries) -> None:
    prometheus.lines = {"retries": {f"step {number}": [float(number)] for number in range(12)}}

    lines = chart(await metrics(QuartClient(harness.app)), "retries")["lines"]

    assert [(line["name"], line["values"][-1]) for line in lines] == [
        *((f"step {number}", float(number)) for number in range(11, 4, -1)),
        ("the rest", 1.0 + 2 + 3 + 4),
    ]


@pytest.mark.parametrize(("span", "steps", "seconds"), [("1h", 30, 120), ("24h", 48, 1800), ("7d", 42, 14400)])
async def test_each_range_has_its_steps(client: QuartClient, span: str, steps: int, seconds: int) -> None:
    body = await metrics(client, span)

    assert (body["range"], len(body["times"]), body["step_seconds"]) == (span, steps, seconds)
    assert f'href="/metrics-ui?range={span}" aria-current="true"' in await page(client, f"/metrics-ui?range={span}")


@pytest.mark.parametrize("query", ["range=2h", "range=", "range=1h&range=1h", "query=up"])
@pytest.mark.parametrize("path", ["/metrics-ui", "/api/metrics"])
async def test_no_other_range_and_no_query_of_a_client_is_accepted(client: QuartClient, path: str, query: str) -> None:
    assert (await client.get(f"{path}?{query}")).status_code == 422


async def test_the_page_keeps_to_the_content_security_policy(client: QuartClient, harness: Harness) -> None:
    harness.world.series.lines = dict(OF_TABLES)

    text = await page(client, "/metrics-ui")

    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text) == []
    assert all(
        address.startswith("/static/") for address in re.findall(r'(?:src|href)="([^"]+\.(?:js|css)\?[^"]*)"', text)
    )


def test_queries_name_metrics_that_exist() -> None:
    histogram = {f"{one.name}_bucket" for one in METRICS if one.kind is MetricKind.HISTOGRAM}
    known = {one.name for one in METRICS} | histogram

    named = {name for chart in CHARTS for query in chart.queries for name in re.findall(r"\bdurable_\w+", query.promql)}

    assert named - known == set()


def test_queries_name_labels_and_values_that_exist() -> None:
    by_name = {one.name: one for one in METRICS}
    for query in (query.promql for chart in CHARTS for query in chart.queries):
        for metric in (one for name, one in by_name.items() if name in query):
            for by in re.findall(r"by \(([^)]+)\)", query):
                assert set(by.split(", ")) <= {*metric.labels, "le"}, query
            for selector in re.findall(rf"{metric.name}\{{([^}}]+)\}}", query):
                for label, values in re.findall(r'(\w+)!?=~?"([^"]+)"', selector):
                    assert set(values.split("|")) <= set(metric.labels[label]), query


def test_vendored_files_are_the_recorded_ones() -> None:
    recorded = json.loads((VENDORED / "vendored.json").read_text())
    hashes = {name: file["sha256"] for package in recorded.values() for name, file in package["files"].items()}

    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDORED.iterdir()}

    assert found.pop("vendored.json")
    assert found == hashes
    for name, package in recorded.items():
        assert f"(v{package['version']})" in (VENDORED / f"{name}.js").read_text()[:100]


async def test_vendored_files_are_served_and_their_records_are_not(client: QuartClient) -> None:
    served = {path.name: (await client.get(f"/static/{path.name}")).status_code for path in VENDORED.iterdir()}

    assert served == {"uplot.js": 200, "uplot.css": 200, "uplot.LICENSE": 404, "vendored.json": 404}
