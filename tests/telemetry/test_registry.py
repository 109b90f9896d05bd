"""The registry bounds its series, and its text is Prometheus'."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families

from durable_research.telemetry.exposition import Exposition, NameClash, families
from durable_research.telemetry.metric import Metric, MetricKind, Role, Vocabulary
from durable_research.telemetry.metrics import METRICS, SDK_METRICS_UP
from durable_research.telemetry.registry import Registry

WORKER = frozenset({Role.WORKER})
COUNTER = Metric(
    "durable_research_sent_total",
    MetricKind.COUNTER,
    "sends",
    WORKER,
    {"step": Vocabulary.STEP, "outcome": ("good", "bad")},
)
GAUGE = Metric("durable_research_waiting", MetricKind.GAUGE, "those that wait", WORKER, {"outcome": ("good", "bad")})
PLAIN = Metric("durable_research_age_seconds", MetricKind.GAUGE, "an age", WORKER)
HISTOGRAM = Metric(
    "durable_research_call_seconds", MetricKind.HISTOGRAM, "calls", WORKER, {"step": Vocabulary.STEP}, buckets=(1, 10)
)
OF_API = Metric("durable_research_streams", MetricKind.GAUGE, "streams", frozenset({Role.API}))
STEPS = {Vocabulary.STEP: {"llm_call", "create_pdf"}}
SDK_TEXT = b"# HELP temporal_request_total Count\n# TYPE temporal_request_total counter\ntemporal_request_total 3\n"


@pytest.fixture
def registry() -> Registry:
    return Registry(Role.WORKER, STEPS, (COUNTER, GAUGE, PLAIN, HISTOGRAM, OF_API, SDK_METRICS_UP))


def samples(text: bytes, name: str) -> dict[tuple[str, ...], float]:
    """The samples of this name, by the values of their labels in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
    }


def test_a_count_is_exported_with_its_labels(registry: Registry) -> None:
    registry.count(COUNTER, step="llm_call", outcome="bad")
    registry.count(COUNTER, 2, step="llm_call", outcome="bad")

    assert samples(registry.text(), COUNTER.name)["bad", "llm_call"] == 3


def test_a_counter_of_few_series_begins_at_zero(registry: Registry) -> None:
    assert samples(registry.text(), COUNTER.name) == {
        ("bad", "create_pdf"): 0, ("good", "create_pdf"): 0, ("bad", "llm_call"): 0, ("good", "llm_call"): 0,
    }  # fmt: skip


def test_unlisted_values_of_a_label_are_one_series(registry: Registry) -> None:
    before = len(samples(registry.text(), COUNTER.name))
    for number in range(1000):
        registry.count(COUNTER, step=f"step of user {number}", outcome=f"{number}")

    found = samples(registry.text(), COUNTER.name)

    assert found["other", "other"] == 1000
    assert len(found) == before + 1


def test_a_missing_label_is_a_mistake(registry: Registry) -> None:
    with pytest.raises(ValueError, match="label"):
        registry.count(COUNTER, step="llm_call")


def test_an_observation_falls_into_its_bucket(registry: Registry) -> None:
    registry.observe(HISTOGRAM, 4, step="llm_call")

    assert samples(registry.text(), f"{HISTOGRAM.name}_bucket") == {
        ("1.0", "llm_call"): 0, ("10.0", "llm_call"): 1, ("+Inf", "llm_call"): 1,
    }  # fmt: skip


def test_a_gauge_that_nobody_knows_is_not_exported(registry: Registry) -> None:
    registry.set(GAUGE, 5, outcome="good")
    registry.set(PLAIN, 5)
    registry.clear(GAUGE)
    registry.clear(PLAIN)

    assert samples(registry.text(), GAUGE.name) == {}
    assert re.search(rf"^{PLAIN.name} NaN$", registry.text().decode(), re.MULTILINE)


def test_a_gauge_that_was_never_set_is_no_number(registry: Registry) -> None:
    assert re.search(rf"^{PLAIN.name} NaN$", registry.text().decode(), re.MULTILINE)


def test_a_role_exports_its_own_metrics_alone(registry: Registry) -> None:
    assert OF_API.name not in families(registry.text())


class _SdkServer(BaseHTTPRequestHandler):
    text = SDK_TEXT

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def sdk_server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _SdkServer)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def address(server: HTTPServer) -> str:
    return f"127.0.0.1:{server.server_port}"


def test_the_sdks_text_follows_ours(registry: Registry, sdk_server: HTTPServer) -> None:
    text = Exposition(registry, address(sdk_server))()

    assert text.endswith(SDK_TEXT)
    assert samples(text, SDK_METRICS_UP.name) == {(): 1}
    assert families(text) > {"temporal_request_total", COUNTER.name}


def test_ours_is_served_and_says_so_when_the_sdk_does_not_answer(registry: Registry, sdk_server: HTTPServer) -> None:
    exposition = Exposition(registry, address(sdk_server))
    exposition()
    sdk_server.shutdown()
    sdk_server.server_close()

    text = exposition()

    assert samples(text, SDK_METRICS_UP.name) == {(): 0}
    assert COUNTER.name in families(text)


def test_a_name_that_both_would_print_is_an_error_at_the_start(
    registry: Registry, sdk_server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Exposition(registry, address(sdk_server)).check_names()
    monkeypatch.setattr(_SdkServer, "text", SDK_TEXT.replace(b"temporal_request_total", COUNTER.name.encode()))

    with pytest.raises(NameClash, match=COUNTER.name):
        Exposition(registry, address(sdk_server)).check_names()


def test_a_counter_of_the_sdk_is_not_made_twice() -> None:
    registry = Registry(Role.WORKER, dict.fromkeys(Vocabulary, ("one",)))

    assert families(registry.text()) & {metric.name for metric in METRICS if metric.of_sdk} == set()
    assert families(registry.text()) >= {
        metric.name for metric in METRICS if Role.WORKER in metric.roles and not metric.of_sdk
    }
