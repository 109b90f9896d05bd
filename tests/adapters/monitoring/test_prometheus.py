"""Series of Prometheus' HTTP API, from a server of the test's own; and the queries, read by Prometheus' own checker."""

import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quart import Quart, Response, request

from durable_research.adapters.monitoring.prometheus import PrometheusSeries
from durable_research.domain.errors import InfrastructureDown
from durable_research.ports.series import Line, Span
from durable_research.telemetry.charts import CHARTS
from tests.adapters.models.serving import serving
from tests.programs import promtool

UNTIL = datetime(2026, 8, 1, 12, tzinfo=UTC)
SPAN = Span(UNTIL, 120, 3)
Answer = Callable[[str], Any]


@asynccontextmanager
async def answering(answer: Answer, status: int = 200) -> AsyncIterator[tuple[PrometheusSeries, list[dict[str, str]]]]:
    """A Prometheus that answers each query by `answer`, and the parameters of its requests."""
    app, requests = Quart(__name__), list[dict[str, str]]()

    async def query_range() -> Response:
        requests.append(dict(request.args))
        body = answer(request.args["query"])
        return Response(body if isinstance(body, bytes) else json.dumps(body), status)

    app.add_url_rule("/prometheus/api/v1/query_range", view_func=query_range)
    async with serving(app) as address:
        yield PrometheusSeries(f"{address}/prometheus/"), requests


def matrix(*series: tuple[dict[str, str], list[tuple[datetime, str]]]) -> dict[str, Any]:
    """A range query's answer."""
    result = [
        {"metric": labels, "values": [[at.timestamp(), text] for at, text in values]} for labels, values in series
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


async def test_values_stand_at_the_ends_of_the_steps_and_lines_have_their_labels_names() -> None:
    def answer(query: str) -> dict[str, Any]:
        if "attempts_ended" not in query:
            return matrix()
        if '"lost"' in query:
            return matrix(({"step": "create_pdf"}, [(UNTIL, "1.0042")]))
        labels = {"code": "model_busy", "step": "llm_call"}
        return matrix((labels, [(UNTIL - timedelta(seconds=240), "2"), (UNTIL - timedelta(seconds=120), "NaN")]))

    async with answering(answer) as (prometheus, requests):
        found = await prometheus.read(SPAN)

    assert found["retries"] == [
        Line("llm_call · model_busy", (2.0, None, None)),
        Line("create_pdf · worker lost", (None, None, 1.0)),
    ]
    assert {chart for chart, lines in found.items() if not lines} == {one.name for one in CHARTS} - {"retries"}
    assert {(one["start"], one["end"], one["step"]) for one in requests} == {
        (f"{UNTIL.timestamp() - 240:.3f}", f"{UNTIL.timestamp():.3f}", "120")
    }
    assert sorted(one["query"] for one in requests) == sorted(
        query.over(120) for chart in CHARTS for query in chart.queries
    )


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (503, b"", "Prometheus answers HTTP 503"),
        (400, b'{"status": "error"}', "Prometheus answers HTTP 400"),
        (302, b"", "Prometheus answers HTTP 302"),
        (200, b"<html>", "what answers there is not Prometheus"),
        (200, b"[]", "what answers there is not Prometheus"),
        (200, b'{"data": {"result": [{"metric": [], "values": []}]}}', "what answers there is not Prometheus"),
        (200, b'{"data": {"result": [{"metric": {}, "values": [[1]]}]}}', "what answers there is not Prometheus"),
        (200, b"x" * (3 << 20), "Prometheus' answer does not come to an end"),
    ],
)
async def test_another_answer_is_an_outage_with_its_reason(status: int, body: bytes, words: str) -> None:
    async with answering(lambda _: body, status) as (prometheus, _):
        with pytest.raises(InfrastructureDown) as down:
            await prometheus.read(SPAN)

    assert down.value.detail == words


async def test_an_unreachable_address_is_said_without_the_address() -> None:
    with pytest.raises(InfrastructureDown) as down:
        await PrometheusSeries("http://user:canary@127.0.0.1:1").read(SPAN)

    assert down.value.detail.startswith("Prometheus cannot be reached (")
    assert "canary" not in down.value.detail


def test_prometheus_own_checker_reads_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"chart:{chart.name}:{number}", "expr": query.over(120)}
        for chart in CHARTS
        for number, query in enumerate(chart.queries)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "charts", "rules": rules}]}))  # JSON is YAML, too

    checked = subprocess.run([promtool(), "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_series_counts_from_its_first_event_and_not_from_when_prometheus_found_it(tmp_path: Path) -> None:
    retries = next(chart for chart in CHARTS if chart.name == "retries").queries[1].over(120)
    worker = '{job="worker", instance="1", step="llm_call", outcome="lost"}'
    began = '{job="worker", instance="1"}'

    def case(started: str, lost: str, expected: float) -> dict[str, Any]:
        """What is counted after four minutes."""
        series = {
            f"process_start_time_seconds{began}": started,
            f"durable_research_attempts_ended_total{worker}": lost,
        }
        sample = {"labels": '{step="llm_call"}', "value": expected}
        return {
            "interval": "30s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [{"expr": retries, "eval_time": "4m", "exp_samples": [sample]}],
        }

    duration = next(chart for chart in CHARTS if chart.name == "duration").queries[0].over(120)
    first = {
        "interval": "30s",
        "input_series": [
            {"series": f"process_start_time_seconds{began}", "values": "0x20"},
            *(
                {
                    "series": f'durable_research_workflow_processing_seconds_bucket{{job="worker", instance="1", le="{le}"}}',
                    "values": f"_x6 {number}x10",
                }
                for le, number in (("1", 0), ("5", 1), ("+Inf", 1))
            ),
        ],
        "promql_expr_test": [{"expr": duration, "eval_time": "4m", "exp_samples": [{"labels": "{}", "value": 3}]}],
    }
    cases = [
        first,
        case("0x20", "_x6 2x10", 2),  # its first events
        case("_x6 200x10", "_x6 2x10", 2),  # of a process that has just started
        case("_x6 0x10", "_x6 500x10", 0),  # of one that Prometheus has just found
        case("0x20", "7x20", 0),
    ]
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"tests": cases}))

    checked = subprocess.run([promtool(), "test", "rules", str(file)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr
