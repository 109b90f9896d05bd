"""The table of metrics: Prometheus' conventions, closed label sets, and the page that lists every metric."""

import re
from pathlib import Path

import pytest

from durable_research.telemetry.metric import Metric, MetricKind, Role, Vocabulary
from durable_research.telemetry.metrics import METRICS, PREFIX

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
EVERY = pytest.mark.parametrize("metric", METRICS, ids=[metric.name for metric in METRICS])
_BASE_UNITS = ("_seconds", "_bytes", "_total", "_up")


def documented_row(metric: Metric) -> str:
    """The row of the page for a metric."""
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
    roles = ", ".join(role for role in Role if role in metric.roles)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {roles} | {metric.help} |"


@EVERY
def test_every_metric_is_documented_as_the_table_has_it(metric: Metric) -> None:
    assert documented_row(metric) in PAGE.read_text().splitlines()


def test_the_page_lists_no_unknown_metric() -> None:
    named = re.findall(rf"`((?:{PREFIX}|ai_)\w+_?\w*)`", PAGE.read_text())

    assert (
        set(named) - {metric.name for metric in METRICS} - {"ai_workflows_completed", "ai_activities_executed"} == set()
    )


def test_every_name_is_given_once() -> None:
    names = [metric.name for metric in METRICS]

    assert sorted(set(names)) == sorted(names)


@EVERY
def test_names_keep_to_the_conventions_and_out_of_the_sdks_way(metric: Metric) -> None:
    assert metric.name.startswith(PREFIX) != metric.of_sdk
    assert not metric.name.startswith("temporal_")
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is MetricKind.COUNTER)
    assert metric.name.endswith("_seconds") or metric.kind is not MetricKind.HISTOGRAM
    assert not re.search(r"_(milliseconds|ms|minutes|hours|kb|mb|percent)(_|$)", metric.name)


@EVERY
def test_buckets_rise_and_belong_to_histograms(metric: Metric) -> None:
    assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))


@EVERY
def test_no_label_names_a_tenant_a_person_a_text_or_an_id(metric: Metric) -> None:
    unbounded = {
        "tenant",
        "user",
        "username",
        "workflow_id",
        "report_id",
        "id",
        "key",
        "prompt",
        "title",
        "path",
        "url",
    }

    assert set(metric.labels) & (unbounded | {"le", "quantile", "job", "instance"}) == set()
    assert all(isinstance(values, Vocabulary) or (values and "" not in values) for values in metric.labels.values())
